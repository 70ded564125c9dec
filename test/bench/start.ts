/** How long a user waits for the first forecast: the shipped pipeline, piped, beside a Node that does nothing. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { median, round, type Emit } from './figure.ts';
import { inFolder } from './workload.ts';

const ROUNDS = 5;
const CLI = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const PIPELINES = fileURLToPath(new URL('../../../pipelines/', import.meta.url));
/** A line of the console sink begins with the time forecast for. */
const FORECAST = /^\d{4}-\d\d-\d\dT/m;

/** Medians of rounds in which both are measured one after the other. */
export async function startBench(emit: Emit): Promise<void> {
  await inFolder(async (folder) => {
    const file = taxiIn(folder);
    const ours: number[] = [];
    const node: number[] = [];
    for (let n = 0; n < ROUNDS; n++) {
      ours.push(await firstForecast(file));
      const start = performance.now();
      spawnSync(process.execPath, ['-e', '0']);
      node.push(performance.now() - start);
    }
    const p50 = median(ours);
    const bar = 5 * median(node) + 1000;
    emit({
      keys: { bench: 'start', peer: 'node', p50_ms: round(median(node)) },
      what: 'node -e 0',
      shown: `${Math.round(median(node))} ms`,
    });
    emit({
      keys: { bench: 'start', peer: 'tidecast', p50_ms: round(p50), min_ms: round(Math.min(...ours)) },
      what: 'first forecast',
      shown: `${Math.round(p50)} ms`,
      bar: `at most ${Math.round(bar)} (5 x node -e 0 + 1 s)`,
      pass: p50 <= bar,
    });
  });
}

/** The shipped pipeline with its state and outputs in `folder`, and its forecasts printed. */
function taxiIn(folder: string): string {
  const taxi = parse(readFileSync(join(PIPELINES, 'taxi.yaml'), 'utf8'));
  taxi.source.path = resolve(PIPELINES, taxi.source.path);
  taxi.sinks = [{ type: 'arrow', path: join(folder, 'out') }, { type: 'console' }];
  taxi.state = { path: join(folder, 'state') };
  const file = join(folder, 'taxi.yaml');
  writeFileSync(file, JSON.stringify(taxi));
  return file;
}

function firstForecast(file: string): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, [CLI, 'run', file, '--fresh'], { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    let took: number | undefined;
    child.stderr.on('data', (text) => (said += text));
    child.stdout.on('data', (text) => {
      said += text;
      if (took !== undefined || !FORECAST.test(said)) return;
      took = performance.now() - start;
      child.kill('SIGKILL');
    });
    child.on('close', () => (took === undefined ? reject(new Error(`no forecast came: ${said}`)) : resolve(took)));
  });
}
