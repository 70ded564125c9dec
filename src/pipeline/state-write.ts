/** Writing into the state folder: all of it or an error that says so. */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { TidecastError } from '../core/errors.ts';

/** Writes every byte, from `at` in the file or at its end; a disk that fills up may take a part and say nothing. Returns the number of bytes. */
export function writeWhole(file: number, bytes: Uint8Array, at?: number): number {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, at === undefined ? null : at + done);
  return done;
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  // Windows has no such call and does not need one
  if (process.platform === 'win32') return;
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Does what writes to the folder; whatever the system refuses is a `STATE_WRITE`. */
export function writing<T>(folder: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

/** `STATE_WRITE`, unless the cause is a fault of another kind already. */
export function writeError(folder: string, cause: unknown): TidecastError {
  if (cause instanceof TidecastError && cause.code !== 'NN_MODEL_UNSAVED') return cause;
  return new TidecastError('STATE_WRITE', { folder, reason: cause instanceof Error ? cause.message : String(cause) }, { cause });
}
