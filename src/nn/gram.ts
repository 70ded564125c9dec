/** Sums of outer products over many rows, by the kernel's product: what least squares need. */
import { Instance } from './kernel/instance.ts';

/** Rows summed in singles before they are added in doubles. */
const CHUNK = 256;
/** Columns of a block of packed weights. */
const BLOCK = 48;

/** `G = sum of w z z'` for rows `z` of `size` numbers with weights `w`. */
export class Gram {
  readonly size: number;
  /** Row-major `size x size`, symmetric up to rounding. Call {@link flush} before reading. */
  readonly sums: Float64Array;
  readonly #width: number;
  readonly #instance = new Instance();
  readonly #x: number;
  readonly #d: number;
  readonly #g: number;
  readonly #rows: Float32Array;
  readonly #weighted: Float32Array;
  readonly #packed: Float32Array;
  #n = 0;

  constructor(size: number) {
    this.size = size;
    this.sums = new Float64Array(size * size);
    this.#width = Math.ceil(size / 8) * 8;
    const words = CHUNK * this.#width;
    const packed = Math.ceil(this.#width / BLOCK) * BLOCK * size;
    this.#x = this.#instance.take(words);
    this.#d = this.#instance.take(words);
    this.#g = this.#instance.take(packed);
    this.#instance.reach(this.#instance.top);
    this.#rows = this.#instance.floats(this.#x, words);
    this.#weighted = this.#instance.floats(this.#d, words);
    this.#packed = this.#instance.floats(this.#g, packed);
  }

  /** Adds the row `[x[at .. at + n), ...rest]`. */
  add(x: Float32Array, at: number, n: number, weight: number, ...rest: readonly number[]): void {
    const to = this.#n * this.#width;
    for (let i = 0; i < n; i++) {
      this.#rows[to + i] = x[at + i]!;
      this.#weighted[to + i] = x[at + i]! * weight;
    }
    for (let i = 0; i < rest.length; i++) {
      this.#rows[to + n + i] = rest[i]!;
      this.#weighted[to + n + i] = rest[i]! * weight;
    }
    if (++this.#n === CHUNK) this.flush();
  }

  /** Brings the last rows into the sums. */
  flush(): void {
    if (this.#n === 0) return;
    const { size, sums } = this;
    this.#packed.fill(0);
    const stride = 4 * this.#width;
    this.#instance.kernel.outer(this.#n, this.#x, stride, size, this.#d, stride, this.#width, this.#g);
    for (let k = 0; k < size; k++)
      for (let c = 0; c < size; c++) {
        const block = Math.floor(c / BLOCK);
        sums[k * size + c] = sums[k * size + c]! + this.#packed[(block * size + k) * BLOCK + (c - block * BLOCK)]!;
      }
    this.#n = 0;
  }

  /** Forgets everything. */
  clear(): void {
    this.sums.fill(0);
    this.#n = 0;
  }
}
