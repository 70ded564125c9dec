/** What a backtest replays in place of a source that never ends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { loadReplayed, recorded } from '../../src/cli/recording.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { LiveEnds } from '../support/live-source.ts';
import { TEST_COMPONENTS } from '../support/spec-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-recording-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, text: string) => {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
};

describe('a file in place of the source', () => {
  it('of the same kind keeps the section', () => {
    expect(recorded({ type: 'csv', path: 'a', time: 't', delimiter: ';' }, '/b.csv')).toEqual({
      type: 'csv',
      path: '/b.csv',
      time: 't',
      delimiter: ';',
    });
  });
  it('of another kind keeps the names of the columns', () => {
    const kafka = {
      type: 'kafka',
      brokers: 'x:9092',
      topic: 't',
      values: ['price', 'size'],
      series: 'symbol',
      time: 'at',
      unit: 'ms',
    };
    expect(recorded(kafka, '/b.arrow')).toEqual({
      type: 'arrow',
      path: '/b.arrow',
      values: ['price', 'size'],
      series: 'symbol',
      time: 'at',
      unit: 'ms',
    });
  });
  it('has its own columns for what a message has beside its content', () => {
    expect(recorded({ type: 'kafka', values: ['v'], series: 'key', time: 'record' }, '/b.CSV')).toEqual({
      type: 'csv',
      path: '/b.CSV',
      values: ['v'],
    });
  });
});

describe('loading', () => {
  const LIVE = `
name: live
source: { type: csv, path: live, token: "\${NOT_SET}" }
window: { interval: 1m }
sinks:
  - type: arrow
    path: "\${NOT_SET_EITHER}"
service: { http: 9464, log: info }
`;
  const load = (text: string, recording?: string) =>
    loadReplayed(file('pipeline.yaml', text), { ...TEST_COMPONENTS, env: {}, from: folder }, recording);

  it('needs nothing of what is left out: no passwords of servers that are not asked', () => {
    const spec = load(LIVE, '/data/x.arrow');
    expect(spec.source).toEqual({ type: 'arrow', config: expect.objectContaining({ path: '/data/x.arrow' }) });
    expect(spec.sinks).toEqual([]);
    expect(spec.service).toMatchObject({ log: 'off' });
    expect(spec.service.http).toBeUndefined();
  });
  it('still needs what is used', () => {
    expect(() => load(LIVE)).toThrow(/^pipeline\.yaml:3:.* the environment variable NOT_SET is not set/);
    expect(() => load(LIVE.replace('1m', '"${NOT_SET_HERE}"'), '/x.arrow')).toThrow(
      /pipeline\.yaml:4:.* NOT_SET_HERE is not set/,
    );
  });
  it.each([
    ['the section itself', 'type: csv\npath: rows.csv\nvalues: [a]\n'],
    ['below `source`', 'source:\n  type: csv\n  path: [rows.csv]\n  values: [a]\n'],
  ])('a section of another file: %s; its paths start there', (_, text) => {
    const spec = load(LIVE, file('history/section.yaml', text.replace('[rows.csv]', 'rows.csv')));
    expect(spec.source).toEqual({
      type: 'csv',
      config: expect.objectContaining({ path: join(folder, 'history/rows.csv'), values: ['a'] }),
    });
  });
  it.each([
    ['type: csv\npath: 3\n', 'history/bad.yaml:2:7 source.path must be text, is 3'],
    ['source:\n  type: csv\n  pth: x\n', 'history/bad.yaml:3:3 source.pth is not a known field (did you mean "path"?)'],
    ['path: x\n', 'history/bad.yaml:1:1 source needs a `type`, one of arrow, csv'],
    ['type: csv\npath: x\ntoken: "${NO}"\n', 'history/bad.yaml:3:8 the environment variable NO is not set'],
  ])('its faults are told with their place: %j', (text, message) => {
    const bad = file('history/bad.yaml', text);
    expect(() => load(LIVE, bad)).toThrow(message);
  });
  it('a file that is not there', () => {
    expect(() => load(LIVE, join(folder, 'none.yaml'))).toThrow(/^The file cannot be read/);
  });
});

describe('backtest', () => {
  const pipeline = (source: string, more = '') =>
    file('run.yaml', `source: ${source}\nwindow: { interval: 1m }\nforecast: { models: [naive] }\n${more}`);
  const call = async (...words: string[]) => {
    const terminal = fakeTerminal(folder);
    const code = await main(['backtest', 'run.yaml', ...words], terminal);
    return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
  };

  it('a YAML section is replayed, and no port is opened', async () => {
    pipeline('{ type: csv, path: none.csv }', 'service: { http: 127.0.0.1:1, log: info }\n');
    file('made.yaml', 'type: synthetic\nkind: seasonal\nrows: 500\n');
    const { code, out, err } = await call('--source', 'made.yaml', '--json');
    expect(err).not.toContain('"level"');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true, rows: 500, complete: true });
  });
});

it('a source that never ends is refused, with what to do', async () => {
  const { backtest } = await import('../../src/backtest/replay.ts');
  const { EventBus } = await import('../../src/core/events.ts');
  const components = new LiveEnds().components();
  const spec = loadReplayed(
    file('endless.yaml', 'source: { type: live }\nwindow: { interval: 1m }\nforecast: { models: [naive] }\n'),
    { ...components, env: {}, from: folder },
  );
  const run = backtest(spec, { ...components, events: new EventBus(), signal: new AbortController().signal });
  await expect(run).rejects.toMatchObject({ code: 'BACKTEST_ENDLESS', message: expect.stringContaining('--source FILE.arrow') });
});
