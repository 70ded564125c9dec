/** Ridge regression against the plain sums, and what a penalty and weights do. */
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { Gram } from '../../src/nn/gram.ts';
import { NormalEquations } from '../../src/train/ridge.ts';

const INPUTS = 5;

function rows(seed: number, count: number) {
  const random = new Random(seed);
  const x = Float32Array.from({ length: count * INPUTS }, () => 4 * random.uniform() - 2);
  const y = Float64Array.from({ length: count }, (_, n) => 3 + 2 * x[n * INPUTS]! - x[n * INPUTS + 3]!);
  return { x, y };
}

it('sums of products are those of the plain loop, over several chunks (seed 1)', () => {
  const { x } = rows(1, 700);
  const gram = new Gram(INPUTS + 1);
  const plain = new Float64Array((INPUTS + 1) ** 2);
  for (let n = 0; n < 700; n++) {
    const weight = (n % 3) / 2;
    gram.add(x, n * INPUTS, INPUTS, weight, 1);
    const z = [...x.subarray(n * INPUTS, (n + 1) * INPUTS), 1];
    for (let i = 0; i <= INPUTS; i++) for (let j = 0; j <= INPUTS; j++) plain[i * (INPUTS + 1) + j]! += weight * z[i]! * z[j]!;
  }
  gram.flush();
  for (let i = 0; i < plain.length; i++) expect(Math.abs(gram.sums[i]! - plain[i]!)).toBeLessThan(1e-3);
});

it('finds the coefficients, and the constant (seed 2)', () => {
  const { x, y } = rows(2, 300);
  const equations = new NormalEquations(INPUTS);
  for (let n = 0; n < 300; n++) equations.add(x, n * INPUTS, y[n]!);
  const w = equations.solve(1e-6);
  [2, 0, 0, -1, 0, 3].forEach((wanted, i) => expect(w[i]).toBeCloseTo(wanted, 3));
  const shrunk = equations.solve(1);
  expect(Math.abs(shrunk[0]!)).toBeLessThan(1.2);
  equations.clear();
  for (let n = 0; n < 300; n++) equations.add(x, n * INPUTS, n < 150 ? y[n]! : 1000, n < 150 ? 1 : 0);
  expect(equations.solve(1e-6)[5]).toBeCloseTo(3, 3);
});

it('an input that never moves has no say, and two that are the same share theirs', () => {
  const equations = new NormalEquations(3);
  for (let n = 0; n < 100; n++) equations.add(Float32Array.of(0, n / 50 - 1, n / 50 - 1), 0, 4 * (n / 50 - 1));
  const [still, one, other] = equations.solve(1e-4);
  expect(still).toBe(0);
  expect(one! + other!).toBeCloseTo(4, 2);
});

it('the constant is not shrunk', () => {
  const equations = new NormalEquations(1);
  for (let n = 0; n < 100; n++) equations.add(Float32Array.of(n % 2 === 0 ? 1 : -1), 0, 10 + (n % 2 === 0 ? 1 : -1));
  const [slope, constant] = equations.solve(1);
  expect(slope).toBeCloseTo(0.5, 3);
  expect(constant).toBeCloseTo(10, 3);
});
