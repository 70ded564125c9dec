/**
 * From a Keras model to a network of ours and back: the same numbers in another order.
 *
 * Keras keeps a kernel as [inputs, G*H], ours is [G*H, inputs]. Gates: a GRU's are z, r, h in Keras and r, z, n here; an LSTM's are the
 * same four in the same order. Both turn z the same way, h = (1 - z) * n + z * h_prev, so nothing is negated. A Keras GRU with
 * `reset_after` has two rows of biases, of the input and of the state: r and z need only their sum, n needs both.
 */
import { gatesOf, cellOf, tensorsOf, type NetworkShape, type Weights } from '../nn/shape.ts';
import { exportable, type KnownCell } from './exportable.ts';
import type { KerasModel } from './keras-files.ts';
import { denseConfig, recurrentConfig, RECURRENT, unsupported, type KerasLayer } from './keras-layers.ts';

/** Which gate of Keras is gate g of ours, and the other way round. */
export const GATES: Readonly<Record<KnownCell, readonly number[]>> = {
  rnn: [0],
  gru: [1, 0, 2],
  lstm: [0, 1, 2, 3],
};
const CELLS: Readonly<Record<string, KnownCell>> = { SimpleRNN: 'rnn', GRU: 'gru', LSTM: 'lstm' };

/**
 * The network that a Keras model is: recurrent layers of one kind and size, one dense layer, and perhaps a second dense layer from the
 * input to the same output, added to it (our skip). Dropout is left out, as in prediction. Throws KERAS_UNSUPPORTED, NN_SHAPE.
 */
export function toNetwork(model: KerasModel): { shape: NetworkShape; weights: Weights } {
  const { layers, head, skip } = recognized(model);
  const first = recurrentConfig(layers[0]!);
  const cell = CELLS[layers[0]!.type]!;
  const shape: NetworkShape = {
    cell,
    ...(cell === 'gru' ? { reset: first.reset_after ? ('after' as const) : ('before' as const) } : {}),
    inputs: model.topology.inputs,
    hidden: first.units,
    layers: layers.length,
    outputs: denseConfig(head).units,
    skip: skip !== undefined,
  };
  const weights = new Map<string, Float32Array>(
    tensorsOf(shape).map(({ name, shape: sizes }) => [name, new Float32Array(sizes.reduce((product, n) => product * n, 1))]),
  );
  layers.forEach((layer, i) => {
    const tensors = model.tensors.get(layer.name)!;
    turned(tensors.get('kernel')!, GATES[cell], shape.hidden, weights.get(`layers.${i}.w`)!);
    turned(tensors.get('recurrent_kernel')!, GATES[cell], shape.hidden, weights.get(`layers.${i}.u`)!);
    const bias = tensors.get('bias');
    if (bias) takeBias(shape, bias, weights.get(`layers.${i}.b`)!, weights.get(`layers.${i}.bn`));
  });
  for (const [dense, name] of [
    [head, 'head.w'],
    [skip, 'head.s'],
  ] as const) {
    if (!dense) continue;
    const tensors = model.tensors.get(dense.name)!;
    turned(tensors.get('kernel')!, [0], shape.outputs, weights.get(name)!);
    const b = weights.get('head.b')!;
    tensors.get('bias')?.forEach((value, o) => (b[o]! += value));
  }
  return { shape, weights };
}

/** A kernel [k, G*width] of Keras into ours [G*width, k], or a bias [G*width], gates in our order. */
function turned(kernel: Float32Array, gates: readonly number[], width: number, into: Float32Array): void {
  const rows = gates.length * width;
  const k = into.length / rows;
  gates.forEach((theirs, ours) => {
    for (let j = 0; j < width; j++)
      for (let i = 0; i < k; i++) into[(ours * width + j) * k + i] = kernel[i * rows + theirs * width + j]!;
  });
}

