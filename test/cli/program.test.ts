/** From words to exit codes: every verb's help, usage errors, and failures told without a stack. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { report } from '../../src/cli/failure.ts';
import { main } from '../../src/cli/program.ts';
import { timeOption } from '../../src/cli/backtest.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

async function call(words: string[], folder?: string, env?: Record<string, string>) {
  const terminal = fakeTerminal(folder, env);
  const code = await main(words, terminal);
  return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
}

describe('help', () => {
  it('without words: the help, and exit code 64', async () => {
    const { code, out } = await call([]);
    expect(code).toBe(64);
    expect(out).toContain('Usage: tidecast');
    expect(out).not.toContain('docs');
  });
  it.each(['--help', '-h'])('%s is no error', async (flag) => expect((await call([flag])).code).toBe(0));
  it('--version', async () =>
    expect(await call(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+$/) }));
  it.each(VERBS.map(({ name }) => name))('%s --help shows an example and the exit codes', async (name) => {
    const { code, out } = await call([name, '--help']);
    expect(code).toBe(0);
    expect(out).toContain(`Examples:\n  tidecast ${name}`);
    expect(out).toMatch(/Exit codes:\n +0 {2}done\n/);
  });
});

describe('usage errors are one line, with a hint, and exit code 64', () => {
  it.each([
    [['rnu'], "tidecast: unknown command 'rnu' (Did you mean run?) (see `tidecast --help`)"],
    [['run'], "tidecast run: missing required argument 'file' (see `tidecast run --help`)"],
    [['run', 'a', 'b'], 'tidecast run: too many arguments'],
    [['run', 'a', '--fsat'], "tidecast run: unknown option '--fsat' (Did you mean --fast?) (see `tidecast run --help`)"],
    [
      ['describe', 'recurent'],
      'tidecast: The command cannot be carried out as it was typed (unknown: recurent, did you mean: recurrent). See `tidecast --help`.',
    ],
    [['inspect', 'weights', 'x'], 'tidecast: The command cannot be carried out as it was typed (inspect: weights'],
    [['backtest', 'x.yaml', '--from', 'monday'], 'tidecast: The command cannot be carried out as it was typed (--from: monday'],
    [
      ['backtest', 'x.yaml', '--from', '2024-02-01', '--to', '2024-01-01'],
      'tidecast: The command cannot be carried out as it was typed (--from: 2024-02-01, --to: 2024-01-01',
    ],
  ])('%j', async (words, line) => {
    const { code, err, out } = await call(words);
    expect({ code, lines: err.split('\n').length, out }).toEqual({ code: 64, lines: 1, out: '' });
    expect(err.startsWith(line)).toBe(true);
  });
});

describe('check', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-cli-'));
  writeFileSync(
    join(folder, 'good.yaml'),
    'source: { type: synthetic }\nwindow: { interval: 30m }\nforecast: { models: [naive] }\n'.replace(
      '{ type: synthetic }',
      '{ type: csv, path: "${DATA}" }',
    ),
  );
  writeFileSync(join(folder, 'bad.yaml'), 'source: { type: csv, path: x }\nwindow: { interval: 0m }\nsede: 1\n');

  it('draws the line; no value of the source is shown', async () => {
    const { code, out } = await call(['check', 'good.yaml'], folder, { DATA: 'hunter2.csv' });
    expect(code).toBe(0);
    expect(out).toMatch(/^good\n\n {3}o {2}source {4}csv\n {3}\|\n/);
    expect(out).toContain('naive -> mixture');
    expect(out).not.toContain('hunter2');
  });
  it('--json', async () => {
    const { code, out } = await call(['check', 'good.yaml', '--json'], folder, { DATA: 'hunter2.csv' });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ ok: true, pipeline: 'good' });
    expect(out).not.toContain('hunter2');
  });
  it('a bad file: every fault, exit code 78', async () => {
    const { code, err, out } = await call(['check', 'bad.yaml'], folder);
    expect({ code, out }).toEqual({ code: 78, out: '' });
    expect(err.split('\n')).toEqual([
      'bad.yaml:2:21 window.interval must be at least 1ms, is "0m"',
      'bad.yaml:3:1 sede is not a known field (did you mean "seed"?)',
      expect.stringContaining('The file is not a valid pipeline (file: bad.yaml, problems: 2).'),
    ]);
  });
  it('a bad file as JSON: problems with their places', async () => {
    const { code, out } = await call(['check', 'bad.yaml', '--json'], folder);
    expect(code).toBe(78);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      error: {
        code: 'SPEC_INVALID',
        problems: [
          { line: 2, column: 21 },
          { line: 3, column: 1 },
        ],
      },
    });
  });
  it('no file: exit code 66', async () => expect((await call(['check', 'none.yaml'], folder)).code).toBe(66));
  it('no state: exit code 66', async () => expect((await call(['inspect', 'state', 'none'], folder)).code).toBe(66));
  it('no tests: exit code 64', async () => expect((await call(['test'], folder)).code).toBe(64));
});

describe('list and describe', () => {
  it('list --json', async () => {
    const { out } = await call(['list', '--json']);
    expect(JSON.parse(out)).toContainEqual(expect.objectContaining({ kind: 'forecaster', name: 'naive', status: 'stable' }));
  });
  it('a name of two kinds gives both, kind/name one', async () => {
    expect(JSON.parse((await call(['describe', 'arrow', '--json'])).out)).toHaveLength(2);
    expect((await call(['describe', 'sink/arrow'])).out).toMatch(/^sink arrow/);
  });
});

describe('a failure', () => {
  const tell = (error: unknown) => {
    const terminal = fakeTerminal();
    return { code: report(error, terminal, false), err: terminal.said.err.join('\n') };
  };
  it('that a user can mend has no stack', () => {
    expect(tell(new TidecastError('LANES_FULL', { lanes: 3 }))).toEqual({
      code: 65,
      err: 'tidecast: No lane is free for a new series (lanes: 3). Raise `state.max_lanes`, or shorten `state.time_to_live`.',
    });
  });
  it('that is a bug has one', () => {
    const { code, err } = tell(new TypeError('x is not a function'));
    expect(code).toBe(70);
    expect(err).toMatch(/TypeError: x is not a function\n {4}at .*\n[\s\S]*please report it/);
  });
});

describe('options of backtest', () => {
  it('times are UTC', () => expect(timeOption('--from', '2024-01-31T12:00')).toBe(Date.UTC(2024, 0, 31, 12)));
});
