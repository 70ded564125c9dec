/** Series whose rows do not lie as far apart as the pipeline says, or as those of others: told once, and only where it is clear. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ROW_IMPUTED, type RowBatch } from '../../src/core/batch.ts';
import type { Events } from '../../src/core/events.ts';
import { Spacing } from '../../src/window/spacing.ts';

const MINUTE = 60_000;
type Row = readonly [lane: number, elapsed: number, flags?: number];

function batch(rows: readonly Row[]): RowBatch {
  const length = rows.length;
  return {
    ...{ length, channels: 1, times: new Float64Array(length), values: new Float64Array(length) },
    lanes: Int32Array.from(rows, ([lane]) => lane),
    elapsed: Float64Array.from(rows, ([, elapsed]) => elapsed),
    steps: new Int32Array(length).fill(1),
    flags: Uint8Array.from(rows, ([, , flags = 0]) => flags),
  };
}

function told(rows: readonly Row[], { interval = 60 * MINUTE, filled = false, size = 7 } = {}): Events['intervals.differed'][] {
  const all: Events['intervals.differed'][] = [];
  const keys = Array.from({ length: 2000 }, (_, lane) => `s${lane}`);
  const spacing = new Spacing({ interval, filled, keys, differ: (what) => all.push(what) });
  for (let at = 0; at < rows.length; at += size) spacing.add(batch(rows.slice(at, at + size)));
  return all;
}

/** Rows of series with these intervals (minutes) in order of time, from minute 0 to `until`. */
function rows(apart: readonly number[], until: number): Row[] {
  return apart
    .flatMap((each, lane) => Array.from({ length: Math.floor(until / each) }, (_, i) => ({ lane, each, at: (i + 1) * each })))
    .sort((a, b) => a.at - b.at)
    .map(({ lane, each }) => [lane, each * MINUTE]);
}

describe('intervals that differ', () => {
  it('from each other: two series are named, first the one that is further from `window.interval`', () => {
    const two = { interval: 60 * MINUTE, series: 's1', apart: 240 * MINUTE, other: 's0', otherApart: 60 * MINUTE };
    expect(told(rows([60, 240], 6000))).toEqual([two]);
    expect(told(rows([60, 60, 15], 6000))).toMatchObject([{ series: 's2', apart: 15 * MINUTE, otherApart: 60 * MINUTE }]);
    // neither is twice the interval or half of it, but one is twice the other
    expect(told(rows([45, 90], 6000))).toMatchObject([{ series: 's1', other: 's0' }]);
  });

  it('from `window.interval`: one series is named', () => {
    expect(told(rows([30], 6000))).toEqual([{ interval: 60 * MINUTE, series: 's0', apart: 30 * MINUTE }]);
    expect(told(rows([30, 30], 6000))).toHaveLength(1);
    expect(told(rows([30, 30], 6000))[0]).not.toHaveProperty('other');
  });

  it('not where they do not, where rows are missing or double, or where there are too few', () => {
    expect(told(rows([60, 60, 61, 45], 6000))).toEqual([]);
    // of three rows one is missing; of three one is double
    const gaps = Array.from({ length: 100 }, (_, i): Row => [0, i % 2 ? 120 * MINUTE : 60 * MINUTE]);
    expect(told(gaps)).toEqual([]);
    const doubles = Array.from({ length: 100 }, (_, i): Row => [0, i % 3 ? 0 : 60 * MINUTE]);
    expect(told(doubles)).toEqual([]);
    expect(told(rows([240], 11 * 240))).toEqual([]);
    expect(told(rows([240], 12 * 240))).toHaveLength(1);
  });

  it('where gaps are filled in, rows that are further apart fit', () => {
    expect(told(rows([60, 240], 6000), { filled: true })).toEqual([]);
    expect(told(rows([60, 15], 6000), { filled: true })).toHaveLength(1);
    const imputed = rows([60], 2000).flatMap(([lane, elapsed]): Row[] => [
      [lane, elapsed / 4, ROW_IMPUTED],
      [lane, elapsed],
    ]);
    expect(told(imputed, { filled: true })).toEqual([]);
  });

  it('is told once, the same for every cut into batches', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(15, 30, 60, 120), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 500 }),
        (apart, size) => {
          const whole = told(rows(apart, 3000), { size: 1e9 });
          expect(told(rows(apart, 3000), { size })).toEqual(whole);
          expect(whole).toHaveLength(apart.every((each) => each === 60) ? 0 : 1);
        },
      ),
      { seed: 5, numRuns: 60 },
    );
  });
});
