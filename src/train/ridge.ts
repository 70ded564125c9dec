/** Ridge regression by normal equations: Hoerl and Kennard, "Ridge regression", Technometrics 12 (1970); solved by Cholesky's factors. */
import { Gram } from '../nn/gram.ts';

/** Sums of `x x'` and `x y` over rows. A constant is added behind the inputs; it is not penalised. */
export class NormalEquations {
  readonly inputs: number;
  readonly #gram: Gram;
  readonly #factor: Float64Array;

  constructor(inputs: number) {
    this.inputs = inputs;
    this.#gram = new Gram(inputs);
    this.#factor = new Float64Array((inputs + 1) * (inputs + 1));
  }

  /** Takes rows `x` (`rows x inputs`) with their truths, each as often as its weight says, in place of all before. Where it is 0 there need be no truth. */
  take(x: Float32Array, y: Float32Array, weights: Float32Array): void {
    this.#gram.clear();
    this.#gram.add(x, y, weights);
  }

  /** Coefficients and the constant, under a penalty of `penalty` times each input's own sum of squares. */
  solve(penalty: number, without: readonly [number, number] = [0, 0]): Float32Array {
    const [from, to] = without;
    const out = (i: number) => i >= from && i < to;
    const n = this.inputs + 1;
    const { sums } = this.#gram;
    const l = this.#factor;
    const w = new Float64Array(n);
    const rows = sums[(n - 1) * (n + 1) + n - 1]!;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = out(i) || out(j) ? 0 : sums[i * (n + 1) + j]!;
        // an input that never moved has no say
        if (i === j) sum = sum * (i === n - 1 ? 1 : 1 + penalty) + 1e-9 * (1 + rows);
        for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
        l[i * n + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / l[j * n + j]!;
      }
    }
    for (let i = 0; i < n; i++) {
      let sum = out(i) ? 0 : sums[i * (n + 1) + n]!;
      for (let k = 0; k < i; k++) sum -= l[i * n + k]! * w[k]!;
      w[i] = sum / l[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = w[i]!;
      for (let k = i + 1; k < n; k++) sum -= l[k * n + i]! * w[k]!;
      w[i] = sum / l[i * n + i]!;
    }
    return Float32Array.from(w);
  }
}
