import fc from 'fast-check';
import { expect, it } from 'vitest';
import { State } from '../../src/core/state.ts';
import { PageHinkley } from '../../src/train/page-hinkley.ts';

it('it tells what the sums of the published test tell', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { maxLength: 200 }), (values) => {
      const { lanes } = new State();
      const test = new PageHinkley(lanes, { name: 'test', cells: 1 });
      const lane = lanes.lane('a');
      let [n, mean, up, least, down, most] = [0, 0, 0, 0, 0, 0];
      for (const value of values) {
        up += value - mean - 0.5;
        down += value - mean + 0.5;
        least = Math.min(least, up);
        most = Math.max(most, down);
        mean += (value - mean) / (++n + 1);
        const moved = Math.max(up - least, most - down);
        // where rounding decides, either is right
        if (Math.abs(moved - 8) < 1e-6) return;
        expect(test.add(lane, 0, value, 8)).toBe(moved > 8);
        if (moved > 8) [n, mean, up, least, down, most] = [0, 0, 0, 0, 0, 0];
      }
    }),
    { seed: 1954, numRuns: 300 },
  );
});
