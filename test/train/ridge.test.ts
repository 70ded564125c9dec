/** Ridge regression against the plain sums, and what a penalty and weights do. */
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { Gram } from '../../src/nn/gram.ts';
import { NormalEquations } from '../../src/train/ridge.ts';

const INPUTS = 5;

function rows(seed: number, count: number) {
  const random = new Random(seed);
  const x = Float32Array.from({ length: count * INPUTS }, () => 4 * random.uniform() - 2);
  const y = Float32Array.from({ length: count }, (_, n) => 3 + 2 * x[n * INPUTS]! - x[n * INPUTS + 3]!);
  return { x, y };
}

it.each([1, 5, 46, 47, 61, 97])(
  'sums of products of %i inputs are those of the plain loop, over several chunks (seed 1)',
  (inputs) => {
    const random = new Random(1);
    const count = 700;
    const x = Float32Array.from({ length: count * inputs }, () => 4 * random.uniform() - 2);
    const weights = Float32Array.from({ length: count }, (_, n) => (n % 3) / 2);
    const y = Float32Array.from({ length: count }, (_, n) => (weights[n] === 0 ? NaN : random.uniform()));
    const gram = new Gram(inputs);
    const { size } = gram;
    const plain = new Float64Array(size ** 2);
    for (let n = 0; n < count; n++) {
      if (weights[n] === 0) continue;
      const z = [...x.subarray(n * inputs, (n + 1) * inputs), 1, y[n]!];
      for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) plain[i * size + j]! += weights[n]! * z[i]! * z[j]!;
    }
    for (let time = 0; time < 2; time++) {
      gram.clear();
      gram.add(x, y, weights);
      for (let i = 0; i <= inputs; i++) {
        for (let j = 0; j <= i; j++)
          expect(Math.abs(gram.sums[i * size + j]! - plain[i * size + j]!), `${i}, ${j}`).toBeLessThan(1e-3);
        expect(Math.abs(gram.sums[i * size + inputs + 1]! - plain[i * size + inputs + 1]!), `${i}, y`).toBeLessThan(1e-3);
      }
    }
  },
);

it('finds the coefficients, and the constant (seed 2)', () => {
  const { x, y } = rows(2, 300);
  const equations = new NormalEquations(INPUTS);
  equations.take(x, y, new Float32Array(300).fill(1));
  const w = equations.solve(1e-6);
  [2, 0, 0, -1, 0, 3].forEach((wanted, i) => expect(w[i]).toBeCloseTo(wanted, 3));
  const shrunk = equations.solve(1);
  expect(Math.abs(shrunk[0]!)).toBeLessThan(1.2);
  equations.take(
    x,
    y.map((each, n) => (n < 150 ? each : NaN)),
    new Float32Array(300).fill(1, 0, 150),
  );
  expect(equations.solve(1e-6)[5]).toBeCloseTo(3, 3);
});

it('an input that never moves has no say, and two that are the same share theirs', () => {
  const equations = new NormalEquations(3);
  const y = Float32Array.from({ length: 100 }, (_, n) => 4 * (n / 50 - 1));
  equations.take(
    Float32Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? 0 : y[Math.floor(i / 3)]! / 4)),
    y,
    y.map(() => 1),
  );
  const [still, one, other] = equations.solve(1e-4);
  expect(still).toBe(0);
  expect(one! + other!).toBeCloseTo(4, 2);
});

it('the constant is not shrunk', () => {
  const equations = new NormalEquations(1);
  const x = Float32Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? 1 : -1));
  equations.take(
    x,
    x.map((each) => 10 + each),
    x.map(() => 1),
  );
  const [slope, constant] = equations.solve(1);
  expect(slope).toBeCloseTo(0.5, 3);
  expect(constant).toBeCloseTo(10, 3);
});
