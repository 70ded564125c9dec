/** The kernel's covariances against the textbook's, in doubles. */
import { describe, expect, it } from 'vitest';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { Covariances } from '../../src/nn/covariances.ts';

/** P x / (keep + x' P x), with P (full, symmetric) becoming (P - k x' P) / keep. */
function textbook(P: number[][], x: readonly number[], keep: number): number[] {
  const Px = P.map((row) => row.reduce((sum, p, i) => sum + p * x[i]!, 0));
  const alpha = keep + x.reduce((sum, each, i) => sum + each * Px[i]!, 0);
  P.forEach((row, i) => row.forEach((p, j) => (row[j] = (p - (Px[i]! * Px[j]!) / alpha) / keep)));
  return Px.map((each) => each / alpha);
}

const identity = (size: number, prior: number) =>
  Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => (i === j ? prior : 0)));

describe('covariances', () => {
  it.each([1, 3, 4, 5, 8, 17, 66])('of %i inputs have the textbook’s gain, each for itself (seed 2)', (size) => {
    const random = new Random(2);
    // out of reach of the bound, which the textbook does not have
    const [keep, prior] = [0.98, 1];
    const covariances = new Covariances({ size, keep, prior: 1e6 });
    covariances.reserve(1);
    covariances.reserve(2);
    const wanted = [0, 1].map(() => identity(size, prior));
    for (const index of [0, 1]) covariances.data.fill(prior, index * covariances.length, index * covariances.length + size);
    for (let row = 0; row < 60; row++) {
      const index = row % 3 === 0 ? 1 : 0;
      const x = Array.from({ length: size }, () => random.normal(log));
      covariances.x.set(x);
      covariances.follow(index);
      const gain = textbook(wanted[index]!, [...covariances.x], keep);
      gain.forEach((each, i) => expect(Math.abs(covariances.gain[i]! - each), `row ${row}, input ${i}`).toBeLessThan(2e-5));
    }
  });

  it('stay positive and bounded over 100,000 rows that say nothing, and learn at once afterwards (seed 1)', () => {
    const size = 5;
    const covariances = new Covariances({ size, keep: 0.99, prior: 0.3 });
    covariances.reserve(1);
    covariances.x.set([0, 0, 0, 0, 1]);
    for (let i = 0; i < 100_000; i++) covariances.follow(0);
    for (const d of covariances.data.subarray(0, size)) {
      expect(d).toBeGreaterThan(0);
      expect(d).toBeLessThanOrEqual(Math.fround(0.3));
    }
    const random = new Random(1);
    const w = new Float64Array(size);
    for (let i = 0; i < 200; i++) {
      for (let j = 0; j < 4; j++) covariances.x[j] = random.normal(log);
      covariances.follow(0);
      const error = w.reduce((sum, each, j) => sum - each * covariances.x[j]!, 2 * covariances.x[1]!);
      covariances.gain.forEach((gain, j) => (w[j] = w[j]! + gain * error));
    }
    expect(w[1]).toBeCloseTo(2, 1);
  });

  it('keep what they hold when there is room for more', () => {
    const covariances = new Covariances({ size: 3, keep: 1, prior: 1 });
    covariances.reserve(1);
    covariances.x.set([1, 2, 3]);
    covariances.follow(0);
    const before = [...covariances.data];
    covariances.reserve(100_000);
    expect([...covariances.data.subarray(0, covariances.length)]).toEqual(before);
    expect([...covariances.data.subarray(covariances.length, 2 * covariances.length)].every((each) => each === 0)).toBe(true);
  });
});
