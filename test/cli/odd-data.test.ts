/** What a backtest says of data that is not as one would wish: the cause, and nothing that is not so. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterAll, expect, it } from 'vitest';
import type { ReportData } from '../../src/backtest/report-data.ts';
import { intervalSentences } from '../../src/cli/page-words.ts';
import { main } from '../../src/cli/program.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { HOUR, pipeline, START } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-odd-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const iso = (i: number) => new Date(START + i * HOUR).toISOString();

async function backtest(rows: readonly string[], header = 'time,series,value') {
  writeFileSync(join(folder, 'data.csv'), [header, ...rows].join('\n'));
  pipeline(folder, 'odd', { forecast: 'horizon: 3, models: [naive, linear]' });
  const terminal = fakeTerminal(folder);
  const code = await main(['backtest', 'odd.yaml', '--out', 'out'], terminal);
  const [out, err] = [terminal.said.out.join('\n'), terminal.said.err.join('\n')];
  if (code !== 0) return { code, out, err, markdown: '', html: '' };
  const read = (name: string) => readFileSync(join(folder, 'out', name), 'utf8');
  const html = parseHTML(read('report.html')).document.body.textContent!.replaceAll('\u00a0', ' ');
  return { code, out, err, markdown: read('report.md').replaceAll('\\', ''), html };
}

it('a constant series: there is no error to compare, no model is missed, no interval too wide', async () => {
  const { out, markdown, html } = await backtest(Array.from({ length: 200 }, (_, i) => `${iso(i)},a,0.7`));
  for (const shown of [markdown, html]) {
    expect(shown).toContain('Against naive: neither makes an error, so there is none to compare.');
    expect(shown).not.toMatch(/less error|more error|too wide|no skill can be shown/);
  }
  expect(html).toContain('against naive, step 1: it makes no error');
  expect(markdown).toContain('the error is the same without naive, linear');
  expect(out).not.toMatch(/-, no skill/);
  expect(out).toContain('no season found in 60 rows, the first 60 of each series, which are scored');
});

it('rows of which most are refused: that is why nothing is scored, and what the reason means', async () => {
  const day = (i: number) => `${String(1 + (i % 28)).padStart(2, '0')}/01/2024 00:00`;
  const local = await backtest(Array.from({ length: 50 }, (_, i) => `${day(i)},a,1`));
  const words =
    'o forecast was scored: 50 of 50 rows were refused, most as undecodable. The row or message could not be decoded: its time or a value is written in a way that the source does not read';
  expect(local.out).toContain(`n${words}`);
  for (const shown of [local.markdown, local.html]) expect(shown).toContain(`N${words}.`);
  const backwards = await backtest(Array.from({ length: 50 }, (_, i) => `${iso(50 - i)},a,${i}`));
  expect(backwards.out).toContain('49 of 50 rows were refused, most as late');
  expect(backwards.out).toContain('sort the input by time, or raise `clean.lateness`');
});

it('one row: too few, and counted as one', async () => {
  const { out, html } = await backtest([`${iso(0)},a,1`]);
  expect(out).toContain('after 1 row of 1 series');
  expect(out).toContain('too few rows beyond the warm-up (`forecast.warmup`)');
  expect(html).toContain('1 row of 1 series');
});

it('a file with another delimiter: the error says which field to set', async () => {
  const { code, err } = await backtest([`${iso(0)};a;1`], 'time;series;value');
  expect([code, err]).toEqual([65, expect.stringContaining('set `delimiter`') as string]);
});

it('an interval is wrong only where that is no luck: of a dozen forecasts some lie outside', () => {
  const told = (n: number, coverage: number, width = 1) => {
    const summary = { n, models: {}, pinball: [], skill: {}, intervals: [{ nominal: 0.8, coverage, width }] };
    return intervalSentences({ scores: [{ target: 'value', step: 1, output: 'naive', summary }] as ReportData['scores'] })[0];
  };
  expect(told(13, 0.7)).toBe('The 80 % intervals held 70.0 % of the truths at step 1.');
  expect(told(1000, 0.7)).toBe('The 80 % intervals held 70.0 % of the truths at step 1 (too narrow).');
  expect(told(13, 0.25)).toContain('(too narrow)');
  expect(told(1000, 0.9)).toContain('(too wide)');
  expect(told(1000, 1, 0)).not.toContain('too wide');
});
