/** Errors of the file system as a user can act on them. */
import { statSync } from 'node:fs';
import { TidecastError } from '../../src/core/errors.ts';

/** Throws for a pipe or a socket, before it is opened: that could wait for ever, and no signal would be heard. */
export function refusePipe(path: string, problem = 'not a regular file'): void {
  let pipe: boolean;
  try {
    const stat = statSync(path);
    pipe = stat.isFIFO() || stat.isSocket();
  } catch (error) {
    throw fileFault(path, error);
  }
  if (pipe) throw new TidecastError('SOURCE_FILE_UNREADABLE', { file: path, problem });
}

/** The error for a file that could not be opened or read; passes `TidecastError`s through. */
export function fileFault(path: string, error: unknown): TidecastError {
  if (error instanceof TidecastError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return new TidecastError('SOURCE_FILE_MISSING', { file: path }, { cause: error });
  return new TidecastError('SOURCE_FILE_UNREADABLE', { file: path, problem: code ?? String(error) }, { cause: error });
}

/** The error for output that could not be written. */
export function writeFault(path: string, error: unknown): TidecastError {
  if (error instanceof TidecastError) return error;
  const code = (error as NodeJS.ErrnoException).code;
  const full = code === 'ENOSPC' || code === 'EFBIG' || code === 'EDQUOT';
  return new TidecastError(
    full ? 'SINK_DISK_FULL' : 'SINK_WRITE_FAILED',
    { file: path, problem: code ?? String(error) },
    { cause: error },
  );
}
