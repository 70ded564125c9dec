/** The sizes of a network, the names and shapes of its tensors, and what is allowed. */
import { TidecastError } from '../core/errors.ts';

/** Sizes and kind of a recurrent network; plain data, kept in the model file. */
export interface NetworkShape {
  readonly cell: 'rnn' | 'gru' | 'lstm' | 'none';
  /** GRU only: whether the reset gate acts before or after the recurrent product. Left out, it is `after`. */
  readonly reset?: 'before' | 'after';
  /** LSTM only: with a relevance gate, and no tanh at the output. Left out, it is the usual one. */
  readonly variant?: 'relevance';
  /**
   * Every layer runs forwards and backwards over a whole sequence, each direction with weights of its own, and what both give at a step goes
   * on to the layer above: see `Bidirectional`. Only for sequences whose end is known.
   */
  readonly bidirectional?: true;
  /** Numbers in an input row. */
  readonly inputs: number;
  /** The first number of an input row is one of so many categories, 0 upwards. Left out, it is a number like the others. */
  readonly categories?: number;
  /** How many numbers a category becomes, by a table that is learnt. Left out, it becomes one-hot. */
  readonly embedding?: number;
  /** Units of each layer, and each direction. */
  readonly hidden: number;
  /** With `none` 0 as well: a linear map, `hidden` being the width of a row as the first layer sees it. */
  readonly layers: number;
  /** Numbers in an output row. */
  readonly outputs: number;
  /** Whether a linear map of the current input row is added to the output. */
  readonly skip: boolean;
}

/** A tensor's name and its row-major shape. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Tensors by name, in the order of {@link tensorsOf}, row-major. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** The largest sizes; each is checked before anything is allocated. */
export const LARGEST = {
  inputs: 16384,
  categories: 16384,
  embedding: 1024,
  hidden: 4096,
  layers: 8,
  outputs: 16384,
  parameters: 67108864,
} as const;

/**
 * The tensors of a network, in the order in which they are stored.
 *
 * `embed.w` [categories, embedding] with an embedding; `layers.N.w` [G*H, inputs], `.u` [G*H, H], `.b` [G*H], with G*H rows in the gate order of PyTorch (GRU r, z, n; LSTM i, f, g, o),
 * and r, u, f, o, n for an LSTM with relevance gate; no `.u` for `none`; `.bn` [H] for a GRU with reset after; `head.w` [outputs, H], `head.b` [outputs], `head.s` [outputs, inputs] with a skip.
 * Bidirectional: beside each tensor of a layer that of its way back, `layers.N.back.w`; layers above the first, and the head, take 2 H, forward first.
 * Throws NN_SHAPE or NN_TOO_LARGE where a size is out of range.
 */
export function tensorsOf(shape: NetworkShape): readonly Tensor[] {
  checkShape(shape);
  return listed(shape);
}

function listed(shape: NetworkShape): Tensor[] {
  const { hidden, outputs } = shape;
  const inputs = widthOf(shape);
  const rows = gatesOf(shape) * hidden;
  const tensors: Tensor[] = [];
  const wide = shape.bidirectional ? 2 * hidden : hidden;
  if (shape.embedding) tensors.push({ name: 'embed.w', shape: [shape.categories!, shape.embedding] });
  for (let i = 0; i < shape.layers; i++) {
    for (const way of waysOf(shape, i)) {
      tensors.push({ name: `${way}.w`, shape: [rows, i === 0 ? inputs : wide] });
      if (shape.cell !== 'none') tensors.push({ name: `${way}.u`, shape: [rows, hidden] });
      tensors.push({ name: `${way}.b`, shape: [rows] });
      if (cellOf(shape) === 'gru after') tensors.push({ name: `${way}.bn`, shape: [hidden] });
    }
  }
  tensors.push({ name: 'head.w', shape: [outputs, wide] }, { name: 'head.b', shape: [outputs] });
  if (shape.skip) tensors.push({ name: 'head.s', shape: [outputs, inputs] });
  return tensors;
}

/** What the names of a layer's tensors begin with: one way, or with `bidirectional` forwards and back. */
export function waysOf({ bidirectional }: NetworkShape, layer: number): string[] {
  return bidirectional ? [`layers.${layer}`, `layers.${layer}.back`] : [`layers.${layer}`];
}

/** Floats of state a lane has: by layer h [H], then for `lstm` c [H]. `none` leaves its last output there and never reads it. */
export function stateSizeOf(shape: NetworkShape): number {
  return shape.layers * shape.hidden * (shape.cell === 'lstm' ? 2 : 1);
}

/** Numbers that the category of a row becomes; 1, where there is none: its first number as it is. */
export function spreadOf(shape: NetworkShape): number {
  return shape.embedding ?? shape.categories ?? 1;
}

/** Numbers of a row as the first layer sees it. */
export function widthOf(shape: NetworkShape): number {
  return spreadOf(shape) + shape.inputs - 1;
}

/** Gates of the cell: the rows of `w` in multiples of H. */
export function gatesOf(shape: NetworkShape): number {
  return { rnn: 1, none: 1, gru: 3, lstm: shape.variant ? 5 : 4 }[shape.cell];
}

