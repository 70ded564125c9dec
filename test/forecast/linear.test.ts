import { describe, expect, it } from 'vitest';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { factorLength, LeastSquares, startFactor } from '../../src/forecast/least-squares.ts';
import { replay } from '../support/replay.ts';
import { solve } from '../support/solve.ts';
import { SYNTHETIC } from '../support/synthetic.ts';

describe('recursive least squares', () => {
  it.each([
    [1, 1],
    [0.98, 1],
    [0.98, 0.5],
  ])('equals the weighted ridge solution of the normal equations: keep %f, smallest weight %f', (keep, smallest) => {
    const size = 6;
    const rows = 80;
    const prior = 10;
    const random = new Random(3);
    const x = Array.from({ length: rows }, () => Float64Array.from({ length: size }, () => random.normal(log)));
    const y = x.map((row) => row[0]! - 2 * row[3]! + random.normal(log));
    const weights = x.map(() => smallest + (1 - smallest) * random.uniform());
    // a bound on the covariance would be a different ridge: it is set out of reach
    const squares = new LeastSquares({ size, keep, prior: 1e12 });
    const w = new Float64Array(size);
    const factor = new Float64Array(factorLength(size));
    startFactor(factor, 0, size, prior);
    x.forEach((row, t) => {
      const error = y[t]! - row.reduce((sum, value, i) => sum + value * w[i]!, 0);
      expect(squares.update(w, 0, factor, 0, row, 0, error, weights[t]!)).toBe(true);
    });
    const at = (t: number) => weights[t]! * keep ** (rows - 1 - t);
    const normal = Array.from({ length: size }, (_, i) =>
      Array.from({ length: size }, (_, j) =>
        x.reduce((sum, row, t) => sum + at(t) * row[i]! * row[j]!, i === j ? keep ** rows / prior : 0),
      ),
    );
    const right = Array.from({ length: size }, (_, i) => x.reduce((sum, row, t) => sum + at(t) * row[i]! * y[t]!, 0));
    solve(normal, right).forEach((value, i) => expect(w[i]).toBeCloseTo(value, 9));
  });

  it('starts anew, and says so, when something is not finite', () => {
    const squares = new LeastSquares({ size: 2, keep: 1, prior: 1 });
    const w = Float64Array.of(3, 4);
    const factor = new Float64Array(3);
    startFactor(factor, 0, 2, 1);
    expect(squares.update(w, 0, factor, 0, Float64Array.of(1, Infinity), 0, 1, 1)).toBe(false);
    expect([...w, ...factor]).toEqual([0, 0, 1, 0, 1]);
  });

  it('stays positive and bounded over 300,000 rows that say nothing, and learns at once afterwards', () => {
    const size = 4;
    const squares = new LeastSquares({ size, keep: 0.99, prior: 1 });
    const w = new Float64Array(size);
    const factor = new Float64Array(factorLength(size));
    startFactor(factor, 0, size, 1);
    const x = Float64Array.of(0, 0, 0, 1);
    for (let i = 0; i < 300_000; i++) squares.update(w, 0, factor, 0, x, 0, -w[3]!, 1);
    for (let j = 0; j < size; j++) {
      expect(factor[(j * (j + 3)) / 2]).toBeGreaterThan(0);
      expect(factor[(j * (j + 3)) / 2]).toBeLessThanOrEqual(1);
    }
    const random = new Random(1);
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 3; j++) x[j] = random.normal(log);
      squares.update(w, 0, factor, 0, x, 0, 2 * x[1]! - w.reduce((sum, value, j) => sum + value * x[j]!, 0), 1);
    }
    expect(w[1]).toBeCloseTo(2, 1);
  });
});

describe('linear', () => {
  const skill = (values: Float64Array, seasons: number[], step: number, from = values.length / 2) => {
    const mae = (name: string) => {
      const { mean } = replay(name, { values, seasons, horizon: 12 });
      let sum = 0;
      for (let t = from; t + 12 < values.length; t++) sum += Math.abs(values[t + step]! - mean[t * 12 + step - 1]!);
      return sum;
    };
    return 1 - mae('linear') / mae('naive');
  };

  it('stays within 1 % of naive on a random walk', () => {
    expect(skill(SYNTHETIC[0]!().values, [48], 1)).toBeGreaterThan(-0.01);
  });

  it('comes within 12 % of the noise on a seasonal series, one and twelve steps ahead', () => {
    const { values } = SYNTHETIC[3]!();
    // E|noise| = 0.798, naive one step ahead 1.62 and twelve 8.23
    expect(skill(values, [48], 1)).toBeGreaterThan(0.45);
    expect(skill(values, [48], 12)).toBeGreaterThan(0.89);
  });

  it('neither breaks nor drifts over 200,000 rows of calm, noise and spikes', () => {
    const random = new Random(5);
    const values = Float64Array.from({ length: 200_000 }, (_, i) => {
      if (i % 50_000 === 49_999) return 1e300;
      return i % 50_000 < 20_000 ? 7 : random.normal(log);
    });
    const { mean } = replay('linear', { values, seasons: [48] });
    for (let i = 0; i < values.length; i++) if (!Number.isFinite(mean[i])) throw new Error(`row ${i}: ${mean[i]}`);
    let wrong = 0;
    for (let i = 190_000; i < 199_990; i++) wrong += Math.abs(values[i + 1]! - mean[i]!) / 9_990;
    // a spike 30,000 rows ago is forgotten: 0.80 is the noise itself
    expect(wrong).toBeLessThan(0.9);
  });
});
