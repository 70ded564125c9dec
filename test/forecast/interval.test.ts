import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/core/lanes.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { Interval } from '../../src/forecast/interval.ts';

const LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975];

/** Quantiles issued over a series whose mean forecast is 0: `spread(t)` are the base's distances, in order. */
function run(y: Float64Array, spread: (t: number) => readonly number[] = () => [0, 0, 0, 0, 0]): number[][] {
  const lanes = new Lanes();
  const interval = new Interval(lanes, { cells: 1, levels: LEVELS });
  const lane = lanes.lane('a');
  const issued = new Float64Array(5);
  return Array.from(y, (truth, t) => {
    const base = Float64Array.from(spread(t));
    interval.apply(lane, 0, base, 0, issued, 0);
    interval.update(lane, 0, base, 0, issued, 0, truth);
    return [...issued];
  });
}

function coverage(issued: number[][], y: Float64Array, i: number, from: number, to: number): number {
  let inside = 0;
  for (let t = from; t < to; t++) if (y[t]! >= issued[t]![i]! && y[t]! <= issued[t]![4 - i]!) inside++;
  return inside / (to - from);
}

const noise = (scale: (t: number) => number, shift: (t: number) => number = () => 0) => {
  const random = new Random(11);
  return Float64Array.from({ length: 6000 }, (_, t) => shift(t) + scale(t) * random.normal(log));
};

describe('interval', () => {
  const cases: Record<string, Float64Array> = {
    'independent noise': noise(() => 1),
    'noise whose width swings': noise((t) => 2 + Math.sin(t / 100)),
    'noise that grows a hundredfold': noise((t) => 1 + t / 60),
    'noise that drifts away from the mean': noise(
      () => 1,
      (t) => t / 1500,
    ),
    'skewed noise': noise(() => 1).map((value) => value * value),
    'very small units': noise(() => 1e-9),
    'a sudden calm': noise((t) => (t < 3000 ? 10 : 0.1)),
  };
  for (const [name, y] of Object.entries(cases)) {
    it(`covers what it promises: ${name}`, () => {
      const issued = run(y);
      expect(Math.abs(coverage(issued, y, 1, 1800, 6000) - 0.8)).toBeLessThan(0.03);
      expect(Math.abs(coverage(issued, y, 0, 1800, 6000) - 0.95)).toBeLessThan(0.03);
      for (let t = 1800; t < 6000; t += 420) expect(Math.abs(coverage(issued, y, 1, t, t + 420) - 0.8)).toBeLessThan(0.08);
    });
  }

  it('keeps a model’s knowledge of the width, and corrects its size: narrower on the whole than without', () => {
    const width = (t: number) => (t % 10 === 0 ? 10 : 1);
    const y = noise(width);
    const knowing = run(y, (t) => [-2, -1.3, 0, 1.3, 2].map((value) => 3 * value * width(t)));
    expect(Math.abs(coverage(knowing, y, 1, 1800, 6000) - 0.8)).toBeLessThan(0.03);
    const mean = (issued: number[][]) => issued.slice(1800).reduce((sum, q) => sum + q[3]! - q[1]!, 0);
    const pinball = (issued: number[][]) =>
      issued.slice(1800).reduce((sum, q, t) => sum + Math.max(0.9 * (y[t + 1800]! - q[3]!), -0.1 * (y[t + 1800]! - q[3]!)), 0);
    expect(pinball(knowing)).toBeLessThan(0.8 * pinball(run(y)));
    expect(mean(knowing)).toBeGreaterThan(0);
  });

  it('stays calibrated when a model begins to give quantiles', () => {
    const y = noise(() => 1);
    const issued = run(y, (t) => (t < 3000 ? [0, 0, 0, 0, 0] : [-2, -1.3, 0, 1.3, 2]));
    expect(Math.abs(coverage(issued, y, 1, 3000, 3300) - 0.8)).toBeLessThan(0.08);
  });

  it('never crosses, stays finite, and is exact on a constant series', () => {
    const random = new Random(3);
    const wild = Float64Array.from({ length: 2000 }, (_, t) =>
      t % 100 === 99 ? (t % 200 === 99 ? 1e308 : -1e308) : random.normal(log),
    );
    for (const q of run(wild, (t) => (t % 2 === 0 ? [0, 0, 0, 0, 0] : [-3, 2, 0, -1, 5].sort((a, b) => a - b)))) {
      for (let i = 0; i < 5; i++) expect(Number.isFinite(q[i])).toBe(true);
      for (let i = 1; i < 5; i++) expect(q[i]).toBeGreaterThanOrEqual(q[i - 1]!);
    }
    // the two upper quantiles swing against each other
    const swing = run(
      noise(() => 1),
      (t) => (t % 2 === 0 ? [-2, -1, 0, 1, 10] : [-2, -1, 0, 9, 9.5]),
    );
    for (const q of swing) for (let i = 1; i < 5; i++) expect(q[i]).toBeGreaterThanOrEqual(q[i - 1]!);
    for (const q of run(new Float64Array(100))) expect(q).toEqual([0, 0, 0, 0, 0]);
  });

  it('takes less than 100 bytes a series with three levels', () => {
    const lanes = new Lanes();
    new Interval(lanes, { cells: 1, levels: [0.1, 0.5, 0.9] });
    lanes.lane('a');
    expect(lanes.snapshot().columns.reduce((sum, { data }) => sum + data.byteLength, 0)).toBeLessThan(100);
  });
});
