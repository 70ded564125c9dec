/** Searches: the two worked examples, what they share as properties, what they cost, and what they refuse. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { log } from '../../src/core/math/math.ts';
import { Random, seedOf } from '../../src/core/random.ts';
import { Best } from '../../src/learn/best.ts';
import { beam, exhaustive, greedy, MOST_SEQUENCES, type Search } from '../../src/learn/search.ts';

const [A, B, C, EOS] = [0, 1, 2, 3] as const;
type Row = readonly [number, number, number, number];
/** By step: the chances of A, B, C, eos. */
const STEPS: readonly Row[] = [
  [0.5, 0.2, 0.2, 0.1],
  [0.1, 0.4, 0.3, 0.2],
  [0.2, 0.2, 0.4, 0.2],
  [0.0, 0.2, 0.2, 0.6],
];
const AFTER_C: readonly Row[] = [
  [0.1, 0.6, 0.2, 0.1],
  [0.1, 0.2, 0.1, 0.6],
];

/** The state is what has been said so far. */
function lecture(more: Partial<Search<readonly number[]>>): Search<readonly number[]> {
  return {
    symbols: 4,
    length: 4,
    state: [],
    first: -1,
    step(before, symbol) {
      const said = symbol < 0 ? before : [...before, symbol];
      const t = said.length;
      const row = said[1] === C ? AFTER_C[t - 2]! : STEPS[t]!;
      return { logs: row.map((p) => log(p)), state: said };
    },
    ...more,
  };
}

/** Chances drawn anew for every sequence so far. */
function drawn(seed: number, symbols: number, length: number, more: Partial<Search<string>> = {}): Search<string> {
  return {
    symbols,
    length,
    state: '',
    first: -1,
    step(before, symbol) {
      const state = `${before} ${symbol}`;
      const random = new Random(seedOf(seed, state));
      // few different ones, so that there are ties
      const weights = Array.from({ length: symbols }, () => 1 + random.below(4));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return { logs: weights.map((weight) => log(weight / total)), state };
    },
    ...more,
  };
}

describe('the lecture’s examples', () => {
  it('of a fixed length: greedy walks into the trap, a beam of 2 and exhaustive search do not', () => {
    const search = lecture({});
    expect(greedy(search).symbols).toEqual([A, B, C, EOS]);
    expect(Math.exp(greedy(search).log)).toBeCloseTo(0.5 * 0.4 * 0.4 * 0.6, 12);
    for (const result of [beam(search, 2), exhaustive(search)]) {
      expect(result.symbols).toEqual([A, C, B, EOS]);
      expect(Math.exp(result.log)).toBeCloseTo(0.5 * 0.3 * 0.6 * 0.6, 12);
      expect(result.score).toBe(result.log);
    }
  });

  it('where eos ends: without normalisation (A, eos) and (eos) have 0.1 both, and the lower first symbol is taken', () => {
    const result = exhaustive(lecture({ end: EOS, normalise: 0 }));
    expect(result.symbols).toEqual([A, EOS]);
    expect(Math.exp(result.log)).toBeCloseTo(0.5 * 0.2, 12);
    expect(result.log).toBe(log(0.1));
    expect(beam(lecture({ end: EOS, normalise: 0 }), 256)).toMatchObject({ symbols: [A, EOS], log: result.log });
  });

  it.each([
    // log p / ((5 + n) / 6)^power: (A, C, B, eos) overtakes (A, eos) between 0.6 and 1
    [0.6, [A, EOS], log(0.1) / (7 / 6) ** 0.6],
    [1, [A, C, B, EOS], log(0.054) / (9 / 6)],
  ])('where eos ends, normalised by length to the power %d', (normalise, symbols, score) => {
    for (const result of [exhaustive(lecture({ end: EOS, normalise })), beam(lecture({ end: EOS, normalise }), 256)]) {
      expect(result.symbols).toEqual(symbols);
      expect(result.score).toBeCloseTo(score, 12);
    }
  });

  it('a beam that is filled by those that ended stops', () => {
    const result = beam(lecture({ end: EOS, normalise: 0 }), 4);
    expect(result.symbols).toEqual([A, EOS]);
    expect(result.work.steps).toBe(1 + 3 + 2 + 2);
  });
});

