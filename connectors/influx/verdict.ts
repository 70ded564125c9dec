/** What an answer to a write means. */
import { reasonOf, saidBy, type Answer } from './connection.ts';

/**
 * - `stored`: all of it.
 * - `refused`: at least one point will never be taken. Which, the answer does not say reliably: `dropped=` counts neither the lines that
 *   could not be read nor the points of known series that were lost beside a new one over the limit. The others may be stored or not.
 * - `too-large`: nothing was stored; less at a time may be.
 * - `outage`: nothing is known; the same bytes are sent again later.
 */
export type Verdict = 'stored' | 'refused' | 'too-large' | 'outage';

/** Statuses alone do not tell: a proxy's error page is no verdict about points, and only 204 is a promise. */
export function verdict(answer: Answer): Verdict {
  const { status } = answer;
  if (status === 204) return 'stored';
  if (status === 413) return 'too-large';
  const said = saidBy(answer);
  if ((status !== 400 && status !== 422) || said === undefined) return 'outage';
  return /^(database|retention policy|bucket)\b.*\b(not found|is required)/i.test(said) ? 'outage' : 'refused';
}

/** Whether the answer says that the database is not there. */
export function lacksDatabase(answer: Answer): boolean {
  return answer.status === 404 && /database not found/i.test(reasonOf(answer));
}

/** Milliseconds that the other side asks to be left alone for; 0 where it does not. At most a minute. */
export function retryAfter({ headers }: Answer, now: number): number {
  const written = headers.get('retry-after');
  if (written === null) return 0;
  const wait = /^\d+$/.test(written) ? Number(written) * 1000 : Date.parse(written) - now;
  return Number.isFinite(wait) ? Math.min(60_000, Math.max(0, wait)) : 0;
}
