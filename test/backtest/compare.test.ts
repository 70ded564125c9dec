/** Two results, paired. */
import { expect, it } from 'vitest';
import { compare } from '../../src/backtest/compare.ts';
import type { ReadResult } from '../../src/backtest/result.ts';
import { sentence } from '../../src/cli/compare.ts';
import { log } from '../../src/core/math/math.ts';
import { MATTERS } from '../../src/forecast/skill.ts';
import { Random } from '../../src/core/random.ts';

interface Row {
  series: string;
  step: number;
  issued: number;
  actual: number;
  mean: number;
}

/** A result with these rows, in blocks of 100. */
function result(rows: readonly Row[]): ReadResult {
  return async function* () {
    for (let at = 0; at < rows.length; at += 100) {
      const part = rows.slice(at, at + 100);
      const names = [...new Set(part.map(({ series }) => series))];
      const column = (name: 'step' | 'issued' | 'actual' | 'mean') => Float64Array.from(part, (row) => row[name]);
      yield {
        length: part.length,
        numbers: { step: column('step'), issued: column('issued'), actual: column('actual'), mean: column('mean') },
        texts: {
          series: { codes: Int32Array.from(part, ({ series }) => names.indexOf(series)), names },
          target: { codes: new Int32Array(part.length), names: ['value'] },
        },
      };
    }
  };
}

/** Forecasts of noise whose errors are `size` large. */
function rows(size: number, seed: number, count = 500): Row[] {
  const truth = new Random(1);
  const random = new Random(seed);
  return Array.from({ length: count * 4 }, (_, i) => {
    const actual = truth.normal(log);
    const issued = Math.floor(i / 4);
    return {
      series: i % 2 ? 'a' : 'b',
      step: 1 + (Math.floor(i / 2) % 2),
      issued,
      actual,
      mean: actual + size * random.normal(log),
    };
  });
}

it('says which is better, by how much and how sure that is; the other way round it says the same', async () => {
  const [small, large] = [result(rows(1, 2)), result(rows(1.5, 3))];
  const { cells, series } = await compare(small, large);
  expect(series).toBe(2);
  expect(cells.map(({ step, n }) => `${step} ${n}`)).toEqual(['1 1000', '2 1000']);
  const [first] = cells;
  expect(first!.skill.verdict).toBe('better');
  expect(first!.a / first!.b).toBeCloseTo(1 / 1.5, 1);
  const text = sentence(first!, 'A', 'B');
  expect(text).toMatch(/^value: A is better at step 1 by 3\d\.\d % \(95 %: (2|3)\d\.\d to (3|4)\d\.\d %\)\.$/);
  const turned = await compare(large, small);
  expect(turned.cells[0]!.skill.statistic).toBeCloseTo(-first!.skill.statistic, 9);
  expect(sentence(turned.cells[0]!, 'B', 'A')).toMatch(/^value: A is better at step 1 by \d/);
});

it('where both are as good it says that no difference can be shown, and it is right nineteen times in twenty', async () => {
  let shown = 0;
  for (let seed = 10; seed < 50; seed++) {
    const { cells } = await compare(result(rows(1, seed, 100)), result(rows(1, seed + 1000, 100)));
    shown += cells.filter(({ skill }) => skill.verdict !== 'no skill').length;
  }
  // 80 comparisons: 4 are expected, 12 or more would come once in three thousand times
  expect(shown).toBeLessThan(12);
  const [cell] = (await compare(result(rows(1, 10)), result(rows(1, 1010)))).cells;
  expect(sentence(cell!, 'A', 'B')).toMatch(
    /^value: no difference can be shown at step 1: A is (\d\.\d % (better|worse)|as good as B) \(95 %: \d\.\d % worse to \d\.\d % better\)\.$/,
  );
  const [same] = (await compare(result(rows(1, 10)), result(rows(1, 10)))).cells;
  expect(sentence(same!, 'A', 'B')).toBe('value: both made the same error at step 1.');
});

