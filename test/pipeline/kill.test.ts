/** Promise 3: nothing is lost, nothing counts twice. Rows 1, 19, 31 and 37 of the fault table, with files in place of servers. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';

const CHILD = resolve('dist/test/support/kill-child.js');
const SEED = 50;
const KILLS = 50;
const PHASES = ['training', 'swap record', 'state save', 'sink write', 'anywhere'] as const;

function pipeline(folder: string): string {
  const file = join(folder, 'pipeline.yaml');
  writeFileSync(
    file,
    `
name: kill
source: { type: arrow, path: ${resolve('pipelines/data/nyc_taxi.arrow')}, time: timestamp, name: taxi, values: [value] }
window: { grid: rows, interval: 30m, ring: 512 }
forecast:
  horizon: 2
  season: 48
  models: [naive, seasonal-naive, holt-winters, linear, { type: recurrent, hidden: 8, rebuild: 32 }]
shadow:
  forecast: { models: [naive, seasonal-naive, holt-winters, linear] }
  promote: { margin: 0, rows: 100 }
retrain: { every: 2d, rows: 512, epochs: 1, drift: { error: true, inputs: true, cool_down: 4h } }
sinks: [{ type: arrow, path: out }]
state: { path: state, checkpoint: 20ms }
`,
  );
  return file;
}

function run(file: string, phase: string, nth: number, variant: number): { killed: boolean; result?: { stateHash: string } } {
  const child = spawnSync(process.execPath, [CHILD, file, phase, String(nth), String(variant)], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (child.signal === 'SIGKILL') return { killed: true };
  expect(child.status, child.stderr).toBe(0);
  return { killed: false, result: JSON.parse(child.stdout) as { stateHash: string } };
}

/** Every row of a table's segments, as text, in order. */
function rows(folder: string, table: string): string[] {
  const names = readdirSync(join(folder, 'out')).filter((name) => name.startsWith(`${table}-`));
  return names.sort().flatMap((name) =>
    tableFromIPC(readFileSync(join(folder, 'out', name)))
      .toArray()
      .map((row) => JSON.stringify(row)),
  );
}

it(
  `row 1, 19, 31, 37: killed ${KILLS} times over the whole run, outputs and state equal the unbroken run's`,
  { timeout: 600_000 },
  () => {
    const unbroken = mkdtempSync(join(tmpdir(), 'tidecast-unbroken-'));
    const broken = mkdtempSync(join(tmpdir(), 'tidecast-broken-'));
    try {
      const whole = run(pipeline(unbroken), 'none', 0, 0);
      const file = pipeline(broken);
      const random = new Random(SEED);
      const kills: Record<string, number> = Object.fromEntries(PHASES.map((phase) => [phase, 0]));
      let last: ReturnType<typeof run> = { killed: true };
      let done = 0;
      for (let n = 0; n < KILLS * 2 && done < KILLS; n++) {
        const phase = PHASES[n % PHASES.length]!;
        const nth =
          phase === 'anywhere'
            ? Math.floor(((n + 1) / KILLS) * 10_000)
            : phase === 'training' || phase === 'swap record'
              ? 1
              : 1 + random.below(2);
        last = run(file, phase, nth, random.below(1000));
        if (last.killed) kills[phase]!++;
        done = Object.values(kills).reduce((sum, each) => sum + each, 0);
      }
      console.log(`seed ${SEED}, kills by phase: ${JSON.stringify(kills)}`);
      const ended = run(file, 'none', 0, 0);
      for (const phase of PHASES) expect(kills[phase], phase).toBeGreaterThanOrEqual(5);
      expect(done).toBeGreaterThanOrEqual(KILLS);
      expect(ended.result).toEqual(whole.result);
      for (const table of ['forecasts', 'scores']) {
        const expected = rows(unbroken, table);
        expect(expected.length).toBeGreaterThan(10_000);
        expect(rows(broken, table)).toEqual(expected);
      }
    } finally {
      rmSync(unbroken, { recursive: true, force: true });
      rmSync(broken, { recursive: true, force: true });
    }
  },
);
