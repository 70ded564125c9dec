/** Covariances of recursive least squares, any number of one size, each updated by the kernel in place. */
import { Instance } from './kernel/instance.ts';

/**
 * A covariance belongs to inputs, not to what is learned from them: all regressions over the same inputs share one, and its gain.
 * In single precision, which the factorised update allows. Views are made anew when memory grows: read `x`, `gain` and `data` again
 * after `reserve`.
 */
export class Covariances {
  /** Numbers a covariance takes; all zero: it is at its start, `prior` times the identity. */
  readonly length: number;
  readonly #size: number;
  readonly #keep: number;
  readonly #prior: number;
  readonly #instance = new Instance();
  readonly #at: { readonly x: number; readonly gain: number; readonly data: number };
  #count = 0;
  #views: { x: Float32Array; gain: Float32Array; data: Float32Array };

  /** `keep` in (0, 1] is what remains of a row's weight one row later; `prior` starts a covariance and bounds it (no wind-up). */
  constructor(options: { readonly size: number; readonly keep: number; readonly prior: number }) {
    const { size } = options;
    this.#size = size;
    this.#keep = options.keep;
    this.#prior = options.prior;
    this.length = padded(size);
    for (let j = 0; j < size; j++) this.length += padded(j);
    const x = this.#instance.take(padded(size));
    const gain = this.#instance.take(padded(size));
    this.#at = { x, gain, data: this.#instance.top };
    this.#views = this.#placed();
  }

  /** Makes room for covariances 0..count-1; new ones are zero. Only grows. Throws NN_TOO_LARGE. */
  reserve(count: number): void {
    if (count <= this.#count) return;
    this.#instance.reach(this.#at.data + 4 * this.length * count);
    this.#count = count;
    this.#views = this.#placed();
  }

  /** The input to be followed, `size` numbers. */
  get x(): Float32Array {
    return this.#views.x;
  }

  /** How far the coefficients of a regression move per error in the input that was followed last, `size` numbers. */
  get gain(): Float32Array {
    return this.#views.gain;
  }

  /** All of them, `count x length`; may be written to. */
  get data(): Float32Array {
    return this.#views.data;
  }

  /** Lets a covariance take in `x`, and makes its `gain`. O(size^2). */
  follow(index: number): void {
    const { data } = this.#views;
    const from = index * this.length;
    if (data[from] === 0) data.fill(this.#prior, from, from + this.#size);
    const { x, gain, data: at } = this.#at;
    this.#instance.kernel.follow(at + 4 * from, x, gain, this.#size, this.#keep, this.#prior);
  }

  #placed(): { x: Float32Array; gain: Float32Array; data: Float32Array } {
    const instance = this.#instance;
    return {
      x: instance.floats(this.#at.x, this.#size),
      gain: instance.floats(this.#at.gain, this.#size),
      data: instance.floats(this.#at.data, this.#count * this.length),
    };
  }
}

/** Rounded up to whole vectors of the kernel. */
function padded(numbers: number): number {
  return Math.ceil(numbers / 4) * 4;
}
