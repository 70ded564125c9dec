/** One process a state folder: a lock that dies with its owner, however that one ends. */
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TidecastError } from '../core/errors.ts';

interface Owner {
  readonly pid: number;
  /** When that process began, as the system counts; a number that was given to another process later does not match. */
  readonly began: string;
}

const TAKEOVER_MS = 30;

/** Takes the lock and returns its release. Throws `STATE_LOCKED` while another living process holds it. */
export function lockState(folder: string): () => void {
  const file = join(folder, 'lock');
  const mine: Owner = { pid: process.pid, began: beganAt(process.pid) ?? '' };
  const draft = `${file}.${process.pid}.tmp`;
  const handle = openSync(draft, 'w');
  writeSync(handle, JSON.stringify(mine));
  closeSync(handle);
  const release = () => rmSync(file, { force: true });
  try {
    // a link either is made or is not: of two processes one succeeds, and the file is never seen half-written
    linkSync(draft, file);
    return release;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    const owner = ownerOf(file);
    if (owner && isAlive(owner)) throw new TidecastError('STATE_LOCKED', { folder, process: owner.pid });
    renameSync(draft, file);
    // two processes may find the same dead owner: the one whose rename came last holds the lock
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TAKEOVER_MS);
    const holder = ownerOf(file);
    if (holder?.pid !== mine.pid) throw new TidecastError('STATE_LOCKED', { folder, process: holder?.pid });
    return release;
  } finally {
    rmSync(draft, { force: true });
  }
}

function ownerOf(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, began }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // somebody else's process is alive too
    if ((cause as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = beganAt(pid);
  return now === undefined || began === '' || now === began;
}

/** Field 22 of /proc/<pid>/stat, where there is such a thing. */
function beganAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
