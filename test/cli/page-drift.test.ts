/** What the report says of drift: which detector watches what, its cool-down, and which alarms fell into one. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterAll, expect, it } from 'vitest';
import { watchedDrift } from '../../src/backtest/alarms.ts';
import type { Mark } from '../../src/backtest/marks.ts';
import type { ReportData } from '../../src/backtest/report-data.ts';
import { markSentences } from '../../src/cli/page-words.ts';
import { main } from '../../src/cli/program.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { HOUR, pipeline, START } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-drift-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const watch = { error: true, inputs: true, share: 0.1, coolDown: 6 * HOUR };
const at = (hours: number, event: string, facts: Mark['facts'] = {}): Mark => ({ time: hours * HOUR, event, facts });
const alarm = (hours: number, detector: string, shadow?: string) =>
  at(hours, 'drift.detected', { detector, ...(shadow === undefined ? {} : { shadow }) });

it('an alarm fell into a cool-down where it came less than that after the training before it', () => {
  const marks = [
    alarm(1, 'adwin'),
    at(10, 'training.finished'),
    alarm(11, 'adwin'),
    alarm(15.9, 'page-hinkley'),
    alarm(16, 'adwin'),
    at(20, 'training.skipped'),
    alarm(25, 'page-hinkley'),
    at(30, 'training.finished', { shadow: 'other' }),
    alarm(31, 'adwin'),
    alarm(32, 'adwin', 'other'),
  ];
  expect(watchedDrift(watch, marks)).toEqual({ ...watch, alarms: { adwin: 4, 'page-hinkley': 2 }, inCoolDown: 3 });
  const beside = { ...watch, inputs: false, shadow: 'other' };
  expect(watchedDrift(beside, marks)).toEqual({ ...beside, alarms: { adwin: 1, 'page-hinkley': 0 }, inCoolDown: 1 });
  expect(watchedDrift(watch, [])).toMatchObject({ alarms: { adwin: 0, 'page-hinkley': 0 }, inCoolDown: 0 });

  const told = (of: typeof watch, series: number) =>
    markSentences({ marks, drift: [watchedDrift(of, marks)], facts: { series } }).slice(1, 3);
  expect(told(watch, 1)).toEqual([
    'Drift: ADWIN watches the forecast error one step ahead, Page-Hinkley the level and scale of each channel; an alarm starts a training early, but not within 6h of the last one (cool-down).',
    'There were 6 alarms (ADWIN 4, Page-Hinkley 2); 3 fell into a cool-down and had to wait for its end.',
  ]);
  expect(told(beside, 20)).toEqual([
    'Drift (shadow other): ADWIN watches the forecast error one step ahead; alarms in 10 % of the series start a training early, but not within 6h of the last one (cool-down).',
    'There was 1 alarm; 1 fell into a cool-down and had to wait for its end.',
  ]);
});

it('the page, the Markdown and the JSON of a backtest say it, with the cool-down as it is in force', async () => {
  const random = new Random(3);
  const level = (i: number) => (i < 200 ? 20 : 60 + 0.5 * (i % 60));
  const lines = Array.from({ length: 360 }, (_, i) => {
    const value = level(i) + 4 * Math.sin((2 * Math.PI * i) / 24) + random.normal(log);
    return `${new Date(START + i * HOUR).toISOString()},a,${value.toFixed(3)}`;
  });
  writeFileSync(join(folder, 'data.csv'), ['time,series,value', ...lines].join('\n'));
  const forecast = 'horizon: 2, season: 24, models: [naive, { type: recurrent, hidden: 4, rebuild: 24 }]';
  const training = 'rows: 120, epochs: 1, steps: 24, burn_in: 8';
  pipeline(folder, 'watched', { forecast, rest: `retrain: { every: 4d, ${training}, drift: { inputs: true } }` });
  const terminal = fakeTerminal(folder);
  expect(await main(['backtest', 'watched.yaml', '--out', 'out'], terminal), terminal.said.err.join('\n')).toBe(0);
  const read = (name: string) => readFileSync(join(folder, 'out', name), 'utf8');
  const data = JSON.parse(read('report.json')) as ReportData;
  // a quarter of `every`
  expect(data.drift).toMatchObject([{ error: false, inputs: true, share: 0.1, coolDown: 24 * HOUR }]);
  const detected = data.marks.filter(({ event }) => event === 'drift.detected').length;
  expect(detected).toBeGreaterThan(0);
  expect(data.drift[0]!.alarms).toEqual({ adwin: 0, 'page-hinkley': detected });
  const words = `Drift: Page-Hinkley watches the level and scale of each channel; an alarm starts a training early, but not within 1d of the last one (cool-down).`;
  const text = parseHTML(read('report.html')).document.body.textContent!.replaceAll('\u00a0', ' ');
  for (const shown of [text, read('report.md')]) {
    expect(shown).toContain(words);
    expect(shown).toMatch(/There (was 1 alarm|were \d+ alarms)/);
  }
  expect(terminal.said.out.join('\n')).toContain('watched: drift: Page-Hinkley watches');
});
