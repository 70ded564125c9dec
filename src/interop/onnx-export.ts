/**
 * A network of ours as an ONNX file: one step, with the state as input and output.
 *
 * ONNX orders the gates of a GRU z, r, h and of an LSTM i, o, f, c, and turns z as we do: h = (1 - z) * n + z * h_prev.
 */
import { gatesOf, cellOf, stateSizeOf, type NetworkShape, type Weights } from '../nn/shape.ts';
import { exportable, type KnownCell } from './exportable.ts';
import { writeNewFile } from './new-files.ts';
import { encodeOnnx, type OnnxConstant, type OnnxGraph, type OnnxNode } from './onnx-protobuf.ts';

const OPERATIONS: Readonly<Record<KnownCell, string>> = { rnn: 'RNN', gru: 'GRU', lstm: 'LSTM' };
/** Which gate of ours is gate g of ONNX. */
const GATES: Readonly<Record<KnownCell, readonly number[]>> = { rnn: [0], gru: [1, 0, 2], lstm: [0, 3, 1, 2] };

/** Writes a new file; throws EXPORT_UNSAVED, also where it exists. */
export function exportOnnx(path: string, shape: NetworkShape, weights: Weights): void {
  writeNewFile(path, encodeOnnx(graphOf(shape, weights)));
}

/**
 * x [batch, inputs], h and for `lstm` c [layers, batch, hidden] to y [batch, outputs], h_next and c_next. A series begins with zeros
 * for h and c; what came out as h_next goes in as h at the next step.
 */
export function graphOf(shape: NetworkShape, weights: Weights): OnnxGraph {
  const { inputs, hidden, layers, outputs } = shape;
  const cell = exportable(shape);
  const states = stateSizeOf(shape) > layers * hidden ? ['h', 'c'] : ['h'];
  const constants: OnnxConstant[] = [whole('zero', [0])];
  const nodes: OnnxNode[] = [{ op: 'Unsqueeze', inputs: ['x', 'zero'], outputs: ['rows_0'] }];
  const each = (name: string) => Array.from({ length: layers }, (_, i) => `${name}_${i}`);
  for (const state of states) nodes.push({ op: 'Split', inputs: [state], outputs: each(state), attributes: { axis: 0 } });
  for (let i = 0; i < layers; i++) {
    constants.push(...layerConstants(shape, weights, i));
    nodes.push({
      op: OPERATIONS[cell],
      // the output of a sequence of one row is the state after it
      inputs: [`rows_${i}`, `w_${i}`, `u_${i}`, `b_${i}`, '', ...states.map((state) => `${state}_${i}`)],
      outputs: ['', `rows_${i + 1}`, ...states.slice(1).map((state) => `${state}_next_${i}`)],
      attributes: { hidden_size: hidden, ...(cellOf(shape) === 'gru after' ? { linear_before_reset: 1 } : {}) },
    });
  }
  const after = { h: each('rows').map((_, i) => `rows_${i + 1}`), c: each('c_next') };
  for (const state of states as ('h' | 'c')[])
    nodes.push({ op: 'Concat', inputs: after[state], outputs: [`${state}_next`], attributes: { axis: 0 } });
  const floats = (name: string, sizes: readonly number[]): OnnxConstant => ({
    name,
    shape: sizes,
    values: weights.get(name)!,
  });
  constants.push(floats('head.w', [outputs, hidden]), floats('head.b', [outputs]));
  if (shape.skip) constants.push(floats('head.s', [outputs, inputs]));
  nodes.push({ op: 'Squeeze', inputs: [`rows_${layers}`, 'zero'], outputs: ['top'] });
  nodes.push(product('top', 'head.w', 'head.b', shape.skip ? 'head' : 'y'));
  if (shape.skip) nodes.push(product('x', 'head.s', 'head', 'y'));
  const stateShape = [layers, 'batch', hidden];
  return {
    name: 'step',
    doc: 'One step of a recurrent network: begin with zeros for the state, then feed h_next (and c_next) back as h (and c).',
    inputs: [{ name: 'x', shape: ['batch', inputs] }, ...states.map((name) => ({ name, shape: stateShape }))],
    outputs: [{ name: 'y', shape: ['batch', outputs] }, ...states.map((name) => ({ name: `${name}_next`, shape: stateShape }))],
    constants,
    nodes,
  };
}

/** rows * matrix^T + bias */
function product(rows: string, matrix: string, bias: string, output: string): OnnxNode {
  return { op: 'Gemm', inputs: [rows, matrix, bias], outputs: [output], attributes: { transB: 1 } };
}

function layerConstants(shape: NetworkShape, weights: Weights, layer: number): OnnxConstant[] {
  const { inputs, hidden } = shape;
  const cell = exportable(shape);
  const rows = gatesOf(shape) * hidden;
  const get = (name: string) => weights.get(`layers.${layer}.${name}`)!;
  const ordered = (name: string) => inOrder(get(name), GATES[cell]);
  // both of ONNX's biases, of the input and of the state; a GRU with reset after keeps n's apart
  const bias = new Float32Array(2 * rows);
  bias.set(ordered('b'));
  if (cellOf(shape) === 'gru after') bias.set(get('bn'), 2 * rows - hidden);
  return [
    { name: `w_${layer}`, shape: [1, rows, layer === 0 ? inputs : hidden], values: ordered('w') },
    { name: `u_${layer}`, shape: [1, rows, hidden], values: ordered('u') },
    { name: `b_${layer}`, shape: [1, 2 * rows], values: bias },
  ];
}

/** A tensor's gates in another order. */
function inOrder(tensor: Float32Array, gates: readonly number[]): Float32Array {
  const size = tensor.length / gates.length;
  const ordered = new Float32Array(tensor.length);
  gates.forEach((ours, theirs) => ordered.set(tensor.subarray(ours * size, (ours + 1) * size), theirs * size));
  return ordered;
}

function whole(name: string, values: readonly number[]): OnnxConstant {
  return { name, shape: [values.length], values: BigInt64Array.from(values, BigInt) };
}