/** The inverse of {@link turned}. */
export function turnedBack(ours: Float32Array, gates: readonly number[], width: number): Float32Array<ArrayBuffer> {
  const rows = gates.length * width;
  const k = ours.length / rows;
  const kernel = new Float32Array(ours.length);
  gates.forEach((theirs, gate) => {
    for (let j = 0; j < width; j++)
      for (let i = 0; i < k; i++) kernel[i * rows + theirs * width + j] = ours[(gate * width + j) * k + i]!;
  });
  return kernel;
}

function takeBias(shape: NetworkShape, bias: Float32Array, b: Float32Array, bn: Float32Array | undefined): void {
  const H = shape.hidden;
  turned(bias.subarray(0, b.length), GATES[exportable(shape)], H, b);
  if (cellOf(shape) !== 'gru after') return;
  const ofState = new Float32Array(gatesOf(shape) * H);
  turned(bias.subarray(b.length), GATES[exportable(shape)], H, ofState);
  for (let j = 0; j < 2 * H; j++) b[j]! += ofState[j]!;
  bn!.set(ofState.subarray(2 * H));
}

interface Recognized {
  /** From the input upwards. */
  readonly layers: readonly KerasLayer[];
  readonly head: KerasLayer;
  readonly skip: KerasLayer | undefined;
}

function recognized({ topology }: KerasModel): Recognized {
  const byName = new Map(topology.layers.map((layer) => [layer.name, layer]));
  const used = new Set<KerasLayer>();
  /** The layer of that name, or what lies before it where it is a dropout; undefined for the input. */
  const at = (name: string): KerasLayer | undefined => {
    const layer = byName.get(name);
    if (layer) used.add(layer);
    return layer?.type === 'Dropout' ? at(layer.from[0]!) : layer;
  };
  const whole = { name: topology.output, type: 'model' };
  const last = at(topology.output) ?? refuse(whole, 'it has no layers');
  const parts = last.type === 'Add' ? last.from.map((name) => at(name) ?? refuse(last, 'it adds the input itself')) : [last];
  const skip = parts.length === 2 ? parts.find((part) => part.type === 'Dense' && at(part.from[0]!) === undefined) : undefined;
  const [head, ...more] = parts.filter((part) => part !== skip);
  if (!head || more.length > 0) refuse(last, 'only a dense layer of the input may be added to the head');
  for (const dense of [head, ...(skip ? [skip] : [])]) {
    if (dense.type !== 'Dense') refuse(dense, 'the model must end in a Dense layer');
    if (denseConfig(dense).activation !== 'linear') refuse(dense, 'the activation of the head must be linear');
  }
  const layers: KerasLayer[] = [];
  for (let layer = at(head.from[0]!); layer; layer = at(layer.from[0]!)) layers.unshift(layer);
  for (const layer of layers) sameKind(layers[0]!, layer);
  if (layers.length === 0) refuse(head, 'there is no recurrent layer below it');
  const unused = topology.layers.find((layer) => !used.has(layer));
  if (unused) refuse(unused, 'the output does not depend on it');
  return { layers, head, skip };
}

function sameKind(first: KerasLayer, layer: KerasLayer): void {
  if (!Object.hasOwn(RECURRENT, layer.type))
    refuse(layer, 'below the head only SimpleRNN, GRU, LSTM and Dropout can be taken over');
  if (layer.type !== first.type) refuse(layer, `all recurrent layers must be of one kind, here ${first.type}`);
  const [a, b] = [recurrentConfig(first), recurrentConfig(layer)];
  if (a.units !== b.units) refuse(layer, `all recurrent layers must have as many units, here ${a.units}`);
  if (a.reset_after !== b.reset_after) refuse(layer, 'all must have the same reset_after');
  if (b.activation !== 'tanh') refuse(layer, 'its activation must be tanh');
  if (layer.type !== 'SimpleRNN' && b.recurrent_activation !== 'sigmoid')
    refuse(layer, 'its recurrent_activation must be sigmoid');
}

function refuse(layer: Pick<KerasLayer, 'name' | 'type'>, problem: string): never {
  throw unsupported(layer, problem);
}
