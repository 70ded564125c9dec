/** Trees in the kernel against the plain walk, and what growing asks of it against plain loops. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { Forest } from '../../src/nn/forest.ts';
import { BINS, Splits } from '../../src/nn/splits.ts';
import { sumOfTrees, treesOf } from '../../src/nn/trees.ts';

/** A few numbers only, so that some are equal. */
const quarter = (random: Random) => random.below(9) / 4 - 1;

/** Trees of up to `leaves` leaves, each split at random. */
function grown(random: Random, count: number, leaves: number, inputs: number) {
  const nodes: number[] = [];
  const node = () => nodes.push(-1, quarter(random), -1, -1) / 4 - 1;
  for (let tree = 0; tree < count; tree++) {
    const open = [node()];
    for (let have = 1 + random.below(leaves); have > 1; have--) {
      const [split] = open.splice(random.below(open.length), 1);
      const children = [node(), node()];
      nodes[split! * 4] = random.below(inputs);
      nodes.splice(split! * 4 + 2, 2, ...children);
      open.push(...children);
    }
  }
  return treesOf(nodes);
}

describe('a forest', () => {
  it('says what the plain walk says, bit for bit, however many trees and whatever the inputs (seed 1)', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 5 }), (seed, counts) => {
        const random = new Random(seed);
        const inputs = 1 + random.below(9);
        const sums = counts.map((count) => grown(random, count, 31, inputs));
        const forest = new Forest(inputs);
        for (let planted = 0; planted < 2; planted++) {
          forest.plant(sums);
          const x = Float32Array.from({ length: inputs }, () => (random.below(20) === 0 ? NaN : quarter(random)));
          forest.x.set(x);
          sums.forEach((trees, i) => expect(forest.sum(i)).toBe(sumOfTrees(trees, x, 0)));
          sums.reverse();
        }
      }),
      { seed: 1, numRuns: 100 },
    );
  });
});

describe('splits', () => {
  it('count, choose and part as the plain loops do (seed 2)', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 90 }), fc.integer({ min: 1, max: 9 }), (seed, rows, inputs) => {
        const random = new Random(seed);
        const edges = Array.from({ length: inputs }, () => ({ length: random.below(BINS) }));
        const codes = Uint8Array.from({ length: rows * inputs }, (_, i) => random.below(edges[Math.floor(i / rows)]!.length + 1));
        const used = random
          .permutation(inputs)
          .subarray(0, 1 + random.below(inputs))
          .sort();
        const splits = new Splits(codes, rows, edges, { inputs: used.length, histograms: 3 });
        splits.use(used);
        splits.order.set(random.permutation(rows));
        const signs = Array.from({ length: rows }, () => random.below(3) - 1);
        signs.forEach((sign, row) => (splits.marks[row] = (1 << 16) + sign));
        const least = 1 + random.below(6);
        const best = (of: readonly number[]) => {
          const gain = (part: readonly number[]) => part.reduce((sum, row) => sum + signs[row]!, 0) ** 2 / part.length;
          let most = { gain: 0, input: -1, bin: 0, left: 0 };
          for (const input of used)
            for (let bin = 0; bin < edges[input]!.length; bin++) {
              const left = of.filter((row) => codes[input * rows + row]! <= bin);
              const right = of.filter((row) => codes[input * rows + row]! > bin);
              if (left.length < least || right.length < least) continue;
              const better = gain(left) + gain(right) - gain(of);
              if (better > most.gain) most = { gain: better, input, bin, left: left.reduce((sum, row) => sum + signs[row]!, 0) };
            }
          return most;
        };
        const sum = (of: readonly number[]) => of.reduce((total, row) => total + signs[row]!, 0);
        const all = [...splits.order];
        const whole = splits.histogram(0, rows);
        expect(splits.best(whole, rows, sum(all), least)).toEqual(best(all));
        const [input, bin] = [used[0]!, random.below(BINS)];
        const middle = splits.part(0, rows, input, bin);
        const goes = (row: number) => codes[input * rows + row]! <= bin;
        const [left, right] = [all.filter(goes), all.filter((row) => !goes(row))];
        expect([...splits.order]).toEqual([...left, ...right]);
        expect(middle).toBe(left.length);
        splits.subtract(whole, splits.histogram(0, middle));
        expect(splits.best(whole, right.length, sum(right), least)).toEqual(best(right));
      }),
      { seed: 2, numRuns: 300 },
    );
  });
});
