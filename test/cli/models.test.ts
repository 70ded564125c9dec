/** `tidecast models` over the state of real runs. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-models-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function call(...words: string[]) {
  const terminal = fakeTerminal(folder);
  const code = await main(words, terminal);
  return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
}

function pipeline(rows: number): string {
  writeFileSync(
    join(folder, 'duel.yaml'),
    `
source: { type: synthetic, kind: seasonal, series: 2, rows: ${rows}, interval: 1m, period: 24 }
window: { grid: rows, interval: 1m, ring: 512 }
forecast: { models: [naive, { type: recurrent, hidden: 4, rebuild: 32 }], season: 24 }
shadow:
  name: seasons
  forecast: { models: [naive, seasonal-naive, linear], output: linear }
  promote: { margin: 0.05, rows: 400 }
retrain: { every: 2h, rows: 400, epochs: 1, learning_rate: 0.002, swap: exact }
`,
  );
  return 'duel.yaml';
}

it('lists versions, scores and promotions; goes back, at the next start; and says what it cannot do', async () => {
  const file = pipeline(3000);
  expect(await call('models', file)).toMatchObject({
    code: 66,
    err: expect.stringMatching(/no saved state.* `tidecast run FILE` writes it/) as string,
  });
  expect(await call('run', file, '--fast')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^shadow seasons: MAE value \+1 [\d.]+ \(forecast [\d.]+\)/m) as string,
  });

  const listed = JSON.parse((await call('models', file, '--json')).out) as {
    inCharge: string;
    versions: { of: string; version?: number; inForce: boolean; accepted: boolean; to?: number; hash: string }[];
    promotions: { name: string; rows: number; gains: number[] }[];
    scores: { name: string; step: number; n: number; mae: number }[];
  };
  // the pipeline's own forecast has no such weights, and it says whose are not meant
  expect((await call('models', 'rollback', file, '--to', '99')).err).toMatch(/of the forecast itself; those of a shadow stay/);
  const accepted = listed.versions.filter((each) => each.accepted);
  expect(accepted.length).toBeGreaterThanOrEqual(2);
  expect(listed.versions.filter(({ inForce }) => inForce)).toEqual([accepted.at(-1)]);
  expect(listed.inCharge).toBe('seasons');
  expect(listed.promotions[0]).toMatchObject({ name: 'seasons', rows: expect.any(Number) as number });
  expect(listed.scores.map(({ name, step }) => [name, step])).toEqual([
    ['forecast', 1],
    ['seasons', 1],
  ]);
  const [own, shadow] = listed.scores;
  expect(own!.n).toBe(shadow!.n);
  expect(shadow!.mae).toBeLessThan(0.95 * own!.mae);

  const text = (await call('models', file)).out;
  for (const part of ['accepted, in force', 'seasons (in charge)', 'seasons took over: MAE lower by'])
    expect(text).toContain(part);

  for (const words of [
    ['models', 'rollback', file, '--to', '99'],
    ['models', 'rollback', file, '--to', 'x'],
    ['models', file, '--to', '1'],
    ['models', 'rolback', file],
  ])
    expect((await call(...words)).code, words.join(' ')).toBe(64);

  expect(await call('models', 'rollback', file, '--to', '1')).toMatchObject({
    code: 0,
    out: 'duel: back to weights 1: at the next checkpoint of a run, or when it is started',
  });
  expect((await call('models', file)).out).toContain('asked for: back to weights 1');
  pipeline(3200);
  expect((await call('run', file, '--fast')).code).toBe(0);
  expect(existsSync(join(folder, '.tidecast/duel/rollback.json'))).toBe(false);
  const after = JSON.parse((await call('models', file, '--json')).out) as typeof listed;
  const back = after.versions.find(({ to }) => to === 1)!;
  expect(back.hash).toBe(accepted[0]!.hash);
  expect((await call('models', file)).out).toContain('back to 1');

  expect((await call('run', file, '--fast', '--fresh')).code).toBe(0);
  const fresh = JSON.parse((await call('models', file, '--json')).out) as typeof listed;
  expect(fresh.versions.some(({ to }) => to !== undefined)).toBe(false);
});

it('tells seasons that were found, of a pipeline that names none', async () => {
  writeFileSync(
    join(folder, 'found.yaml'),
    `
source: { type: synthetic, kind: seasonal, series: 2, rows: 1000, interval: 1m, period: 24 }
window: { grid: rows, interval: 1m }
forecast: { models: [naive, linear], warmup: 300 }
retrain: { every: never }
`,
  );
  expect(await call('run', 'found.yaml', '--fast')).toMatchObject({ code: 0 });
  expect((await call('models', 'found.yaml')).out).toMatch(/^season of 24 rows, found in 600 rows\n/);
  const json = JSON.parse((await call('models', 'found.yaml', '--json')).out) as { seasons: object };
  expect(json.seasons).toMatchObject({ seasons: [24], rows: 600 });
});
