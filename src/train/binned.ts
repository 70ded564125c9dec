/** Inputs as codes of at most 64 bins, column by column: what histograms are made of. */
import { BINS } from '../nn/splits.ts';

/** Rows that the edges of the bins are taken from. */
const SAMPLE = 4096;

/** Codes, and the edges between them. */
export class Binned {
  readonly rows: number;
  readonly inputs: number;
  /** Of row `r` and input `f`: `codes[f * rows + r]`. */
  readonly codes: Uint8Array;
  /** By input: the upper edges of all bins but the last, ascending. A value on an edge lies below it. */
  readonly edges: readonly Float32Array[];

  /** `x`: row-major `rows x inputs`. */
  constructor(x: Float32Array, rows: number, inputs: number) {
    this.rows = rows;
    this.inputs = inputs;
    this.codes = new Uint8Array(rows * inputs);
    const stride = Math.max(1, Math.floor(rows / SAMPLE));
    const sample = new Float32Array(Math.ceil(rows / stride));
    const column = new Float32Array(rows);
    const sorted = new Sorted(rows);
    this.edges = Array.from({ length: inputs }, (_, f) => {
      for (let row = 0; row < rows; row++) column[row] = x[row * inputs + f]!;
      const order = sorted.order(column);
      for (let i = 0, n = 0; i < rows; i++) if (stride === 1 || order[i]! % stride === 0) sample[n++] = column[order[i]!]!;
      const edges = edgesOf(sample);
      const first = f * rows;
      for (let i = 0, bin = 0; i < rows; i++) {
        const value = column[order[i]!]!;
        while (bin < edges.length && !(value <= edges[bin]!)) bin++;
        this.codes[first + order[i]!] = bin;
      }
      return edges;
    });
  }
}

/** Upper edges of all bins but the last, ascending, each between two values that occur. */
function edgesOf(sorted: Float32Array): Float32Array {
  const edges: number[] = [];
  for (let bin = 1; bin < BINS; bin++) {
    const at = Math.floor((bin * sorted.length) / BINS);
    const [below, above] = [sorted[at - 1], sorted[at]!];
    const edge = below === undefined ? above : below / 2 + above / 2;
    if (below !== undefined && below < above && edge > (edges.at(-1) ?? -Infinity)) edges.push(edge);
  }
  return Float32Array.from(new Set(edges.map(Math.fround)));
}

const DIGIT = 11;
const PASSES = 3;

/** Sorts columns of one length by their bits, eleven at a time from the lowest: several times as fast as by comparing. */
class Sorted {
  readonly #keys: Uint32Array;
  readonly #spare: Uint32Array;
  #rows: Int32Array;
  #rowsSpare: Int32Array;
  readonly #ends = new Int32Array(1 << DIGIT);

  constructor(rows: number) {
    this.#keys = new Uint32Array(rows);
    this.#spare = new Uint32Array(rows);
    this.#rows = new Int32Array(rows);
    this.#rowsSpare = new Int32Array(rows);
  }

  /** Rows by their values, ascending; valid until the next call. */
  order(column: Float32Array): Int32Array {
    const n = column.length;
    let [keys, spare, rows, rowsSpare] = [this.#keys, this.#spare, this.#rows, this.#rowsSpare];
    keys.set(new Uint32Array(column.buffer, column.byteOffset, n));
    for (let i = 0; i < n; i++) {
      // as whole numbers: positive ones above negative ones, and of those the large ones first
      keys[i] = keys[i]! ^ (keys[i]! >>> 31 ? 0xffffffff : 0x80000000);
      rows[i] = i;
    }
    const ends = this.#ends;
    for (let pass = 0; pass < PASSES; pass++) {
      const shift = pass * DIGIT;
      ends.fill(0);
      for (let i = 0; i < n; i++) ends[(keys[i]! >>> shift) & ((1 << DIGIT) - 1)]!++;
      for (let digit = 0, sum = 0; digit < ends.length; digit++) {
        const count = ends[digit]!;
        ends[digit] = sum;
        sum += count;
      }
      for (let i = 0; i < n; i++) {
        const to = ends[(keys[i]! >>> shift) & ((1 << DIGIT) - 1)]!++;
        spare[to] = keys[i]!;
        rowsSpare[to] = rows[i]!;
      }
      [keys, spare, rows, rowsSpare] = [spare, keys, rowsSpare, rows];
    }
    return rows;
  }
}
