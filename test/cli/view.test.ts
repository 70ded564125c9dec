/** What the screen shows: the live view, plain lines and the summary; any name, any width. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, displayWidth, pad, printable } from '../../src/cli/cell.ts';
import { ago, instant, percent, signedPercent, value } from '../../src/cli/numbers.ts';
import { progressLine } from '../../src/cli/plain-lines.ts';
import { summaryText } from '../../src/cli/summary.ts';
import { colourPaint } from '../../src/cli/terminal.ts';
import { render } from '../../src/cli/view.ts';
import type { ScoreLine, ViewModel } from '../../src/cli/view-model.ts';

const skill = (share: number, verdict: 'better' | 'worse' | 'no skill') => ({
  skill: share,
  difference: 0,
  low: 0,
  high: 0,
  statistic: 0,
  verdict,
});
const score = (step: number, mae: number): ScoreLine => ({
  target: 'value',
  step,
  output: 'mixture',
  summary: {
    n: 5000,
    models: { mixture: { mae, rmse: mae * 1.4, smape: 5, mase: 0.4 } },
    pinball: [],
    intervals: [
      { nominal: 0.95, coverage: 0.948, width: 1 },
      { nominal: 0.8, coverage: 0.803, width: 1 },
    ],
    skill: { naive: skill(0.61, 'better'), 'seasonal-naive': skill(-0.03, 'no skill') },
  },
});
const time = Date.UTC(2014, 10, 12, 10, 30);
const MODEL: ViewModel = {
  pipeline: 'taxi',
  phase: 'running',
  resumedAt: 1200,
  rows: 6412,
  total: 10320,
  rowsPerSecond: 400,
  seconds: 16,
  time,
  series: 1,
  rejected: 3,
  waiting: [],
  forecasts: [
    {
      series: 'nyc',
      target: 'value',
      step: 1,
      time: time + 1_800_000,
      mean: 15230.4,
      interval: { nominal: 0.8, low: 14010, high: 16550 },
      naive: 14900,
      lastError: -230.2,
    },
  ],
  scores: [score(1, 612.3), score(12, 1830)],
  trainings: [
    { trigger: time, champion: 0.0812, challenger: 0.0745, accepted: true, seconds: 2.13 },
    { trigger: time, champion: NaN, challenger: NaN, accepted: false, seconds: NaN, reason: 'failed: diverged' },
  ],
  training: false,
  checkpoint: { generation: 4, seconds: 4.2 },
};

describe('the live view', () => {
  it('on 80 columns', () => {
    expect(`\n${render(MODEL, 80)}\n`).toBe(`
 taxi                                          continued at row 1,200 · running
 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━───────────────────   6,412 of 10,320 rows   62 %
 400 rows/s · at 2014-11-12 10:30 · 1 series · 3 refused · saved 4 s ago

 Forecasts  step  for                 mean    80 % interval   naive  last error
 nyc          +1  2014-11-12 11:00  15,230  14,010 … 16,550  14,900      -230.2

 Error so far  step    MAE   RMSE  vs naive  vs seasonal…  in 80 %  in 95 %
 value           +1  612.3  857.2     +61 %        −3 % ~   80.3 %   94.8 %
 value          +12  1,830  2,562     +61 %        −3 % ~   80.3 %   94.8 %
 ~ no skill: the difference is small, or may be luck

 Retraining        loss before   after   took
 2014-11-12 10:30       0.0812  0.0745  2.1 s  accepted
 2014-11-12 10:30            -       -      -  failed: diverged
`);
  });

  it('while servers are away: who, why and for how long, and how far behind', () => {
    const waiting = [
      { name: 'kafka', endpoint: '127.0.0.1:9092', reason: 'nothing listens there', seconds: 3.7 },
      { name: 'influx', endpoint: 'influx http://127.0.0.1:8086', reason: 'HTTP 503\u001b[2J: '.padEnd(200, 'x'), seconds: 75 },
    ];
    const lines = render({ ...MODEL, total: undefined, lag: 41_234, waiting }, 80).split('\n');
    expect(`\n${lines.slice(0, 5).join('\n')}\n`).toBe(`
 taxi                                          continued at row 1,200 · running
 6,412 rows in 16 s
 400 rows/s · 41,234 behind · at 2014-11-12 10:30 · 1 series · 3 refused
 waiting 3 s for kafka 127.0.0.1:9092: nothing listens there
 waiting 1 m 15 s for influx http://127.0.0.1:8086: HTTP 503\\u{1b}[2J: xxxxxxx…
`);
  });

  it('caught up', () => {
    expect(render({ ...MODEL, lag: 0 }, 100)).toContain(' · caught up');
  });

  it('before anything has happened', () => {
    const empty: ViewModel = {
      pipeline: 'taxi',
      phase: 'starting',
      rows: 0,
      rowsPerSecond: 0,
      seconds: 0,
      series: 0,
      rejected: 0,
      waiting: [],
      forecasts: [],
      scores: [],
      trainings: [],
      training: false,
    };
    expect(
      render(empty, 80)
        .split('\n')
        .map((line) => line.trim()),
    ).toEqual([expect.stringMatching(/^taxi +starting$/), '0 rows in 0 ms', '0 rows/s · 0 series']);
  });

  it('emphasis changes no width and no text', () => {
    expect(render(MODEL, 100, colourPaint).replace(/\u001b\[[0-9;]*m/g, '')).toBe(render(MODEL, 100));
  });

  it('any name, any numbers, any width: no line too long, nothing that moves the cursor', () => {
    const number = fc.oneof(fc.double(), fc.constantFrom(NaN, Infinity, 1e308, -1e308, 5e-324, 0));
    const name = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('__proto__', '\u001b[2J', 'a\nb', '👩‍👩‍👧‍👦', '名前', 'x'.repeat(65536), '\u202egnp.exe', '\ud800'),
    );
    fc.assert(
      fc.property(name, name, number, number, fc.integer({ min: 1, max: 300 }), (series, pipeline, a, b, width) => {
        const forecasts = [
          {
            series,
            target: series,
            step: 1,
            time: a,
            mean: a,
            interval: { nominal: 0.8, low: b, high: a },
            naive: b,
            lastError: a,
          },
        ];
        const text = render({ ...MODEL, pipeline, forecasts, rowsPerSecond: a, time: b, warning: series }, width);
        for (const line of text.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(Math.max(40, width));
        expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
      { numRuns: 300 },
    );
  });
});

describe('plain lines', () => {
  it('where it stands', () => {
    expect(progressLine(MODEL)).toBe(
      'taxi: 6,412 of 10,320 rows (62 %), 400 rows/s, event time 2014-11-12 10:30, MAE +1 612.3, vs naive +61 %, vs seasonal-naive −3 % (no skill)',
    );
  });
});

describe('the summary', () => {
  const report = {
    pipeline: 'taxi',
    rows: 10320,
    rowsHere: 9120,
    seconds: 4,
    series: 1,
    rejected: { late: 2, jump: 0 },
    complete: true,
    outputs: ['arrow /out/taxi'],
    stateHash: '',
  };
  it('says how good, how fast and where', () => {
    const text = summaryText({ ...report, scores: [score(1, 612.3)] });
    expect(text).toContain('taxi: the source ended after 10,320 rows of 1 series\n');
    expect(
      `\n${text
        .split('\n')
        .slice(1, 7)
        .map((line) => line.trimEnd())
        .join('\n')}\n`,
    ).toBe(`
scored on 5,000 rows
──────────────────────────────────────────────────────────────────────────────
 target  step    MAE   RMSE     vs naive  vs seasonal-naive  in 80 %  in 95 %
──────────────────────────────────────────────────────────────────────────────
 value     +1  612.3  857.2  61 % better     −3 %, no skill   80.3 %   94.8 %
──────────────────────────────────────────────────────────────────────────────
`);
    expect(text.split('\n').slice(-3)).toEqual([
      '9,120 rows in 4.0 s, 2,280 rows/s',
      'refused: 2 late',
      'forecasts: arrow /out/taxi',
    ]);
  });
  it('shows a few of many steps, the first and the last among them', () => {
    const text = summaryText({ ...report, scores: Array.from({ length: 48 }, (_, i) => score(i + 1, 600 + i)) });
    expect(text).toMatch(/ \+1 [\s\S]* \+48 /);
    expect(text).toContain('40 further steps: see --json');
  });
  it('stopped early, nothing scored', () => {
    const text = summaryText({ ...report, complete: false, scores: [] });
    expect(text).toContain('taxi: stopped after');
    expect(text).toContain('no forecast was scored');
    expect(text).toContain('the next run continues here');
  });
});

describe('cells and numbers', () => {
  it.each([
    ['plain', 'plain'],
    ['a\nb\tc', 'a\\nb\\tc'],
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['\u202egnp.exe', '\\u{202e}gnp.exe'],
    ['👩‍👩‍👧‍👦', '👩‍👩‍👧‍👦'],
    ['名前', '名前'],
  ])('%j is shown as %j', (name, shown) => expect(printable(name)).toBe(shown));
  it.each([
    ['abc', 3],
    ['名前', 4],
    ['🚕', 2],
    ['é', 1],
  ])('%j is %i columns wide', (text, width) => expect(displayWidth(text)).toBe(width));
  it('cuts and fills by columns', () => {
    expect([cut('名前名前', 5), cut('abc', 3), cut('abcd', 3), pad('名', 4), pad('名', 4, 'right')]).toEqual([
      '名前…',
      'abc',
      'ab…',
      '名  ',
      '  名',
    ]);
  });
  it.each([
    [15230.4, '15,230'],
    [230.25, '230.3'],
    [0.08123, '0.08123'],
    [NaN, '-'],
    [1e308, '1.000e+308'],
    [0, '0'],
  ])('the value %d is %s', (x, text) => expect(value(x)).toBe(text));
  it('times and shares', () => {
    expect([
      instant(NaN),
      instant(time + 1500),
      percent(NaN),
      percent(0.8),
      signedPercent(0),
      signedPercent(-0.5),
      ago(3700),
      ago(75),
    ]).toEqual(['-', '2014-11-12 10:30:01.500', '-', '80 %', '0 %', '−50 %', '1 h 1 m', '1 m 15 s']);
  });
});
