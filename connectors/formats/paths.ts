/** Input paths: plain ones and patterns with `*`, `?` and `**`, resolved to files in the order of their names. */
import { readdirSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { TidecastError } from '../../src/core/errors.ts';

/**
 * The files that a path, a pattern or a list of them means, each once.
 *
 * A pattern's files come sorted by path; a list keeps its order. A pattern that matches nothing is `SOURCE_FILE_MISSING`.
 */
export function resolvePaths(folder: string, path: string | readonly string[]): string[] {
  const files = (typeof path === 'string' ? [path] : path).flatMap((each) =>
    isPattern(each) ? matches(resolve(folder), each) : [resolve(folder, each)],
  );
  return [...new Set(files)];
}

function isPattern(path: string): boolean {
  return /[*?]/.test(path);
}

function matches(folder: string, pattern: string): string[] {
  const parts = resolve(folder, pattern).split(sep);
  const fixed = parts.findIndex(isPattern);
  const found = walk(parts.slice(0, fixed).join(sep) || sep, parts.slice(fixed));
  if (found.length === 0) throw new TidecastError('SOURCE_FILE_MISSING', { pattern, folder });
  return found.sort();
}

function walk(folder: string, parts: readonly string[]): string[] {
  const [part, ...rest] = parts as [string, ...string[]];
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  const found: string[] = part === '**' && rest.length > 0 ? walk(folder, rest) : [];
  const name = part === '**' ? undefined : expression(part);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (part === '**') {
      if (entry.isDirectory()) found.push(...walk(path, parts));
      else if (rest.length === 0) found.push(path);
    } else if (name!.test(entry.name) && (part.startsWith('.') || !entry.name.startsWith('.'))) {
      if (rest.length === 0) found.push(path);
      else if (entry.isDirectory()) found.push(...walk(path, rest));
    }
  }
  return [...new Set(found)];
}

function expression(part: string): RegExp {
  const body = part
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*+/g, '.*')
    .replace(/\?/g, '.');
  return new RegExp(`^${body}$`, 'u');
}
