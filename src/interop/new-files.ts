/** Files that are written where nothing was before. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TidecastError } from '../core/errors.ts';

/** Makes a folder with these files, in this order, or nothing. Throws EXPORT_UNSAVED where the folder exists or cannot be written. */
export function writeNew(folder: string, files: readonly (readonly [name: string, content: string | Uint8Array])[]): void {
  saving(folder, () => {
    mkdirSync(dirname(folder), { recursive: true });
    mkdirSync(folder);
    try {
      for (const [name, content] of files) writeFileSync(join(folder, name), content);
    } catch (cause) {
      rmSync(folder, { recursive: true, force: true });
      throw cause;
    }
  });
}

/** Writes a file that does not exist yet. Throws EXPORT_UNSAVED. */
export function writeNewFile(path: string, content: Uint8Array): void {
  saving(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { flag: 'wx' });
  });
}

function saving(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new TidecastError(
      'EXPORT_UNSAVED',
      { path, reason: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
}
