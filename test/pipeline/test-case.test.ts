/** Tests beside pipelines: how they are read, and how a difference is told. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTests, readTime, type Outcome } from '../../src/pipeline/test-case.ts';
import { mergeValues } from '../../src/pipeline/merge.ts';
import { FileError, written } from '../../src/pipeline/problem.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { TEST_COMPONENTS } from '../support/spec-files.ts';

const PIPELINE = 'source: { type: arrow, path: x }\nwindow: { interval: 30m }\n';
const CASE = `pipeline: taxi.yaml
cases:
  - name: late ticks are dead-lettered
    override: { clean: { lateness: 0s }, window: { ring: 100 } }
    given:
      columns: [series, time, value]
      rows:
        - [a, 2024-01-01T00:30:00Z, 1]
        - [a, 2024-01-01T00:00:00Z, 2]
        - [b, 1704067200000, null]
    expect:
      rows:
        - [a, 2024-01-01T00:30:00Z, 1]
      forecasts: { count: 1, horizon: 1, finite: true }
      rejects:
        - [a, 2024-01-01T00:00:00Z, late]
        - [b, 2024-01-01, not-finite]
`;

function load(text: string, pipeline = PIPELINE) {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-case-'));
  writeFileSync(join(folder, 'taxi.yaml'), pipeline);
  writeFileSync(join(folder, 'taxi.test.yaml'), text);
  return loadTests(join(folder, 'taxi.test.yaml'), { ...TEST_COMPONENTS, env: {}, from: folder });
}

function complaints(text: string, pipeline?: string): string[] {
  try {
    load(text, pipeline);
    return [];
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return error.problems.map(written);
  }
}

const at = Date.UTC(2024, 0, 1);
const GOOD: Outcome = {
  bars: [{ series: 'a', time: at + 1_800_000, values: [1] }],
  forecasts: { count: 1, horizon: 1, finite: true },
  rejects: [
    { series: 'b', time: at, reason: 'not-finite' },
    { series: 'a', time: at, reason: 'late' },
  ],
};

describe('a test file', () => {
  it('gives rows, a spec with the override, and what is expected', () => {
    const [only] = load(CASE);
    expect(only!.spec.window.ring).toBe(100);
    expect(only!.given).toEqual({
      channels: ['value'],
      series: ['a', 'a', 'b'],
      times: [at + 1_800_000, at, at],
      ids: undefined,
      values: [[1], [2], [NaN]],
    });
    expect(verify(only!, GOOD)).toEqual([]);
  });

  it('tells every difference at its line', () => {
    const [only] = load(CASE);
    const got: Outcome = {
      bars: [{ series: 'a', time: at + 1_800_000, values: [3] }],
      forecasts: { count: 2, horizon: 1, finite: true },
      rejects: [
        { series: 'a', time: at, reason: 'jump' },
        { series: 'c', time: at, reason: 'late' },
      ],
    };
    expect(verify(only!, got).map(written)).toEqual([
      'taxi.test.yaml:13:11 a, 2024-01-01T00:30:00Z: expected [1], got [3]',
      'taxi.test.yaml:16:11 a, 2024-01-01T00:00:00Z: expected late, got jump',
      'taxi.test.yaml:17:11 expected [b, 2024-01-01T00:00:00Z, not-finite], got nothing for this series and time',
      'taxi.test.yaml:16:9 got [c, 2024-01-01T00:00:00Z, late], which is not expected',
      'taxi.test.yaml:14:27 forecasts: expected count 1, got 2',
    ]);
  });

  it.each([
    ['an empty file', '', 'taxi.test.yaml:1:1 the file is empty: a test needs `pipeline` and `cases`'],
    ['an unknown field', CASE.replace('given:', 'givn:'), 'taxi.test.yaml:3:5 cases[0].given is missing'],
    [
      'an unknown reason',
      CASE.replace(', late]', ', lat]'),
      expect.stringContaining('taxi.test.yaml:16:37 cases[0].expect.rejects[0][2] must be one of'),
    ],
    [
      'a time that is none',
      CASE.replace('2024-01-01T00:30:00Z, 1]', 'yesterday, 1]'),
      'taxi.test.yaml:8:15 must be a time such as 2024-01-01T00:00:00Z, or epoch milliseconds',
    ],
    [
      'a row that is too short',
      CASE.replace('- [a, 2024-01-01T00:00:00Z, 2]', '- [a, 2024-01-01T00:00:00Z]'),
      'taxi.test.yaml:9:11 the row has 2 entries, there are 3 columns',
    ],
    [
      'no time',
      CASE.replace('[series, time, value]', '[series, tim, value]'),
      'taxi.test.yaml:6:16 one of the columns must be `time`',
    ],
    ['text for a value', CASE.replace('00Z, 2]', '00Z, two]'), 'taxi.test.yaml:9:37 value must be a number or null, is "two"'],
    [
      'an override that is wrong',
      CASE.replace('lateness: 0s', 'lateness: soon'),
      'taxi.test.yaml:4:36 clean.lateness must be a duration such as 500ms, 30s, 5m, 2h or 7d, is "soon"',
    ],
    [
      'an override of nothing known',
      CASE.replace('lateness: 0s', 'latenes: 0s'),
      'taxi.test.yaml:4:26 clean.latenes is not a known field (did you mean "lateness"?)',
    ],
    [
      'an override of the prototype',
      CASE.replace('clean: {', '__proto__: {'),
      'taxi.test.yaml:4:17 __proto__ is not allowed as a key',
    ],
  ])('%s', (_, text, first) => {
    expect(complaints(text)[0]).toEqual(first);
  });

  it('a wrong pipeline is told with its own file', () => {
    expect(complaints(CASE, PIPELINE.replace('30m', 'x'))[0]).toContain('taxi.yaml:2:21 window.interval');
  });
});

it.each([
  ['2024-01-01', at],
  ['2024-01-01T00:00:00', at],
  ['2024-01-01 00:00', at],
  ['2024-01-01T01:00:00+01:00', at],
  ['1', NaN],
  ['soon', NaN],
])('the time %s', (text, ms) => expect(readTime(text)).toBe(ms));

describe('laying one value over another', () => {
  it('merges maps and replaces the rest', () => {
    expect(mergeValues({ a: { b: 1, c: [1, 2] }, d: 1 }, { a: { c: [3] }, d: { e: 1 } })).toEqual({
      a: { b: 1, c: [3] },
      d: { e: 1 },
    });
  });
  it('reaches no prototype', () => {
    mergeValues({}, JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}'));
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
