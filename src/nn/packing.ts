/**
 * How tensors lie in the kernel's memory.
 *
 * A matrix [rows, k] is stored transposed, in blocks of 48 of its rows: [block][k][48], each gate's H rows widened to a multiple of 8
 * and the last block to 48, with zeros. So one step of k reads 192 bytes on end, and a vector register never straddles two gates.
 */
import { candidateApart, cellOf, gatesOf, widthOf, type NetworkShape, type Weights } from './shape.ts';

/** A tensor, or a range of its rows, at its place in a slot of packed weights. Counts in floats. */
export interface Part {
  /** The name by which the kernel's structures call it, such as `0.w`, `0.un`, `head.b`. */
  readonly name: string;
  readonly tensor: string;
  /** The first row of the tensor that belongs to it. */
  readonly first: number;
  readonly gates: number;
  /** Rows of a gate, and the same rounded up to 8. */
  readonly width: number;
  readonly wide: number;
  /** Columns of the tensor; 0 for a vector. */
  readonly k: number;
  readonly offset: number;
  readonly length: number;
}

/** Columns of a block; `COLUMNS` in `assembly/block.ts`. */
const COLUMNS = 48;

/** Rounds up to a multiple of 8. */
export function wideOf(n: number): number {
  return Math.ceil(n / 8) * 8;
}

/** Floats of a packed [k][columns]. */
export function packedLength(k: number, columns: number): number {
  return Math.ceil(columns / COLUMNS) * COLUMNS * k;
}

/** Every part of a network's weights, and the floats of the whole, a multiple of 4. */
export function partsOf(shape: NetworkShape): { parts: readonly Part[]; length: number } {
  const { hidden, outputs } = shape;
  const inputs = widthOf(shape);
  const parts: Part[] = [];
  let offset = 0;
  const add = (name: string, tensor: string, first: number, gates: number, width: number, k: number): void => {
    const wide = wideOf(width);
    const length = packedLength(Math.max(1, k), gates * wide);
    parts.push({ name, tensor, first, gates, width, wide, k, offset, length });
    offset += length;
  };
  // Row after row, as a vector: its rows are looked up, not multiplied with.
  if (shape.embedding) add('embed', 'embed.w', 0, 1, shape.categories! * shape.embedding, 0);
  const gates = gatesOf(shape);
  for (let i = 0; i < shape.layers; i++) {
    add(`${i}.w`, `layers.${i}.w`, 0, gates, hidden, i === 0 ? inputs : hidden);
    add(`${i}.b`, `layers.${i}.b`, 0, gates, hidden, 0);
    const together = candidateApart(shape) ? gates - 1 : gates;
    if (shape.cell !== 'none') add(`${i}.u`, `layers.${i}.u`, 0, together, hidden, hidden);
    if (together < gates) add(`${i}.un`, `layers.${i}.u`, together * hidden, 1, hidden, hidden);
    if (cellOf(shape) === 'gru after') add(`${i}.bn`, `layers.${i}.bn`, 0, 1, hidden, 0);
  }
  add('head.w', 'head.w', 0, 1, outputs, hidden);
  add('head.b', 'head.b', 0, 1, outputs, 0);
  if (shape.skip) add('head.s', 'head.s', 0, 1, outputs, inputs);
  return { parts, length: offset };
}

/** Writes tensors into a slot of packed weights, whose padding is left as it is (zero). */
export function pack(parts: readonly Part[], weights: Weights, slot: Float32Array): void {
  for (const part of parts) {
    const tensor = weights.get(part.tensor)!;
    visit(part, (packed, dense) => (slot[packed] = tensor[dense]!));
  }
}

/** Reads tensors back from a slot of packed weights. */
export function unpack(parts: readonly Part[], slot: Float32Array, weights: Weights): void {
  for (const part of parts) {
    const tensor = weights.get(part.tensor)!;
    visit(part, (packed, dense) => (tensor[dense] = slot[packed]!));
  }
}

function visit(part: Part, pair: (packed: number, dense: number) => void): void {
  const k = Math.max(1, part.k);
  for (let gate = 0; gate < part.gates; gate++) {
    for (let j = 0; j < part.width; j++) {
      const column = gate * part.wide + j;
      const block = Math.floor(column / COLUMNS);
      const packed = part.offset + block * k * COLUMNS + (column - block * COLUMNS);
      const dense = (part.first + gate * part.width + j) * k;
      for (let i = 0; i < k; i++) pair(packed + i * COLUMNS, dense + i);
    }
  }
}
