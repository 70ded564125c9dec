/** Row 57 of the fault table: one process a state folder. Locks are taken by processes of their own, which run the built program. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { lockState } from '../../src/pipeline/state-lock.ts';
import { newFolder, removeFolders } from '../support/whole-run.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  removeFolders();
});

const PROGRAM = `
const { lockState } = await import(${JSON.stringify(resolve('dist/src/pipeline/state-lock.js'))});
try { lockState(process.argv[1]); process.stdout.write('held\\n'); } catch (cause) { process.stdout.write(cause.code + '\\n'); }
setInterval(() => {}, 1000);
`;

/** A process that takes the lock, or is refused; it stays alive either way. */
function locker(folder: string): Promise<{ said: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((done) => child.stdout!.once('data', (said: Buffer) => done({ said: String(said).trim(), child })));
}

function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  return new Promise((done) => child.once('exit', () => done()));
}

it('row 57: the second process is refused at once, and the third starts as soon as the first is killed', async () => {
  const folder = newFolder();
  const { said, child } = await locker(folder);
  expect(said).toBe('held');
  expect(() => lockState(folder)).toThrow(
    expect.objectContaining({ code: 'STATE_LOCKED', exit: EXIT.tryAgain, facts: { folder, process: child.pid } }) as Error,
  );
  await killed(child);
  const { release } = lockState(folder);
  expect(readdirSync(folder)).toEqual(['lock']);
  release();
  expect(readdirSync(folder)).toEqual([]);
});

it('row 57: `tidecast run` exits with 75 while another process holds the state', async () => {
  const folder = newFolder();
  await locker(folder);
  const file = join(folder, 'locked.yaml');
  writeFileSync(
    file,
    `source: { type: arrow, path: ${resolve('pipelines/data/nyc_taxi.arrow')}, time: timestamp, values: [value] }\nwindow: { interval: 30m }\nsinks: [discard]\nstate: { path: . }\n`.replace(
      'sinks: [discard]',
      'sinks: []',
    ),
  );
  const { status, stderr } = spawnSync(process.execPath, [resolve('dist/src/cli/main.js'), 'run', file, '--fast'], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(stderr).toContain('Another process is using this state folder');
  expect(status).toBe(EXIT.tryAgain);
});

it('row 57: a lock whose process number was given to another process is taken over', async () => {
  const folder = newFolder();
  const { child } = await locker(newFolder());
  const stat = existsSync('/proc/self/stat') && readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  const began = stat ? stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]! : '';
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: child.pid, began }));
  expect(() => lockState(folder)).toThrow(expect.objectContaining({ code: 'STATE_LOCKED' }) as Error);
  if (!stat) return;
  writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: child.pid, began: '1' }));
  lockState(folder).release();
});

it('row 57: a torn or foreign lock is taken over', () => {
  const folder = newFolder();
  for (const text of ['', '{"pid":', 'null', '7', '{}', '{"pid":"1"}', '{"pid":0}', '{"pid":-1,"began":""}']) {
    writeFileSync(join(folder, 'lock'), text);
    lockState(folder).release();
    expect(existsSync(join(folder, 'lock')), text).toBe(false);
  }
});

it('row 57: of several processes that find a dead owner one gets the lock', async () => {
  for (let round = 0; round < 2; round++) {
    const folder = newFolder();
    writeFileSync(join(folder, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, began: '1' }));
    const all = await Promise.all(Array.from({ length: 5 }, () => locker(folder)));
    expect(all.map(({ said }) => said).sort()).toEqual(['STATE_LOCKED', 'STATE_LOCKED', 'STATE_LOCKED', 'STATE_LOCKED', 'held']);
    expect(readdirSync(folder)).toEqual(['lock']);
  }
});
