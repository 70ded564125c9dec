/** `tidecast train` as it is typed, and what a run that begins with its model is worth. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-train-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function call(words: string[], signal?: AbortSignal) {
  const terminal = fakeTerminal(folder);
  const code = await main(words, signal ? { ...terminal, stopper: () => ({ signal, dispose: () => {} }) } : terminal);
  return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
}

function pipeline(name: string, lines: string): string {
  writeFileSync(join(folder, `${name}.yaml`), `state: { path: state-${name} }\n${lines}`);
  return `${name}.yaml`;
}

interface Outcome {
  readonly learned: {
    readonly folder: string;
    readonly hash: string;
    readonly until: string;
    readonly rows: number;
    readonly scores: readonly { readonly step: number; readonly mae: Record<string, number> }[];
  };
  readonly scores: readonly {
    readonly step: number;
    readonly summary: {
      readonly n: number;
      readonly models: Record<string, { readonly mae: number }>;
      readonly skill: Record<string, { readonly skill: number; readonly verdict: string }>;
    };
  }[];
}

describe('taxi, the short form', () => {
  const taxi = (weights: string) => `
source: { type: arrow, path: ${resolve('pipelines/data/nyc_taxi.arrow')}, name: taxi, time: timestamp, time_zone: America/New_York }
window: { grid: rows, interval: 30m, time_zone: America/New_York, ring: 2048 }
forecast:
  horizon: 6
  season: 48
  models: [naive, ridge, { type: recurrent, hidden: 8, rebuild: 96 }]
  baselines: [naive]
  ${weights}
retrain: { every: never }
`;

  it('a run that begins with the model is better than naive on later rows, once its ring is filled; without it, it is naive', async () => {
    const trained = await call(['train', pipeline('taxi', taxi('')), '--out', 'model', '--to', '2014-08-20', '--json']);
    expect(trained.code, trained.err).toBe(0);
    const { learned } = JSON.parse(trained.out) as Outcome;
    expect(learned).toMatchObject({ folder: join(folder, 'model'), until: '2014-08-19T23:30:00.000Z' });
    expect(learned.scores.map(({ step }) => step)).toEqual([1, 6]);
    expect(readdirSync(join(folder, 'model')).sort()).toEqual(['model.json', 'model.safetensors']);
    expect(existsSync(join(folder, 'state-taxi'))).toBe(false);

    const from = ['--from', '2014-08-23', '--to', '2014-09-10', '--json'];
    const score = async (name: string, weights: string) => {
      const { code, out, err } = await call(['backtest', pipeline(name, taxi(weights)), ...from]);
      expect(code, err).toBe(0);
      return (JSON.parse(out) as Outcome).scores;
    };
    const warm = await score('warm', 'weights: model');
    const cold = await score('cold', '');
    expect(cold.map(({ summary }) => summary.models['mixture']!.mae)).toEqual(
      cold.map(({ summary }) => summary.models['naive']!.mae),
    );
    for (const { step, summary } of warm) {
      expect(summary.n).toBeGreaterThan(800);
      const { naive, ridge, recurrent, mixture } = summary.models;
      expect(mixture!.mae, `step ${step}`).toBeLessThan(0.6 * naive!.mae);
      for (const model of [ridge!, recurrent!]) expect(model.mae, `step ${step}`).toBeLessThan(0.75 * naive!.mae);
      expect(summary.skill['naive']!.verdict).toBe('better');
    }
  }, 120_000);
});

describe('what it says', () => {
  const small = (rest = '') => `
source: { type: csv, path: data.csv, time: time, series: series, values: [value] }
window: { grid: rows, interval: 1h, ring: 300 }
forecast: { horizon: 2, season: 24, models: [naive, ridge] }
retrain: { every: 5d }
${rest}`;
  writeData(folder, 300);

  it('reads the history where there is one, and writes no folder that exists', async () => {
    mkdirSync(join(folder, 'past'));
    writeData(join(folder, 'past'), 200);
    const history = 'history: { type: csv, path: past/data.csv, time: time, series: series, values: [value] }';
    const file = pipeline('small', small(history));
    const { code, out, err } = await call(['train', file, '--out', 'out/small']);
    expect(code, err).toBe(0);
    expect(out).toMatch(/model: .*out\/small, from 400 rows of 2 series up to 2024-01-09 07:00/);
    expect(out).toContain(`forecast: { weights: ${join(folder, 'out/small')} }`);
    expect(out).not.toContain('no skill was shown');
    // its last training is not on the schedule, but nothing watches for drift
    expect(out).not.toContain('drift');
    expect(readdirSync(join(folder, 'out'))).toEqual(['small']);
    const again = await call(['train', file, '--out', 'out/small']);
    expect(again).toMatchObject({ code: 73, err: expect.stringContaining('it exists already') as string });
    const inspected = await call(['inspect', 'model', 'out/small', '--json']);
    expect(JSON.parse(inspected.out)).toMatchObject({ meta: { fits: { horizon: 2, season: [24], models: ['ridge'] } } });
  });

  it('a run begins with it, and `models` lists it beside later ones', async () => {
    const file = pipeline('begun', small().replace('models: [naive, ridge]', 'models: [naive, ridge], weights: out/small'));
    const ran = await call(['run', file, '--fast']);
    expect(ran.code, ran.err).toBe(0);
    expect(`${ran.out}\n${ran.err}`).toContain('begins with a model, in force for rows after 2024-01-09 07:00');
    const listed = await call(['models', file]);
    expect(listed.out).toMatch(/1\s+2024-01-09 07:00\s+begun with/);
    expect((await call(['models', 'rollback', file, '--to', '1'])).code).toBe(0);
    expect((await call(['run', file, '--fast'])).code).toBe(0);
    expect((await call(['models', file])).out).toMatch(/3\s+2024-01-09 07:00\s+back to 1/);
    const other = pipeline('other', small().replace('horizon: 2, season: 24', 'horizon: 3, season: 24, weights: out/small'));
    const refused = await call(['run', other, '--json']);
    expect(refused.code).toBe(78);
    expect(JSON.parse(refused.out)).toMatchObject({ ok: false, error: { code: 'MODEL_MISFIT' } });
    // `check` says so before anything is run; the state of a line that was retrained has weights of its own
    const told = JSON.parse((await call(['check', other, '--json'])).out) as { error: { facts: object } };
    expect(told).toMatchObject({ ok: false, error: (JSON.parse(refused.out) as { error: object }).error });
    expect((await call(['check', file])).code).toBe(0);
    const fits = (name: string, season: string) => pipeline(name, small().replace('season: 24', `${season}weights: out/small`));
    expect((await call(['check', fits('fitting', 'season: 24, ')])).code).toBe(0);
    expect((await call(['check', fits('unnamed', '')])).code).toBe(0);
    expect((await call(['check', fits('seasonless', 'season: none, ')])).code).toBe(78);
    const gone = pipeline('gone', small().replace('season: 24', 'weights: out/gone'));
    expect((await call(['check', gone])).err).toBe((await call(['run', gone])).err);
    expect((await call(['check', gone])).code).toBe(66);
  });

  it('a random walk has no skill, and that is said', async () => {
    const walk = `
source: { type: synthetic, kind: random-walk, series: 1, rows: 900, interval: 1h }
window: { grid: rows, interval: 1h, ring: 500 }
forecast: { horizon: 2, models: [naive, ridge], warmup: 300 }
retrain: { every: 10d }`;
    const { code, out, err } = await call(['train', pipeline('walk', walk), '--out', 'out/walk']);
    expect(code, err).toBe(0);
    expect(out).toContain('no skill was shown');
  });

  it('what cannot be is refused with its exit code, and leaves nothing', async () => {
    const file = pipeline('refused', small());
    const live = 'source: { type: kafka, brokers: "127.0.0.1:1", topic: ticks, values: [value] }';
    const untrained = small().replace('[naive, ridge]', '[naive, linear]');
    for (const [words, code, said] of [
      [['train', file], 64, '--out'],
      [['train', file, '--out', 'out/no', '--to', 'soon'], 64, '--to'],
      [['train', file, '--out', 'out/no', '--source', 'gone.csv'], 66, 'or `--source`, which starts at the working folder'],
      [['train', file, '--out', 'out/no', '--to', '2024-01-01T20:00Z'], 65, 'Nothing was learned'],
      [['train', pipeline('untrained', untrained), '--out', 'out/no'], 65, 'Nothing was learned'],
      [['train', pipeline('live', small().replace(/source: .*/, live)), '--out', 'out/no'], 64, 'never ends'],
      [['train', 'nowhere.yaml', '--out', 'out/no'], 66, ''],
    ] as const) {
      const { code: found, err } = await call([...words]);
      expect(found, `${words.join(' ')}: ${err}`).toBe(code);
      expect(err).toContain(said);
    }
    const stopped = await call(['train', file, '--out', 'out/no'], AbortSignal.abort());
    expect(stopped).toMatchObject({ code: 75, err: expect.stringContaining('was stopped') as string });
    expect(readdirSync(join(folder, 'out')).filter((name) => name.startsWith('no'))).toEqual([]);
  });
});
