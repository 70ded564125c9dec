/** Ctrl-C stops cleanly, and the next run continues at that very row. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { expect, it } from 'vitest';

const CLI = resolve('dist/src/cli/main.js');

function pipeline(folder: string): string {
  const file = join(folder, 'stop.yaml');
  writeFileSync(
    file,
    `
source: { type: arrow, path: ${resolve('pipelines/data/nyc_taxi.arrow')}, name: taxi }
window: { grid: rows, interval: 30m, ring: 400 }
forecast: { horizon: 2, season: 48, models: [naive, linear, { type: recurrent, hidden: 8, rebuild: 32 }] }
retrain: { every: 2w, swap: exact, rows: 400, epochs: 1 }
sinks: [{ type: arrow, path: out }, { type: console, every: 1 }]
state: { path: state, checkpoint: 1h }
replay: { rows_per_second: 2000 }
`,
  );
  return file;
}

/** Starts a paced run, interrupts it once it has printed some forecasts, and resolves with its exit code and what it printed. */
function interrupted(file: string): Promise<{ code: number | null; text: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [CLI, 'run', file]);
    let text = '';
    let sent = false;
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (sent || text.split('\n').length < 400) return;
      sent = child.kill('SIGINT');
    });
    child.on('close', (code) => done({ code, text }));
  });
}

function outputs(folder: string): string[] {
  const names = readdirSync(join(folder, 'out')).filter((name) => /^(forecasts|scores)-\d/.test(name));
  return names.sort().flatMap((name) =>
    tableFromIPC(readFileSync(join(folder, 'out', name)))
      .toArray()
      .map((row) => `${name.split('-')[0]} ${JSON.stringify(row)}`),
  );
}

it('interrupted twice and run to the end, it gives what one run gives', { timeout: 240_000 }, async () => {
  const [whole, parted] = [mkdtempSync(join(tmpdir(), 'tidecast-whole-')), mkdtempSync(join(tmpdir(), 'tidecast-parted-'))];
  try {
    const once = spawnSync(process.execPath, [CLI, 'run', pipeline(whole), '--fast', '--json'], { encoding: 'utf8' });
    expect(once.status, once.stderr).toBe(0);
    const file = pipeline(parted);
    for (let n = 0; n < 2; n++) {
      const { code, text } = await interrupted(file);
      expect(code).toBe(0);
      expect(text).toMatch(/stopped after [\d,]+ rows/);
    }
    const rest = spawnSync(process.execPath, [CLI, 'run', file, '--fast', '--json'], { encoding: 'utf8' });
    expect(rest.status, rest.stderr).toBe(0);
    const [a, b] = [once, rest].map(
      ({ stdout }) => JSON.parse(stdout) as { rows: number; rowsHere: number; stateHash: string; scores: unknown },
    );
    expect(b!.rowsHere).toBeLessThan(10_320 - 700);
    expect({ rows: b!.rows, hash: b!.stateHash, scores: b!.scores }).toEqual({
      rows: a!.rows,
      hash: a!.stateHash,
      scores: a!.scores,
    });
    const wanted = outputs(whole);
    expect(wanted.length).toBeGreaterThan(40_000);
    expect(outputs(parted).sort()).toEqual(wanted.sort());
  } finally {
    rmSync(whole, { recursive: true, force: true });
    rmSync(parted, { recursive: true, force: true });
  }
});
