/** Two series with different intervals under `grid: rows`: run, backtest, its report and `check --seasons` say so, once. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterAll, expect, it } from 'vitest';
import type { ReportData } from '../../src/backtest/report-data.ts';
import { main } from '../../src/cli/program.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { HOUR, pipeline, START, writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-intervals-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const forecast = 'horizon: 2, season: 24, models: [naive, linear]';

async function call(...words: string[]) {
  const terminal = fakeTerminal(folder);
  const code = await main(words, terminal);
  const [out, err] = [terminal.said.out.join('\n'), terminal.said.err.join('\n')];
  expect(code, err).toBe(0);
  return { out, err };
}

const WORDS =
  'ows of series slow are 4h apart, those of fast 1h, and `window.interval` is 1h: each series is forecast by its own rows, but times of forecasts and seasons count 1h a row; give them pipelines of their own, or bars (`window.grid`)';

it('names both series and their intervals, and says what it means and what to do', async () => {
  const line = (series: string, i: number) => `${new Date(START + i * HOUR).toISOString()},${series},${20 + (i % 24)}`;
  const lines = Array.from({ length: 200 }, (_, i) => [line('fast', i), ...(i % 4 === 0 ? [line('slow', i)] : [])]).flat();
  writeFileSync(join(folder, 'data.csv'), ['time,series,value', ...lines].join('\n'));
  pipeline(folder, 'uneven', { forecast });
  const said = `uneven: r${WORDS}`;
  expect((await call('run', 'uneven.yaml', '--fresh')).out.split(said)).toHaveLength(2);
  expect((await call('backtest', 'uneven.yaml', '--out', 'out')).out.split(said)).toHaveLength(2);
  const read = (name: string) => readFileSync(join(folder, 'out', name), 'utf8');
  const differed = { interval: HOUR, series: 'slow', apart: 4 * HOUR, other: 'fast', otherApart: HOUR };
  expect((JSON.parse(read('report.json')) as ReportData).facts.intervals).toEqual(differed);
  expect(parseHTML(read('report.html')).document.body.textContent!.replaceAll('\u00a0', ' ')).toContain(
    `R${WORDS.replaceAll('`', '')}.`,
  );
  expect(read('report.md').replaceAll('\\', '')).toContain(`- R${WORDS}.`);
  const json = await call('backtest', 'uneven.yaml', '--json');
  expect(JSON.parse(json.out)).toMatchObject({ intervals: differed });
  expect((await call('check', 'uneven.yaml', '--seasons')).out).toContain(`warning: r${WORDS}\n`);
  expect(JSON.parse((await call('check', 'uneven.yaml', '--seasons', '--json')).out)).toMatchObject({ intervals: differed });
});

it('says nothing where all come as the pipeline says', async () => {
  writeData(folder, 200);
  pipeline(folder, 'even', { forecast });
  expect((await call('backtest', 'even.yaml', '--out', 'out')).out).not.toContain('apart');
  expect(readFileSync(join(folder, 'out/report.md'), 'utf8')).not.toContain('window.interval');
  expect((await call('check', 'even.yaml', '--seasons')).out).not.toContain('apart');
});
