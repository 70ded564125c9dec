/** Draws from quantiles: exact at the levels, in order, and near a normal distribution where the quantiles are a normal one's. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { couple, quantileAt } from '../../src/forecast/paths.ts';

const LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975];
const NORMAL = Float64Array.of(-1.95996, -1.28155, 0, 1.28155, 1.95996);

it('gives the quantiles at their levels, and never falls', () => {
  const inOrder = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 5, maxLength: 5 });
  const share = fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true });
  fc.assert(
    fc.property(inOrder, share, share, (values, u, v) => {
      const quantiles = Float64Array.from(values).sort();
      LEVELS.forEach((level, i) => expect(quantileAt(LEVELS, quantiles, level)).toBeCloseTo(quantiles[i]!, 4));
      const [low, high] = u < v ? [u, v] : [v, u];
      const slack = 1e-9 * Math.max(1, quantiles[4]! - quantiles[0]!);
      expect(quantileAt(LEVELS, quantiles, low)).toBeLessThanOrEqual(quantileAt(LEVELS, quantiles, high) + slack);
    }),
    { seed: 1 },
  );
});

it('of a normal distribution’s quantiles it has nearly its spread', () => {
  const n = 20_000;
  const squares = Array.from({ length: n }, (_, i) => quantileAt(LEVELS, NORMAL, (i + 0.5) / n) ** 2);
  expect(Math.sqrt(squares.reduce((sum, each) => sum + each, 0) / n)).toBeCloseTo(1, 1);
  expect(quantileAt(LEVELS, NORMAL, 0.75)).toBeCloseTo(0.674, 1);
});

it('of one level it is that quantile; at the end of the numbers it stays finite', () => {
  expect(quantileAt([0.5], Float64Array.of(7), 0.99)).toBe(7);
  const wide = Float64Array.of(-Number.MAX_VALUE, Number.MAX_VALUE);
  expect(Number.isFinite(quantileAt([0.1, 0.9], wide, 0.999))).toBe(true);
});

it('coupled paths keep their order and have the quantiles issued; beyond the last step they keep their distance', () => {
  const paths = [
    [1, 5, 5, 9],
    [3, 2, 4, 4],
    [2, 8, 1, 0],
  ];
  couple(paths, [0.25, 0.75], [Float64Array.of(10, 20), Float64Array.of(-1, 1)]);
  const low = quantileAt([0.25, 0.75], Float64Array.of(10, 20), 1 / 6);
  expect(paths.map(([first]) => first)).toEqual([low, 30 - low, 15].map((each) => expect.closeTo(each, 9) as number));
  const steps = paths.map((path) => path[1]!);
  expect([steps[1]! < steps[0]!, steps[0]! < steps[2]!, Math.abs(steps[0]!) < 1e-12]).toEqual([true, true, true]);
  expect(paths.map((path) => path[3]! - path[2]!)).toEqual([4, 0, -1].map((each) => expect.closeTo(each, 9) as number));
  expect(paths[2]![2]).toBeCloseTo(1 + steps[2]! - 8, 9);
});
