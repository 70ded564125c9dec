/** Which column is what: names as the configuration gives them, looked up in a file's header. */
import { closest, distance } from 'fastest-levenshtein';
import { TidecastError } from '../../src/core/errors.ts';
import { short } from '../../src/core/lanes.ts';

const TIME_NAMES = ['time', 'timestamp', 'ts', 'date'];

/** The position of a named column; throws `SOURCE_COLUMN_MISSING` with the nearest name. */
export function position(file: string, names: readonly string[], name: string): number {
  const at = names.indexOf(name);
  if (at >= 0) return at;
  const near = names.length > 0 ? closest(name, [...names]) : undefined;
  const meant =
    near !== undefined && distance(near.toLowerCase(), name.toLowerCase()) <= Math.max(2, name.length / 3)
      ? short(near)
      : undefined;
  throw new TidecastError('SOURCE_COLUMN_MISSING', { file, column: name, nearest: meant, columns: listed(names) });
}

/** The position of the time column: the configured one, or the first of `time`, `timestamp`, `ts`, `date` whatever its case. */
export function timePosition(file: string, names: readonly string[], name: string | undefined): number {
  if (name !== undefined) return position(file, names, name);
  const lower = names.map((each) => each.toLowerCase());
  for (const known of TIME_NAMES) if (lower.includes(known)) return lower.indexOf(known);
  throw new TidecastError('SOURCE_NO_TIME', { file, columns: listed(names) });
}

/** Column names as a message lists them. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 20).map(short).join(' ');
  return names.length > 20 ? `${shown} and ${names.length - 20} more` : shown;
}
