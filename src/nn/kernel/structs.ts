/** The structures of `assembly/structs.ts`, written field by field in the same order. */
import { packedLength, wideOf, type Part } from '../packing.ts';
import { cellOf, gatesOf, spreadOf, widthOf, type NetworkShape } from '../shape.ts';
import type { Instance } from './instance.ts';

/** Words of a Layer; its fields are listed in {@link writeModel}. */
const LAYER = 14;
const MODEL = 22;
/** By their numbers in `assembly/cells/index.ts`. */
const CELLS = ['rnn', 'gru before', 'gru after', 'lstm', 'lstm relevance', 'none'];

/**
 * Floats of a row of the cell's gates: the groups of `wide` columns, and a gap of 16.
 *
 * Without the gap rows would often lie a power of two apart, and a column of them would fight for the same few cache lines.
 */
export function gatesRow(shape: NetworkShape): number {
  return (cellOf(shape) === 'gru after' ? 4 : gatesOf(shape)) * wideOf(shape.hidden) + 16;
}

/** Words that {@link writeModel} takes beside the weights: what `training` adds are the transposed weights, with those of x where its gradient is asked for. */
export function modelWords(shape: NetworkShape, training: boolean, ofX = shape.embedding !== undefined): number {
  const wide = wideOf(shape.hidden);
  const wide0 = ofX ? packedLength(gatesOf(shape) * wide + wideOf(shape.outputs), widthOf(shape)) : 0;
  const transposed = training
    ? wide0 +
      shape.layers * (2 * packedLength(gatesOf(shape) * wide, shape.hidden) + packedLength(wide, shape.hidden)) +
      packedLength(wideOf(shape.outputs), shape.hidden)
    : 0;
  return MODEL + LAYER * shape.layers + transposed;
}

/**
 * Writes a Model and its Layers and gives its address.
 *
 * `weights` and `gradients` are the addresses of packed weights; without gradients the training half is 0. `ofX`: as in {@link modelWords}.
 */
export function writeModel(
  instance: Instance,
  shape: NetworkShape,
  parts: readonly Part[],
  weights: number,
  gradients?: number,
  ofX = shape.embedding !== undefined,
): number {
  const at = (name: string, base: number | undefined): number => {
    const part = parts.find((one) => one.name === name);
    return part && base !== undefined ? base + 4 * part.offset : 0;
  };
  const transposed = (name: string): number => {
    const part = parts.find((one) => one.name === name);
    return part && gradients !== undefined ? instance.take(packedLength(part.gates * part.wide, part.k)) : 0;
  };
  const layers: number[] = [];
  for (let i = 0; i < shape.layers; i++) {
    layers.push(i === 0 ? widthOf(shape) : shape.hidden);
    for (const name of ['w', 'b', 'u', 'un', 'bn']) layers.push(at(`${i}.${name}`, weights));
    layers.push(i === 0 && !ofX ? 0 : transposed(`${i}.w`), transposed(`${i}.u`), transposed(`${i}.un`));
    for (const name of ['w', 'b', 'u', 'un', 'bn']) layers.push(at(`${i}.${name}`, gradients));
  }
  const first = instance.take(layers.length);
  const cell = CELLS.indexOf(cellOf(shape));
  const model = [
    ...[cell, shape.layers, widthOf(shape), shape.hidden, wideOf(shape.hidden), 4 * gatesRow(shape)],
    ...[shape.outputs, wideOf(shape.outputs), first],
    ...[at('head.w', weights), at('head.b', weights), at('head.s', weights), transposed('head.w')],
    ...[at('head.w', gradients), at('head.b', gradients), at('head.s', gradients)],
    ...[shape.inputs, shape.categories ?? 0, spreadOf(shape), at('embed', weights), at('embed', gradients)],
    shape.embedding ? transposed('head.s') : 0,
  ];
  const address = instance.take(MODEL);
  instance.words(first, layers.length).set(layers);
  instance.words(address, MODEL).set(model);
  return address;
}
