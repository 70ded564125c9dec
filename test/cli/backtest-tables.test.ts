import { expect, it } from 'vitest';
import type { ScoreSummary } from '../../src/forecast/score.ts';
import { backtestTables } from '../../src/cli/backtest-tables.ts';
import { plainPaint } from '../../src/cli/terminal.ts';
import { verdictText } from '../../src/cli/verdict.ts';
import type { ScoreLine } from '../../src/cli/view-model.ts';

const summary = (n: number): ScoreSummary => ({
  n,
  models: { naive: { mae: 2, rmse: 3, smape: 4, mase: 1 }, mixture: { mae: 1, rmse: 1.5, smape: 2, mase: 0.5 } },
  pinball: [0.1, 0.3],
  intervals: [{ nominal: 0.8, coverage: 0.79, width: 7 }],
  skill: { naive: { skill: 0.5, difference: -1, low: -1.1, high: -0.9, statistic: -20, verdict: 'better' } },
});
const line = (step: number, n = 100): ScoreLine => ({ target: 'value', step, output: 'mixture', summary: summary(n) });

it('shows every model at the first and last step, and every series with its interval, width and verdict', () => {
  const text = backtestTables(
    [line(1), line(2), line(3)],
    [{ name: 'a\n\u001b[2J', scores: [line(1), line(3)] }],
    plainPaint,
  ).join('\n');
  expect(text.match(/mixture/g)).toHaveLength(2);
  expect(text).toMatch(/\+1 +2 +3 +4 % +1/);
  expect(text).not.toMatch(/\+2 /);
  expect(text).toMatch(/79\.0 % +7 +50 % better/);
  // a series' name moves no cursor
  expect(text).not.toContain('\u001b');
});

it('names the series that it leaves out, and says nothing where nothing was scored', () => {
  const many = Array.from({ length: 25 }, (_, i) => ({ name: `s${i}`, scores: [line(1)] }));
  expect(backtestTables([line(1)], many, plainPaint).join('\n')).toContain('5 further series: see --json');
  expect(backtestTables([line(1, 0)], many, plainPaint)).toEqual([]);
});

it.each([
  ['+12 %', 'better', '12 % better'],
  ['−3 %', 'worse', '3 % worse'],
  ['−1 %', 'no skill', '−1 %, no skill'],
] as const)('%s and %s: a worse forecast is not worse by less than nothing', (signed, called, text) =>
  expect(verdictText(signed, called)).toBe(text),
);
