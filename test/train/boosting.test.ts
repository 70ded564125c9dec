/** Boosted trees: what they learn, that they are the same for the same seed, and that a damaged tensor is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { sumOfTrees, tensorOfTrees, treesOf } from '../../src/nn/trees.ts';
import { Binned } from '../../src/train/binned.ts';
import { boost, medianOf, type BoostingOptions } from '../../src/train/boosting.ts';

const OPTIONS: BoostingOptions = { rounds: 60, leaves: 8, rate: 0.2, least: 5, rowShare: 0.8, inputShare: 1 };
const ROWS = 600;

/** Three inputs, the last one noise; what is wanted has a step and a product in it. */
function data(seed: number) {
  const random = new Random(seed);
  const x = Float32Array.from({ length: ROWS * 3 }, () => 2 * random.uniform() - 1);
  const y = Float32Array.from({ length: ROWS }, (_, row) => (x[row * 3]! > 0.2 ? 5 : 0) + x[row * 3]! * x[row * 3 + 1]!);
  return { x, y };
}

function fitted(seed: number, options = OPTIONS) {
  const { x, y } = data(seed);
  return { x, y, trees: boost(new Binned(x, ROWS, 3), y, new Float32Array(ROWS), new Random(seed), options) };
}

const error = (y: Float32Array, say: (row: number) => number) =>
  y.reduce((sum, value, row) => sum + Math.abs(value - say(row)), 0) / y.length;

/** What one tree says of every row, by trying every split of every leaf: the best of all leaves comes first. */
function slowly(x: Float32Array, y: Float32Array, binned: Binned, { leaves: most, rate, least }: BoostingOptions): number[] {
  const { rows, inputs, edges } = binned;
  const gainOf = (part: readonly number[]) => {
    const sum = part.reduce((total, row) => total + Math.sign(y[row]!), 0);
    return (sum * sum) / part.length;
  };
  let leaves = [Array.from({ length: rows }, (_, row) => row)];
  while (leaves.length < most) {
    let best: { gain: number; leaf: number; parts: number[][] } | undefined;
    leaves.forEach((part, leaf) => {
      for (let f = 0; f < inputs; f++)
        for (const edge of edges[f]!) {
          const left = part.filter((row) => x[row * inputs + f]! <= edge);
          const right = part.filter((row) => x[row * inputs + f]! > edge);
          if (left.length < least || right.length < least) continue;
          const gain = gainOf(left) + gainOf(right) - gainOf(part);
          if (gain > (best?.gain ?? 1e-9)) best = { gain, leaf, parts: [left, right] };
        }
    });
    if (!best) break;
    const { leaf, parts } = best;
    leaves = leaves.flatMap((part, i) => (i === leaf ? parts : [part]));
  }
  const said = new Array<number>(rows);
  for (const part of leaves) {
    const sorted = part.map((row) => y[row]!).sort((a, b) => a - b);
    const median = (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
    for (const row of part) said[row] = rate * median;
  }
  return said;
}

describe('boosting (seed 1)', () => {
  it('learns what no line can say, on rows that it has not seen too', () => {
    const { trees } = fitted(1);
    const { x, y } = data(2);
    const middle = [...y].sort((a, b) => a - b)[ROWS / 2]!;
    expect(error(y, (row) => sumOfTrees(trees, x, row * 3))).toBeLessThan(0.15 * error(y, () => middle));
  });

  it('moves the prediction that it begins with along', () => {
    const { x, y } = data(3);
    const score = new Float32Array(ROWS).fill(2);
    const trees = boost(new Binned(x, ROWS, 3), y, score, new Random(3), OPTIONS);
    for (let row = 0; row < ROWS; row += 37) expect(score[row]).toBeCloseTo(2 + sumOfTrees(trees, x, row * 3), 4);
  });

  it('is the same for the same seed, and another for another', () => {
    const [a, b, c] = [fitted(4), fitted(4), fitted(4, { ...OPTIONS, rounds: 59 })];
    expect(tensorOfTrees(a.trees)).toEqual(tensorOfTrees(b.trees));
    expect(tensorOfTrees(a.trees)).not.toEqual(tensorOfTrees(c.trees));
  });

  it.each([1, 3, 5])('grows the tree that trying every split gives, with %i inputs (seed 12)', (inputs) => {
    const random = new Random(12);
    const rows = 90;
    const x = Float32Array.from({ length: rows * inputs }, () => Math.round(12 * random.uniform()));
    const y = Float32Array.from({ length: rows }, () => random.uniform() - 0.45);
    const options = { rounds: 1, leaves: 5, rate: 0.5, least: 20, rowShare: 1, inputShare: 1 };
    const binned = new Binned(x, rows, inputs);
    const trees = boost(binned, y, new Float32Array(rows), new Random(12), options);
    const wanted = slowly(x, y, binned, options);
    for (let row = 0; row < rows; row++) expect(sumOfTrees(trees, x, row * inputs)).toBeCloseTo(wanted[row]!, 6);
  });

  it('a tree sees its share of the rows', () => {
    const [some, all] = [0.5, 1].map((rowShare) => fitted(13, { ...OPTIONS, rounds: 1, rowShare }));
    expect(tensorOfTrees(some!.trees)).not.toEqual(tensorOfTrees(all!.trees));
  });

  it('refuses more rows than a histogram can count', () => {
    const rows = 32_768;
    const binned = new Binned(new Float32Array(rows), rows, 1);
    expect(() => boost(binned, new Float32Array(rows), new Float32Array(rows), new Random(1), OPTIONS)).toThrow(RangeError);
  });

  it('one large error does not carry the leaves away', () => {
    const { x, y } = data(5);
    const spoilt = y.map((value, row) => (row % 50 === 0 ? 1e6 : value));
    const trees = boost(new Binned(x, ROWS, 3), spoilt, new Float32Array(ROWS), new Random(5), OPTIONS);
    expect(error(y, (row) => sumOfTrees(trees, x, row * 3))).toBeLessThan(0.5);
  });

  it('says nothing where there is nothing to learn from', () => {
    const empty = boost(new Binned(new Float32Array(0), 0, 3), new Float32Array(0), new Float32Array(0), new Random(1), OPTIONS);
    expect(sumOfTrees(empty, new Float32Array(3), 0)).toBe(0);
  });
});

describe('a tensor of trees', () => {
  it('comes back as it was', () => {
    const { trees, x } = fitted(6);
    const again = treesOf(tensorOfTrees(trees));
    for (let row = 0; row < ROWS; row += 13) expect(sumOfTrees(again, x, row * 3)).toBe(sumOfTrees(trees, x, row * 3));
  });

  it('never leads a walk in a circle, whatever it holds (seed 7)', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -2, max: 6 }), { minLength: 4, maxLength: 24 }), (numbers) => {
        const tensor = numbers.slice(0, numbers.length - (numbers.length % 4));
        try {
          sumOfTrees(treesOf(tensor), new Float32Array(8), 0);
        } catch (refused) {
          expect(refused).toBeInstanceOf(RangeError);
        }
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

it('the median is that of the sorted values', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, min: -1e6, max: 1e6 })), { maxLength: 60 }),
      (all) => {
        const sorted = Float32Array.from(all).sort();
        const n = sorted.length;
        const wanted = n === 0 ? 0 : sorted[(n - 1) >> 1]! / 2 + sorted[n >> 1]! / 2;
        expect(medianOf(Float32Array.from(all)) + 0).toBe(wanted + 0);
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});
