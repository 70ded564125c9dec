/** The report: it holds what it should, nothing of the outside, and no name in it is markup. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Mark } from '../../src/backtest/marks.ts';
import type { ReportData } from '../../src/backtest/report-data.ts';
import { main } from '../../src/cli/program.ts';
import { page } from '../../src/cli/page.ts';
import { rulesText } from '../../src/cli/page-rules.ts';
import { STYLE } from '../../src/cli/page-style.ts';
import { trustTable } from '../../src/cli/page-tables.ts';
import { markSentences, markText, modelSentences, skillSentences } from '../../src/cli/page-words.ts';
import type { Verdict } from '../../src/forecast/skill.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { pipeline, writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-page-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const EVIL = [`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `a\u202eb & '|[x](javascript:1)`, 'plain'];
let html = '';
let markdown = '';
let data: ReportData;

beforeAll(async () => {
  writeData(folder, 300, EVIL);
  const recurrent = '{ type: recurrent, hidden: 4, rebuild: 24 }';
  pipeline(folder, 'page', {
    forecast: `horizon: 4, season: 24, warmup: 50, models: [naive, seasonal-naive, ${recurrent}]`,
    rest: 'retrain: { every: 3d, rows: 120, epochs: 1, steps: 24, burn_in: 8 }\n# </pre><script>2</script>',
  });
  const terminal = fakeTerminal(folder);
  expect(await main(['backtest', 'page.yaml', '--out', 'out'], terminal), terminal.said.err.join('\n')).toBe(0);
  const read = (name: string) => readFileSync(join(folder, 'out', name), 'utf8');
  [html, markdown, data] = [read('report.html'), read('report.md'), JSON.parse(read('report.json')) as ReportData];
});

it('is one file: no script, nothing loaded, and a policy that allows only its own style', () => {
  const { document } = parseHTML(html);
  const names = new Set([...document.querySelectorAll('*')].map(({ localName }) => localName));
  for (const name of ['script', 'img', 'link', 'iframe', 'object', 'a', 'base']) expect(names).not.toContain(name);
  for (const element of document.querySelectorAll('*'))
    for (const { name, value } of element.attributes) {
      expect(name).not.toMatch(/^(on|style$|src|href)/);
      if (name !== 'xmlns') expect(value).not.toMatch(/https?:/);
    }
  const policy = document.querySelector('meta[http-equiv]')!.getAttribute('content')!;
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]+=*'; base-uri 'none'; form-action 'none'$/);
});

it('shows the names as they are, as text only', () => {
  const text = parseHTML(html).document.body.textContent!.replaceAll('\u00a0', ' ');
  expect(text).toContain('<script>alert(1)</script>');
  expect(text).toContain('a\\u{202e}b');
  expect(/<script|<img|\u202e/i.exec(html)?.[0]).toBeUndefined();
  expect(markdown.split('```')[0]).not.toMatch(/[^\\]<|[^\\]\[x/);
});

it('has every part, and the same figures in JSON and Markdown', () => {
  const { document } = parseHTML(html);
  expect([...document.querySelectorAll('h2')].map(({ textContent }) => textContent)).toEqual([
    'Forecasts and what came',
    'How far off',
    'Skill',
    'Series',
    'Calibration',
    'Residuals',
    'What the mixture trusted',
    'Retraining and drift',
    'How it was made',
  ]);
  expect(document.querySelectorAll('svg.wide').length).toBe(document.querySelectorAll('svg.narrow').length);
  for (const sentence of skillSentences(data)) {
    expect(document.body.textContent!.replaceAll('\u00a0', ' ')).toContain(sentence);
    expect(markdown).toContain(sentence);
  }
  for (const fact of [data.facts.dataHash, 'tidecast 0', 'Node.js', 'rows/s']) expect(markdown).toContain(fact);
  expect(data.stretches.map(({ what }) => what)).toEqual(['the best series', 'the median series', 'the worst series']);
  // the fans of a stretch follow upon each other, and hold what the result file holds
  const [first] = data.stretches;
  expect(first!.fans.length).toBeGreaterThan(5);
  for (const { points } of first!.fans) expect(points.map(({ step }) => step)).toEqual([1, 2, 3, 4].slice(0, points.length));
  expect(data.marks.some(({ event }) => event === 'training.finished')).toBe(true);
  for (const { weights } of data.timelines)
    for (let i = 0; i < weights['naive']!.length; i++)
      expect(Object.values(weights).reduce((sum, of) => sum + of[i]!, 0)).toBeCloseTo(1, 9);
});

it.each([
  ['one step, one quantile', 'quantiles: [0.5], models: [naive, linear]'],
  ['a single model as the output', 'horizon: 3, output: linear, models: [naive, linear]'],
  ['no baseline', 'horizon: 2, baselines: [], models: [naive, holt-winters]'],
  ['three intervals and a long horizon', 'horizon: 30, quantiles: [0.01, 0.05, 0.25, 0.75, 0.95, 0.99], models: [naive]'],
  ['nothing scored', 'warmup: 100000, models: [naive]'],
])('is made for every kind of pipeline: %s', async (_, forecast) => {
  pipeline(folder, 'kind', { forecast });
  const terminal = fakeTerminal(folder);
  expect(await main(['backtest', 'kind.yaml', '--out', 'kind'], terminal), terminal.said.err.join('\n')).toBe(0);
  const text = parseHTML(readFileSync(join(folder, 'kind/report.html'), 'utf8')).document.body.textContent!;
  expect(text).toContain('How it was made');
  expect(/NaN|undefined|Infinity/.exec(text)?.[0]).toBeUndefined();
  expect(/NaN|undefined|Infinity/.exec(readFileSync(join(folder, 'kind/report.md'), 'utf8'))?.[0]).toBeUndefined();
});

it('stays small for thousands of series', () => {
  const many = Array.from({ length: 5000 }, (_, i) => ({ ...data.ranked[0]!, name: `series-${i}` }));
  const big: ReportData = {
    ...data,
    facts: { ...data.facts, series: 5000 },
    ranked: many.slice(0, 21),
    ratios: Array.from({ length: 1000 }, (_, i) => 0.5 + i / 1000),
  };
  expect(page(big).length).toBeLessThan(3_000_000);
  expect(page(big)).toContain('summary.json has the other 4,979');
});

it('says in words where there is skill, where there is none, and where it is worse', () => {
  const cell = (step: number, verdict: Verdict) => {
    const summary = { ...data.scores[0]!.summary, n: 10 };
    const skill = { skill: 0.1, difference: 0, low: 0, high: 0, statistic: 0, verdict };
    return { target: 'value', step, output: 'mixture', summary: { ...summary, skill: { naive: skill } } };
  };
  const said = (...verdicts: Verdict[]) => skillSentences({ scores: verdicts.map((verdict, i) => cell(i + 1, verdict)) })[0];
  expect(said('better', 'better')).toBe('Against naive: better at every step, by 10 % at step 1 and 10 % at step 2.');
  expect(said('no skill', 'no skill')).toMatch(/^Against naive: no skill can be shown at any step\./);
  expect(said('better', 'better', 'no skill', 'worse')).toBe(
    'Against naive: better at steps 1 to 2, no skill can be shown at step 3, worse at step 4.',
  );
});

it('ranks series by how far they are better than naive, and shows the best, the middle and the worst', () => {
  const ratios = data.ranked.map(({ ratio }) => ratio);
  expect(ratios).toEqual([...ratios].sort((a, b) => a - b));
  expect(new Set(ratios).size).toBe(4);
  const shown = data.stretches.map(({ series }) => series);
  expect(shown).toEqual([data.ranked[0]!.name, data.ranked[1]!.name, data.ranked.at(-1)!.name]);
});

it('residuals: of the rows behind a point the smallest, the median and the largest', () => {
  const thinned = data.residuals.filter(({ each }) => each > 1);
  expect(thinned.length).toBeGreaterThan(0);
  for (const { points } of thinned) {
    for (const { low, middle, high } of points) expect(low <= middle && middle <= high).toBe(true);
    expect(points.some(({ low, middle }) => low < middle)).toBe(true);
  }
});

it('says which models the mixture needs, and which it would be better without', () => {
  const line = {
    ...{ target: 'value', step: 3, times: [0, 1], n: [10, 30], mae: {}, coverage: {}, below: [] },
    weights: { naive: [0.5, 0.1], linear: [0.3, 0.7], boosted: [0.2, 0.2] },
    without: { naive: -0.02, linear: 0.1, boosted: 0.001 },
  };
  expect(modelSentences({ timelines: [line] })).toEqual([
    'Step 3: the error is larger without linear; smaller without naive; the same without boosted.',
  ]);
  expect(modelSentences({ timelines: [{ ...line, without: { naive: 0, linear: -1, boosted: 0 } }] })).toEqual([
    'Step 3: the error is smaller without linear; the same without naive, boosted.',
  ]);
  expect(trustTable({ timelines: [line] }).rows.map(({ cells }) => cells.join(' | '))).toEqual([
    'value +3 | linear | 60 % | 10 % more error',
    'value +3 | naive | 20 % | 2.0 % less error',
    'value +3 | boosted | 20 % | no difference',
  ]);
});

it('says whether the network earns its place', () => {
  const line = {
    ...{ target: 'value', step: 3, times: [1], n: [10], mae: {}, coverage: {}, below: [] },
    weights: { linear: [0.5], recurrent: [0.5] },
  };
  const told = (recurrent: number) => modelSentences({ timelines: [{ ...line, without: { linear: 0.1, recurrent } }] })[0];
  expect(told(0.02)).toContain('The network earns its place: without it, and what is built on it, the error is 2.0 % larger.');
  expect(told(0.001)).toContain(
    'The network does not earn its place here: without it, and what is built on it, the error is the same.',
  );
  expect(told(-0.03)).toContain(
    'The network does not earn its place here: without it, and what is built on it, the error is 3.0 % smaller.',
  );
});

it('says what a training came to, and which came early', () => {
  const training = (champion: number, challenger: number, reason = 'schedule', accepted = true) => ({
    event: 'training.finished' as const,
    time: 0,
    facts: { champion, challenger, accepted, reason, milliseconds: 500 },
  });
  const all = [training(2, 1), training(1, 2, 'drift'), training(1, 2, 'schedule', false), training(NaN, NaN)];
  expect(all.map(markText)).toEqual([
    'trained: network loss 2 -> 1, taken',
    'trained early, because of drift: network loss 1 -> 2, the old one kept, the rest fitted anew',
    'trained: network loss 1 -> 2, the old one kept',
    'trained: fitted anew',
  ]);
  const mark = (event: string, of: Mark['facts']): Mark => ({ event, time: 0, facts: of });
  const others = [
    mark('training.skipped', { reason: 'too few rows: 23 in the longest series' }),
    mark('training.failed', { reason: 'no', shadow: 'other' }),
    mark('drift.detected', { series: 'a', detector: 'adwin', of: 'value' }),
    mark('drift.detected', { series: 'a', detector: 'page-hinkley', of: 'value' }),
  ];
  expect(others.map(markText)).toEqual([
    'skipped: too few rows: 23 in the longest series',
    'shadow other: failed: no',
    'drift in series a: forecast error of value has grown (adwin)',
    'drift in series a: level or scale of value has moved (page-hinkley)',
  ]);
  const facts = { series: 1 };
  const promoted = mark('model.promoted', { name: 'better', gain: 0.07, rows: 1008 });
  expect(markSentences({ marks: [promoted], drift: [], facts })[1]).toBe(
    '1970-01-01 00:00: better is in charge: its MAE over 1,008 rows was lower by 7 % or more at every step; what was sent out from there on is its.',
  );
  expect(markSentences({ marks: [...others, others[0]!], drift: [], facts })).toEqual([
    'Nothing was trained.',
    '2 trainings were skipped.',
    '1 training failed, and the old weights stayed.',
  ]);
  const unwatched = 'Drift was not watched for (`retrain.drift`).';
  expect(markSentences({ marks: all, drift: [], facts })).toEqual([
    '4 trainings took 2 s in all, 1 of them early, because of drift; 1 gave a better network, which was taken.',
    unwatched,
  ]);
  expect(markSentences({ marks: all.slice(3), drift: [], facts })).toEqual(['1 training took 0.5 s in all.', unwatched]);
  expect(markSentences({ marks: [], drift: [], facts })).toEqual(['Nothing was trained.']);
});

it('says what the lines of a plot over time are: of what is drawn there, and of nothing else', () => {
  const line = {
    target: 'value',
    step: 1,
    times: [10, 90],
    n: [1, 1],
    mae: {},
    weights: {},
    without: {},
    coverage: {},
    below: [],
  };
  const at = (event: string, time: number): Mark => ({ event, time, facts: {} });
  const quiet = [at('seasons.found', 20), at('training.skipped', 20), at('drift.detected', 5), at('drift.detected', 95)];
  expect(rulesText(line, quiet)).toBe('');
  expect(rulesText(line, [...quiet, at('weights.swapped', 50)])).toBe(' Dotted: new weights.');
  expect(rulesText(line, [at('weights.swapped', 50), at('drift.detected', 50), at('model.promoted', 60)])).toBe(
    ' Dotted: new weights. Red: drift. Solid: another model took over.',
  );
  // too many to tell apart: none is drawn
  expect(
    rulesText(
      line,
      Array.from({ length: 61 }, () => at('drift.detected', 50)),
    ),
  ).toBe('');
});

it('what holds on phones and on paper stands after what it overrides', () => {
  const general = STYLE.slice(0, STYLE.indexOf('@media (max-width'));
  expect(STYLE.indexOf('@media print')).toBeGreaterThan(general.length);
  const special = STYLE.slice(general.length, STYLE.indexOf('@page'));
  for (const selector of ['.tiles', '.tiles li', '.tiles b', '.tiles small', '.narrow', 'svg', 'figure', 'h2', 'table', 'pre']) {
    expect(special).toContain(`${selector} {`);
    expect(general).toContain(`${selector} {`);
  }
});
