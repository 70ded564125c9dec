/** Sums of weighted outer products over many rows, by the kernel's product: what least squares need. */
import { Instance } from './kernel/instance.ts';

/** Rows summed in singles before they are added in doubles. */
const CHUNK = 256;
/** Columns of a block of packed weights. */
const BLOCK = 48;

/** `G = sum of w z z'` over rows `z = [x, 1, y]` of `inputs + 2` numbers. */
export class Gram {
  readonly size: number;
  /** Row-major `size x size`, in the order of z: what is on and below the diagonal, and the column of y; the sum of `y y` is not made. */
  readonly sums: Float64Array;
  readonly #inputs: number;
  readonly #width: number;
  readonly #instance = new Instance();
  readonly #at: Record<'x' | 'y' | 'w' | 'd' | 'g', number>;
  readonly #x: Float32Array;
  readonly #y: Float32Array;
  readonly #w: Float32Array;
  readonly #packed: Float32Array;

  constructor(inputs: number) {
    this.#inputs = inputs;
    this.size = inputs + 2;
    this.sums = new Float64Array(this.size * this.size);
    this.#width = Math.ceil(this.size / 8) * 8;
    const instance = this.#instance;
    const words = { x: CHUNK * inputs, y: CHUNK, w: CHUNK, d: CHUNK * this.#width, g: BLOCK * Math.max(1, inputs) };
    this.#at = {
      x: instance.take(words.x),
      y: instance.take(words.y),
      w: instance.take(words.w),
      d: instance.take(words.d),
      g: instance.take(words.g),
    };
    this.#x = instance.floats(this.#at.x, words.x);
    this.#y = instance.floats(this.#at.y, words.y);
    this.#w = instance.floats(this.#at.w, words.w);
    this.#packed = instance.floats(this.#at.g, words.g);
  }

  /** Adds rows `x` (row-major, `rows x inputs`, finite) with their `y` and weights; a row of weight 0 may have no `y`. */
  add(x: Float32Array, y: Float32Array, weights: Float32Array): void {
    const inputs = this.#inputs;
    for (let from = 0; from < y.length; from += CHUNK) {
      const to = Math.min(y.length, from + CHUNK);
      this.#x.set(x.subarray(from * inputs, to * inputs));
      this.#y.set(y.subarray(from, to));
      this.#w.set(weights.subarray(from, to));
      this.#chunk(to - from);
    }
  }

  #chunk(rows: number): void {
    const { size, sums } = this;
    const { kernel } = this.#instance;
    const { x, y, w, d, g } = this.#at;
    const inputs = this.#inputs;
    const stride = 4 * this.#width;
    kernel.weigh(rows, x, inputs, y, w, d, stride);
    // the kernel's columns are [1, y, x]; of a block of columns no more is made than what is not above the diagonal
    for (let first = 0; first < size; first += BLOCK) {
      const top = Math.max(0, first - 2);
      const columns = Math.min(BLOCK, size - first);
      this.#packed.fill(0);
      kernel.outer(rows, x + 4 * top, 4 * inputs, inputs - top, d + 4 * first, stride, Math.ceil(columns / 8) * 8, g);
      for (let i = top; i < inputs; i++)
        for (let c = first; c < first + columns && c - 2 <= i; c++) {
          const to = c === 0 ? inputs * size + i : i * size + (c === 1 ? inputs + 1 : c - 2);
          sums[to] = sums[to]! + this.#packed[(i - top) * BLOCK + c - first]!;
        }
    }
    const ones = inputs * size + inputs;
    for (let r = 0; r < rows; r++) {
      const weight = this.#w[r]!;
      if (weight === 0) continue;
      sums[ones] = sums[ones]! + weight;
      sums[ones + 1] = sums[ones + 1]! + weight * this.#y[r]!;
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.sums.fill(0);
  }
}
