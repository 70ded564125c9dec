/** Writes what was drawn. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidecastError } from '../core/errors.ts';

/** Writes files by name into a folder, which is made where it is missing; throws EXPORT_UNSAVED. */
export function saveFiles(folder: string, files: Readonly<Record<string, string>>): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? 'unknown';
    throw new TidecastError('EXPORT_UNSAVED', { path: folder, reason }, { cause });
  }
}
