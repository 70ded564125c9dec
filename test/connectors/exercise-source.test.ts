import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import exercise from '../../connectors/exercise-source.ts';
import { collect, context, testSource } from '../contract/source.ts';

testSource({
  component: exercise,
  title: 'one length',
  config: () => ({ task: 'addition', sequences: 700, length: 7 }),
  rows: 4900,
  large: () => ({ task: 'memory', sequences: 4000, length: 100 }),
});
testSource({
  component: exercise,
  title: 'drawn lengths',
  config: () => ({ task: 'parity', shortest: 3, length: 9, sequences: 200 }),
  rows: 1221,
});
testSource({
  component: exercise,
  title: 'longer than a batch',
  config: () => ({ task: 'memory', length: 5000, sequences: 2 }),
  rows: 10_000,
});

/** Sequences by name, rows of values. */
async function sequences(config: Record<string, unknown>): Promise<number[][][]> {
  const source = exercise.build(exercise.config.parse(config), context());
  const found = new Map<string, number[][]>();
  for (const { content } of await collect(source, undefined, Infinity)) {
    const [series, , values] = content as [string, number, number[]];
    found.set(series, [...(found.get(series) ?? []), values]);
  }
  return [...found.values()];
}

testSource({
  component: exercise,
  title: 'dates',
  config: () => ({ task: 'dates', shortest: 8, length: 60, sequences: 100 }),
  rows: 5038,
});

describe('the right answers', () => {
  it.each(['addition', 'carry'])('%s: the bits of the sum', async (task) => {
    for (const rows of await sequences({ task, sequences: 50, length: 40 })) {
      const number = (channel: number): bigint => rows.reduce((sum, row, i) => sum + (BigInt(row[channel]!) << BigInt(i)), 0n);
      expect(number(2)).toBe((number(0) + number(1)) % (1n << 40n));
      if (task === 'carry') expect(rows.slice(1).every(([, , sum]) => sum === 0)).toBe(true);
    }
  });

  it('parity: odd or even so far', async () => {
    for (const rows of await sequences({ task: 'parity', sequences: 20, shortest: 5, length: 30 })) {
      rows.forEach(([, parity], i) => expect(parity).toBe(rows.slice(0, i + 1).filter(([bit]) => bit === 1).length % 2));
    }
  });

  it('memory: two are marked, one of them early, and their sum is asked for at the end alone', async () => {
    for (const rows of await sequences({ task: 'memory', sequences: 50, length: 60 })) {
      const marked = rows.filter(([, mark]) => mark === 1);
      expect(marked).toHaveLength(2);
      expect(rows.findIndex(([, mark]) => mark === 1)).toBeLessThan(10);
      expect(rows.at(-1)![2]).toBe(marked[0]![0]! + marked[1]![0]!);
      expect(rows.slice(0, -1).every(([, , sum]) => Number.isNaN(sum))).toBe(true);
    }
  });

  it('speech: ten bands, and the word at the end alone; its six orders of three vowels have about the same mean, and other ends', async () => {
    const found = await sequences({ task: 'speech', sequences: 1000, length: 50 });
    const words = found.map((rows) => rows.at(-1)![10]!);
    for (const rows of found) {
      expect(rows[0]).toHaveLength(11);
      expect(rows.slice(0, -1).every((row) => Number.isNaN(row[10]))).toBe(true);
    }
    expect([...new Set(words)].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    /** The mean energy of a band over some rows of all utterances of a word. */
    const energy = (word: number, band: number, from: number, to: number): number => {
      const values = found.filter((_, i) => words[i] === word).flatMap((rows) => rows.slice(from, to).map((row) => row[band]!));
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    for (let band = 0; band < 10; band++) {
      for (const word of [1, 2, 3, 4, 5]) expect(energy(word, band, 0, 50) - energy(0, band, 0, 50)).toBeCloseTo(0, 0);
    }
    // aiu ends low, uai high: the second formant of i lies in band 7
    expect(energy(4, 7, 30, 45)).toBeGreaterThan(energy(0, 7, 30, 45) + 0.15);
  });

  it('dates: every style names the day that ISO 8601 names, and other_dates none of the days of dates', async () => {
    const read = async (task: string, length: number): Promise<[string, string][]> =>
      (await sequences({ task, sequences: 2000, shortest: 8, length })).map((rows) => {
        const text = (channel: number): string =>
          rows.flatMap((row) => (Number.isNaN(row[channel]) ? [] : [String.fromCodePoint(row[channel]!)])).join('');
        return [text(0), text(1)];
      });
    const dates = await read('dates', 8);
    for (const [written, iso] of dates) {
      const [year, month, day] = iso.split('-').map(Number) as [number, number, number];
      const date = new Date(`${iso}T00:00:00Z`);
      const named = (style: Intl.DateTimeFormatOptions): string =>
        date.toLocaleString('en-US', { ...style, timeZone: 'UTC' }).toLowerCase();
      expect(written).toContain(String(year));
      expect(written).toMatch(new RegExp(`(^|\\D)${day}(\\D|$)`));
      expect(written.includes(named({ month: 'short' })) || written.includes(`.${month}.`), written).toBe(true);
      const weekday = /[a-z]+day/.exec(written)?.[0];
      if (weekday) expect(weekday).toBe(named({ weekday: 'long' }));
    }
    expect(
      new Set(
        dates.map(([written]) =>
          written.replaceAll(
            /\d+|[a-z]{3,9}day|january|february|march|april|may|june|july|august|september|october|november|december/g,
            '#',
          ),
        ),
      ).size,
    ).toBeGreaterThanOrEqual(8);
    const others = await read('other_dates', 90);
    const known = new Set(dates.map(([, iso]) => iso));
    expect(others.filter(([, iso]) => known.has(iso))).toEqual([]);
    expect(Math.max(...others.map(([written]) => written.length))).toBeLessThanOrEqual(90);
    expect(others.filter(([written]) => written.length > 70).length).toBeGreaterThan(300);
  });

  it('a sequence does not depend on how many others there are; lengths are drawn from the whole range', async () => {
    const few = await sequences({ task: 'addition', sequences: 5, shortest: 2, length: 8 });
    const many = await sequences({ task: 'addition', sequences: 200, shortest: 2, length: 8 });
    expect(many.slice(0, 5)).toEqual(few);
    expect([...new Set(many.map((rows) => rows.length))].sort()).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect(await sequences({ task: 'addition', sequences: 5, shortest: 2, length: 8, seed: 99 })).not.toEqual(few);
  });

  it.each([
    [['addition', 'carry', 'parity', 'memory'], '964c514513bb9188'],
    [['speech'], '2fdc7aab9e9f2e24'],
  ])('%j: the same on every machine', async (tasks, expected) => {
    const hash = createHash('sha256');
    for (const task of tasks) hash.update(JSON.stringify(await sequences({ task, sequences: 30, length: 20, seed: 7 })));
    expect(hash.digest('hex').slice(0, 16)).toBe(expected);
  });
});
