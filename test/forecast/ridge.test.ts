/** A ridge map's value: the product, within the changes that it was fitted to. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linearOf, ridgeOf, ridgeSize } from '../../src/forecast/ridge.ts';

const number = fc.double({ min: -100, max: 100, noNaN: true });

describe('a ridge map', () => {
  it('says the product and the constant where that lies within its bounds, and the nearer bound elsewhere', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 9 }),
        number,
        number,
        number,
        (pairs, c, a, b) => {
          const [low, high] = [Math.min(a, b), Math.max(a, b)];
          // another map before it, and other inputs
          const w = Float32Array.from([...new Array<number>(5).fill(7), ...pairs.map(([each]) => each), c, low, high]);
          const x = Float32Array.from([9, 9, ...pairs.map(([, each]) => each)]);
          expect(w.length).toBe(5 + ridgeSize(pairs.length));
          const plain = pairs.reduce((sum, _, i) => sum + w[5 + i]! * x[2 + i]!, w[5 + pairs.length]!);
          const said = ridgeOf(w, 5, x, 2, pairs.length);
          expect(linearOf(w, 5, x, 2, pairs.length)).toBeCloseTo(plain, 6);
          expect(said).toBeCloseTo(Math.max(Math.fround(low), Math.min(Math.fround(high), plain)), 6);
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });
});