/** The cell with its form, in one word or two. */
export function cellOf(shape: NetworkShape): 'rnn' | 'gru before' | 'gru after' | 'lstm' | 'lstm relevance' | 'none' {
  if (shape.cell === 'gru') return shape.reset === 'before' ? 'gru before' : 'gru after';
  if (shape.cell === 'lstm') return shape.variant ? 'lstm relevance' : 'lstm';
  return shape.cell;
}

/** Whether the last gate, the candidate, is multiplied apart from the others, because a gate acts on what it is multiplied with. */
export function candidateApart(shape: NetworkShape): boolean {
  return shape.cell === 'gru' || cellOf(shape) === 'lstm relevance';
}

/** Numbers in a tensor. */
export function sizeOf(tensor: Tensor): number {
  return tensor.shape.reduce((product, n) => product * n, 1);
}

/** Throws NN_SHAPE where a kind is unknown or a size is no whole number in range, NN_TOO_LARGE where there are too many parameters. */
export function checkShape(shape: NetworkShape): void {
  if (!['rnn', 'gru', 'lstm', 'none'].includes(shape.cell)) {
    throw new TidecastError('NN_SHAPE', { cell: String(shape.cell), allowed: 'rnn, gru, lstm, none' });
  }
  if (shape.reset !== undefined && (shape.cell !== 'gru' || !['before', 'after'].includes(shape.reset))) {
    throw new TidecastError('NN_SHAPE', { reset: String(shape.reset), allowed: 'before or after, with cell gru' });
  }
  if (shape.variant !== undefined && (shape.cell !== 'lstm' || shape.variant !== 'relevance')) {
    throw new TidecastError('NN_SHAPE', { variant: String(shape.variant), allowed: 'relevance, with cell lstm' });
  }
  if (typeof shape.skip !== 'boolean') throw new TidecastError('NN_SHAPE', { skip: String(shape.skip), allowed: 'true, false' });
  const linear = shape.layers === 0 && shape.cell === 'none' && shape.hidden === widthOf(shape);
  for (const key of ['inputs', 'hidden', 'layers', 'outputs'] as const) {
    if (!(linear && key === 'layers')) checkWhole(key, shape[key], LARGEST[key]);
  }
  if (shape.bidirectional !== undefined && (shape.cell === 'none' || shape.skip || shape.embedding !== undefined)) {
    throw new TidecastError('NN_SHAPE', { bidirectional: true, allowed: 'with a recurrent cell, without skip and embedding' });
  }
  if (shape.categories !== undefined) checkWhole('categories', shape.categories, LARGEST.categories);
  if (shape.embedding !== undefined) {
    checkWhole('embedding', shape.embedding, LARGEST.embedding);
    if (shape.categories === undefined)
      throw new TidecastError('NN_SHAPE', { embedding: shape.embedding, allowed: 'with categories' });
  }
  const parameters = listed(shape).reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  if (parameters > LARGEST.parameters) throw new TidecastError('NN_TOO_LARGE', { parameters, largest: LARGEST.parameters });
}

/** Throws NN_SHAPE for a bidirectional network, where a row's output may not wait for the rows after it. */
export function checkOneWay(shape: NetworkShape): void {
  if (shape.bidirectional)
    throw new TidecastError('NN_SHAPE', { bidirectional: true, allowed: 'only for whole sequences, whose end is known' });
}

/** Throws NN_SHAPE unless value is a whole number from 1 to largest. */
export function checkWhole(key: string, value: number, largest: number): void {
  if (!Number.isInteger(value) || value < 1 || value > largest) {
    throw new TidecastError('NN_SHAPE', { [key]: String(value), allowed: `1 to ${largest}` });
  }
}

/** Throws NN_WEIGHTS unless every tensor of the network is there, with its size, and all are finite; beside them only extras may be there. */
export function checkWeights(shape: NetworkShape | undefined, weights: Weights): void {
  const tensors = shape ? tensorsOf(shape) : [];
  for (const tensor of tensors) {
    const values = weights.get(tensor.name);
    const expected = sizeOf(tensor);
    if (values?.length !== expected) {
      throw new TidecastError('NN_WEIGHTS', { tensor: tensor.name, expected, found: values?.length ?? 'nothing' });
    }
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new TidecastError('NN_WEIGHTS', { tensor: tensor.name, index: bad, value: String(values[bad]) });
  }
  const known = new Set(tensors.map((tensor) => tensor.name));
  for (const [name, values] of weights) {
    if (known.has(name)) continue;
    if (!isExtra(name)) throw new TidecastError('NN_WEIGHTS', { unknown: name });
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new TidecastError('NN_WEIGHTS', { tensor: name, index: bad, value: String(values[bad]) });
  }
}

/** Whether a tensor belongs to another model than the network, and is kept beside its own: its name is a path, `ridge/w`. */
export function isExtra(name: string): boolean {
  return name.includes('/');
}

/** The network's own tensors. */
export function networkWeights(shape: NetworkShape, weights: Weights): Weights {
  return new Map(tensorsOf(shape).map(({ name }) => [name, weights.get(name)!]));
}

/** Whether two sets of tensors hold the same network, number by number. */
export function sameNetwork(shape: NetworkShape, a: Weights, b: Weights): boolean {
  return tensorsOf(shape).every(({ name }) => {
    const [left, right] = [a.get(name)!, b.get(name)!];
    return left === right || (left.length === right.length && left.every((value, i) => Object.is(value, right[i])));
  });
}
