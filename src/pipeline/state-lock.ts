/** One process a state folder: a lock that dies with its owner, however that one ends. */
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import { writeWhole } from './state-write.ts';

interface Owner {
  readonly pid: number;
  /** When that process began, as the system counts; a number that was given to another process later does not match. */
  readonly began: string;
  /** Tells apart the locks that one process took one after the other. */
  readonly nth?: number;
}

let taken = 0;

/** A lock that this process took. */
export interface StateLock {
  /** Whether it is still this process's: another may have taken it over while this one stood still. */
  held(): boolean;
  release(): void;
}

/**
 * Takes the lock. Throws `STATE_LOCKED` while another living process holds it, unless `takeOver`: for one that stands still, whose
 * partition was given to this process.
 */
export function lockState(folder: string, options: { readonly takeOver?: boolean } = {}): StateLock {
  const file = join(folder, 'lock');
  const mine: Owner = { pid: process.pid, began: beganAt(process.pid) ?? '', nth: ++taken };
  const draft = `${file}.${process.pid}.tmp`;
  const handle = openSync(draft, 'w');
  try {
    writeWhole(handle, Buffer.from(JSON.stringify(mine)));
  } finally {
    closeSync(handle);
  }
  const refuse = (owner: Owner | undefined) => new TidecastError('STATE_LOCKED', { folder, process: owner?.pid });
  try {
    // a link either is made or is not: of two processes one succeeds, and the file is never seen half-written
    if (!linked(draft, file)) {
      const owner = ownerOf(file);
      if (owner && isAlive(owner) && !options.takeOver) throw refuse(owner);
      if (options.takeOver) renameSync(draft, file);
      else clear(file, `${file}.${process.pid}.dead`);
      if (!options.takeOver && !linked(draft, file)) throw refuse(ownerOf(file));
    }
    const held = (): boolean => {
      const owner = ownerOf(file);
      return owner?.pid === mine.pid && owner.began === mine.began && owner.nth === mine.nth;
    };
    return {
      held,
      release: () => {
        if (held()) rmSync(file, { force: true });
      },
    };
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Takes a dead owner's lock away. A rename takes whatever is there by now: a lock that came to life meanwhile is given back. */
function clear(file: string, aside: string): void {
  try {
    renameSync(file, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    return;
  }
  const owner = ownerOf(aside);
  if (owner && isAlive(owner)) linked(aside, file);
  rmSync(aside, { force: true });
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    return false;
  }
}

function ownerOf(file: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Owner | null;
    // zero and negative numbers mean groups of processes
    return Number.isInteger(owner?.pid) && owner!.pid > 0 ? owner! : undefined;
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
