/** Recursive least squares that cannot lose its positive definiteness: Bierman's factorised update, weighted, with forgetting. */

/** Numbers that the factor of `size` inputs takes. */
export function factorLength(size: number): number {
  return (size * (size + 1)) / 2;
}

/** Starts a factor at `factor[at ..)`: the covariance is `prior` times the identity, as ridge regression with penalty 1 / prior. */
export function startFactor(factor: Float64Array, at: number, size: number, prior: number): void {
  factor.fill(0, at, at + factorLength(size));
  for (let j = 0; j < size; j++) factor[at + (j * (j + 3)) / 2] = prior;
}

/** Recursive least squares over flat arrays; one instance serves any number of regressions of one size. */
export class LeastSquares {
  readonly size: number;
  readonly #keep: number;
  readonly #prior: number;
  readonly #gain: Float64Array;

  /** `keep` in (0, 1] is what remains of a row's weight one row later; `prior` starts the covariance and bounds it (no wind-up). */
  constructor(options: { readonly size: number; readonly keep: number; readonly prior: number }) {
    this.size = options.size;
    this.#keep = options.keep;
    this.#prior = options.prior;
    this.#gain = new Float64Array(options.size);
  }

  /**
   * Moves the coefficients `w` towards making `error`, the residual of input `x`, smaller; `weight` in (0, 1] is how far the row counts.
   *
   * P = U D U' is held as the columns of U above the diagonal with D in the diagonal's place, `size (size + 1) / 2` numbers
   * (Bierman, Factorization Methods for Discrete Sequential Estimation, 1977, V.3): D stays positive whatever the rounding. O(size^2).
   * Returns false, with coefficients and factor made new, if anything was not finite.
   */
  update(
    w: Float64Array,
    wAt: number,
    factor: Float64Array,
    at: number,
    x: Float64Array,
    xAt: number,
    error: number,
    weight: number,
  ): boolean {
    const { size } = this;
    const keep = this.#keep;
    const prior = this.#prior;
    const b = this.#gain;
    let alpha = keep / weight;
    for (let j = 0, column = at; j < size; column += ++j) {
      let f = x[xAt + j]!;
      for (let i = 0; i < j; i++) f += factor[column + i]! * x[xAt + i]!;
      const d = factor[column + j]!;
      const g = d * f;
      const next = alpha + f * g;
      factor[column + j] = Math.min(prior, (d * alpha) / (next * keep));
      const p = -f / alpha;
      for (let i = 0; i < j; i++) {
        const u = factor[column + i]!;
        factor[column + i] = u + b[i]! * p;
        b[i] = b[i]! + u * g;
      }
      b[j] = g;
      alpha = next;
    }
    const by = error / alpha;
    let sum = 0;
    for (let j = 0; j < size; j++) sum += Math.abs((w[wAt + j] = w[wAt + j]! + b[j]! * by));
    if (Number.isFinite(sum) && Number.isFinite(alpha)) return true;
    w.fill(0, wAt, wAt + size);
    startFactor(factor, at, size, prior);
    return false;
  }
}