describe('properties', () => {
  const cases = fc.record({
    seed: fc.nat(1e6),
    symbols: fc.integer({ min: 1, max: 4 }),
    length: fc.integer({ min: 1, max: 4 }),
    ends: fc.boolean(),
    normalise: fc.constantFrom(0, 0.6, 1, 2),
  });
  const of = ({ seed, symbols, length, ends, normalise }: typeof cases extends fc.Arbitrary<infer T> ? T : never) =>
    drawn(seed, symbols, length, { normalise, ...(ends && { end: symbols - 1 }) });

  it('a beam of V^T is exhaustive search', () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { symbols, log: likely, score } = exhaustive(of(each));
        expect(beam(of(each), each.symbols ** each.length)).toMatchObject({ symbols, log: likely, score });
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it('a beam of 1 is greedy', () => {
    fc.assert(
      fc.property(cases, (each) => {
        const { symbols, log: likely } = greedy(of(each));
        expect(beam(of(each), 1)).toMatchObject({ symbols, log: likely });
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it('nothing that is found is better than what exhaustive search finds', () => {
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 4 }), (each, width) => {
        const { score } = exhaustive(of(each));
        expect(beam(of(each), Math.min(width, each.symbols ** each.length)).score).toBeLessThanOrEqual(score);
      }),
      { seed: 6, numRuns: 300 },
    );
  });

  it('the best few are the best few of sorting, ties by lower index', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 5 })), fc.integer({ min: 1, max: 12 }), (scores, room) => {
        const best = new Best(room);
        scores.forEach((score, index) => best.offer({ score, index }));
        const sorted = scores.map((score, index) => ({ score, index })).sort((a, b) => b.score - a.score || a.index - b.index);
        expect(best.kept()).toEqual(sorted.slice(0, room).sort((a, b) => a.index - b.index));
      }),
      { seed: 6, numRuns: 500 },
    );
  });
});

describe('cost', () => {
  /** Later symbols are likelier, so that every candidate is better than the one before it: the heap has the most to do. */
  const rising = (symbols: number, length: number): Search<number> => ({
    symbols,
    length,
    state: 0,
    first: 0,
    step: (state) => ({ logs: Array.from({ length: symbols }, (_, s) => (s - symbols) / (1 + state)), state: state + 1 }),
  });

  it.each([
    [1, 8, 5],
    [4, 8, 5],
    [4, 16, 5],
    [4, 16, 20],
    [16, 32, 10],
    [64, 64, 10],
  ])('k = %d, V = %d, T = %d: V + (T - 1) k V candidates, and O(log k) comparisons for each', (k, V, T) => {
    const { candidates, steps, comparisons } = beam(rising(V, T), k).work;
    expect(steps).toBe(1 + (T - 1) * k);
    expect(candidates).toBe(V + (T - 1) * k * V);
    expect(comparisons).toBeLessThanOrEqual(candidates * (1 + 2 * Math.ceil(Math.log2(k))));
  });

  it('twice T or twice V, twice the comparisons', () => {
    const of = (k: number, V: number, T: number): number => beam(rising(V, T), k).work.comparisons;
    expect(of(16, 64, 40) / of(16, 64, 20)).toBeCloseTo(2, 0);
    expect(of(16, 256, 20) / of(16, 128, 20)).toBeCloseTo(2, 0);
  });

  it.each([2, 16, 128, 1024])(
    'a heap of %d compares between log k and 2 log k + 1 times where each offer is the best so far',
    (k) => {
      const best = new Best(k);
      const offers = 100 * k;
      for (let i = 0; i < offers; i++) best.offer({ score: i, index: i });
      expect(best.comparisons / offers).toBeGreaterThan(0.95 * Math.log2(k));
      expect(best.comparisons / offers).toBeLessThanOrEqual(2 * Math.log2(k) + 1);
    },
  );

  it('greedy scores T V, exhaustive search all beginnings of V^T', () => {
    expect(greedy(rising(7, 9)).work).toEqual({ steps: 9, candidates: 63, comparisons: 0 });
    expect(exhaustive(rising(3, 5)).work).toMatchObject({ steps: 1 + 3 + 9 + 27 + 81, candidates: 3 + 9 + 27 + 81 + 243 });
  });
});

describe('what cannot be is refused', () => {
  const search = lecture({});
  const refused = (code: string, facts: object): unknown =>
    expect.objectContaining({ code, facts: expect.objectContaining(facts) });

  it.each([0, -1, 1.5, NaN, 257])('a beam of %d', (width) => {
    expect(() => beam(search, width)).toThrow(refused('SEARCH_OPTION', { width: String(width), allowed: '1 to 256' }));
  });

  it.each([{ length: 0 }, { length: 2.5 }, { end: 4 }, { end: -1 }, { symbols: 0 }, { normalise: -1 }, { normalise: NaN }])(
    '%o',
    (more) => {
      for (const one of [greedy, exhaustive, (each: typeof search) => beam(each, 1)])
        expect(() => one({ ...search, ...more })).toThrow(refused('SEARCH_OPTION', {}));
    },
  );

  it('an exhaustive search above its size, before anything is stepped', () => {
    const large = { ...search, symbols: 10, length: 7, step: () => expect.fail('stepped') };
    expect(() => exhaustive(large)).toThrow(refused('SEARCH_TOO_LARGE', { sequences: 1e7, largest: MOST_SEQUENCES }));
  });

  it('a step that gives no number, or too few', () => {
    const broken = (logs: number[]) => ({ ...search, step: () => ({ logs, state: [] }) });
    for (const logs of [
      [0, 0, NaN, 0],
      [0, 0, 0],
      [0, 0, 0, Infinity],
    ])
      expect(() => greedy(broken(logs))).toThrow(refused('SEARCH_STEP', {}));
  });
});