it('pairs only what both have, and leaves out what had another truth', async () => {
  const all = rows(1, 2);
  const other = rows(1.5, 3)
    .filter(({ issued }) => issued >= 100)
    .map((row) => (row.issued < 110 ? { ...row, actual: row.actual + 1 } : row));
  const compared = await compare(result(all), result(other));
  expect(compared).toMatchObject({ onlyA: 400, onlyB: 0, otherTruth: 40 });
  expect(compared.cells.map(({ n }) => n)).toEqual([780, 780]);
  const later = all.map((row) => ({ ...row, issued: row.issued + 10_000 }));
  await expect(compare(result(all), result(later))).rejects.toMatchObject({ code: 'COMPARE_NOTHING' });
});

it('a difference that is the same at every row is sure, however small', async () => {
  const ours = rows(1, 2);
  const theirs = ours.map((row) => ({ ...row, mean: row.mean + 0.1 * Math.sign(row.mean - row.actual) }));
  const [cell] = (await compare(result(ours), result(theirs))).cells;
  const { skill, low, high } = cell!.skill;
  expect(skill).toBeCloseTo(1 - cell!.a / cell!.b, 9);
  expect(cell!.b - cell!.a).toBeCloseTo(0.1, 9);
  expect(high - low).toBeLessThan(1e-6);
});

it.each([
  [
    { ours: 103.04, low: -2, high: 8 },
    'no difference can be shown at step 4: A is 3.0 % worse (95 %: 8.0 % worse to 2.0 % better).',
  ],
  [
    { ours: 97, low: -8, high: 2 },
    'no difference can be shown at step 4: A is 3.0 % better (95 %: 2.0 % worse to 8.0 % better).',
  ],
  [
    { ours: 100.01, low: -2, high: 2 },
    'no difference can be shown at step 4: A is as good as B (95 %: 2.0 % worse to 2.0 % better).',
  ],
  [
    { ours: 100.3, low: 0.2, high: 0.4 },
    'the difference is too small to matter at step 4: A is 0.3 % worse (95 %: 0.4 % worse to 0.2 % worse).',
  ],
  [
    { ours: 99.7, low: -0.4, high: -0.2 },
    'the difference is too small to matter at step 4: A is 0.3 % better (95 %: 0.2 % better to 0.4 % better).',
  ],
  [{ ours: 125, low: 20, high: 30 }, 'B is better at step 4 by 20.0 % (95 %: 16.0 to 24.0 %).'],
  [{ ours: 80, low: -30, high: -10 }, 'A is better at step 4 by 20.0 % (95 %: 10.0 to 30.0 %).'],
  [{ ours: 2, theirs: 0, low: 1, high: 3 }, 'B is better at step 4: it made no error, A one of 2.'],
  [{ ours: 0, low: -110, high: -90 }, 'A is better at step 4 by 100.0 % (95 %: 90.0 to 110.0 %).'],
  [{ ours: 100, low: 0, high: 0 }, 'both made the same error at step 4.'],
  [{ ours: 100, low: NaN, high: NaN }, '50 forecasts are too few to tell at step 4.'],
])('says who is better in words, never by a share below zero: %o', ({ ours, theirs = 100, low, high }: Means, words) => {
  const difference = ours - theirs;
  const share = 1 - ours / theirs;
  const matters = Math.abs(share) >= MATTERS;
  const verdict = high < 0 && matters ? 'better' : low > 0 && matters ? 'worse' : 'no skill';
  const skill = { skill: share, difference, low, high, statistic: 0, verdict } as const;
  expect(sentence({ target: 'value', step: 4, n: 50, a: ours, b: theirs, skill }, 'A', 'B')).toBe(`value: ${words}`);
});

interface Means {
  readonly ours: number;
  readonly theirs?: number;
  readonly low: number;
  readonly high: number;
}
