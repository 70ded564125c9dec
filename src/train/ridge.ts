/** Ridge regression by normal equations: Hoerl and Kennard, "Ridge regression", Technometrics 12 (1970); solved by Cholesky's factors. */

/** Sums of `x x'` and `x y` over rows, in doubles. A constant is added behind the inputs; it is not penalised. */
export class NormalEquations {
  readonly inputs: number;
  rows = 0;
  /** Lower triangle, row by row. */
  readonly #gram: Float64Array;
  readonly #cross: Float64Array;

  constructor(inputs: number) {
    this.inputs = inputs;
    this.#gram = new Float64Array(((inputs + 1) * (inputs + 2)) / 2);
    this.#cross = new Float64Array(inputs + 1);
  }

  /** Takes in a row `x[at .. at + inputs)` with its truth, which counts `weight`. */
  add(x: Float32Array, at: number, y: number, weight = 1): void {
    const { inputs } = this;
    const gram = this.#gram;
    let g = 0;
    for (let i = 0; i < inputs; i++) {
      const xi = x[at + i]! * weight;
      if (xi === 0) {
        g += i + 1;
        continue;
      }
      for (let j = 0; j <= i; j++, g++) gram[g] = gram[g]! + xi * x[at + j]!;
      this.#cross[i] = this.#cross[i]! + xi * y;
    }
    for (let j = 0; j < inputs; j++, g++) gram[g] = gram[g]! + weight * x[at + j]!;
    gram[g] = gram[g]! + weight;
    this.#cross[inputs] = this.#cross[inputs]! + weight * y;
    this.rows++;
  }

  /** Takes in everything that another has. */
  join(other: NormalEquations): void {
    for (let i = 0; i < this.#gram.length; i++) this.#gram[i] = this.#gram[i]! + other.#gram[i]!;
    for (let i = 0; i <= this.inputs; i++) this.#cross[i] = this.#cross[i]! + other.#cross[i]!;
    this.rows += other.rows;
  }

  /** Coefficients and the constant, under a penalty of `penalty` times each input's own sum of squares. */
  solve(penalty: number): Float32Array {
    const n = this.inputs + 1;
    const l = this.#gram.slice();
    const w = this.#cross.slice();
    const start = (i: number) => (i * (i + 1)) / 2;
    for (let i = 0; i < n; i++) {
      const d = start(i) + i;
      // an input that never moved has no say
      l[d] = l[d]! * (i === n - 1 ? 1 : 1 + penalty) + 1e-9 * (1 + this.rows);
      const row = start(i);
      for (let j = 0; j <= i; j++) {
        const other = start(j);
        let sum = l[row + j]!;
        for (let k = 0; k < j; k++) sum -= l[row + k]! * l[other + k]!;
        l[row + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / l[other + j]!;
      }
    }
    for (let i = 0; i < n; i++) {
      let sum = w[i]!;
      for (let k = 0; k < i; k++) sum -= l[start(i) + k]! * w[k]!;
      w[i] = sum / l[start(i) + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      let sum = w[i]!;
      for (let k = i + 1; k < n; k++) sum -= l[start(k) + i]! * w[k]!;
      w[i] = sum / l[start(i) + i]!;
    }
    return Float32Array.from(w);
  }
}
