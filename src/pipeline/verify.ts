/** Compares what came out of a line with what a test expects, and tells the difference at the place of the expectation. */
import type { Path } from './document.ts';
import type { Problem } from './problem.ts';
import type { Outcome, OutcomeRow, TestCase } from './test-case.ts';

const TOLERANCE = 1e-9;
/** Differences told of one case at most. */
const MOST = 20;

/** Every difference, at its place in the test file; none when the case holds. */
export function verify({ expect, read, path }: TestCase, got: Outcome): Problem[] {
  const problems: Problem[] = [];
  const say = (at: Path, message: string) => void problems.push({ ...read.locate([...path, 'expect', ...at]), message });
  for (const name of ['rows', 'bars'] as const) {
    const wanted = expect[name]?.map(([series, time, ...values]): OutcomeRow => ({ series, time, values }));
    if (wanted) compare(wanted, got.bars, (i, message) => say(i === undefined ? [name] : [name, i], message), rowText, sameRow);
  }
  if (expect.rejects) {
    const wanted = expect.rejects.map(([series, time, reason]) => ({ series, time, reason }));
    const same = (a: { reason: string }, b: { reason: string }) =>
      a.reason === b.reason ? undefined : `expected ${a.reason}, got ${b.reason}`;
    compare(
      wanted,
      got.rejects,
      (i, message) => say(i === undefined ? ['rejects'] : ['rejects', i], message),
      (reject) => `[${key(reject)}, ${reject.reason}]`,
      same,
    );
  }
  for (const fact of ['count', 'horizon', 'finite'] as const) {
    const wanted = expect.forecasts?.[fact];
    const found = got.forecasts[fact];
    if (wanted !== undefined && wanted !== found) say(['forecasts', fact], `forecasts: expected ${fact} ${wanted}, got ${found}`);
  }
  const more = problems.length - MOST;
  return more > 0 ? [...problems.slice(0, MOST), { ...problems[MOST]!, message: `and ${more} more differences` }] : problems;
}

interface Keyed {
  readonly series: string;
  readonly time: number;
}

/** Pairs entries by series and time, in order where several share both; the order between series is free. */
function compare<T extends Keyed>(
  wanted: readonly T[],
  got: readonly T[],
  say: (index: number | undefined, message: string) => void,
  text: (entry: T) => string,
  differs: (wanted: T, got: T) => string | undefined,
): void {
  const left = new Map<string, T[]>();
  for (const entry of got) left.set(key(entry), [...(left.get(key(entry)) ?? []), entry]);
  wanted.forEach((entry, i) => {
    const found = left.get(key(entry))?.shift();
    if (!found) return say(i, `expected ${text(entry)}, got nothing for this series and time`);
    const difference = differs(entry, found);
    if (difference) say(i, `${key(entry)}: ${difference}`);
  });
  for (const entries of left.values()) for (const entry of entries) say(undefined, `got ${text(entry)}, which is not expected`);
}

function key({ series, time }: Keyed): string {
  const shown =
    Number.isFinite(time) && Math.abs(time) <= 8.64e15 ? new Date(time).toISOString().replace('.000Z', 'Z') : String(time);
  return `${JSON.stringify(series).slice(1, -1).slice(0, 60)}, ${shown}`;
}

function rowText(row: OutcomeRow): string {
  return `[${key(row)}, ${row.values.join(', ')}]`;
}

function sameRow(wanted: OutcomeRow, got: OutcomeRow): string | undefined {
  const same = wanted.values.length === got.values.length && wanted.values.every((x, i) => close(x, got.values[i]!));
  return same ? undefined : `expected [${wanted.values.join(', ')}], got [${got.values.join(', ')}]`;
}

function close(a: number, b: number): boolean {
  return (
    Object.is(a, b) ||
    (Number.isNaN(a) && Number.isNaN(b)) ||
    Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b))
  );
}
