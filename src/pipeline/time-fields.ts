/** Fields of the window section that people write as text: days, times of day, dates, time zones and bars. */
import { z } from 'zod';
import { label } from './fields.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAYS_PROBLEM = 'must name days, such as mon-fri or [mon, wed, sat-sun]';

/** `mon-fri`, or a list: `[mon, wed, sat-sun]`; kept as written. */
export function daysField() {
  return z.union([z.string(), z.array(z.string()).min(1).max(7)], { error: DAYS_PROBLEM }).superRefine((written, context) => {
    const names = (Array.isArray(written) ? written : [written]).flatMap((each) => each.trim().toLowerCase().split('-'));
    if (!names.every((name) => DAYS.includes(name)))
      context.addIssue({ code: 'custom', message: DAYS_PROBLEM, params: { echo: true } });
  });
}

/** `HH:MM`, up to `24:00`; kept as written. */
export function timeOfDayField() {
  return z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, { error: 'must be a time of day such as "09:30", in quotes' });
}

/** `YYYY-MM-DD`, a day that exists. */
export function dateField() {
  return z.string().refine((written) => /^\d{4}-\d\d-\d\d$/.test(written) && isDay(written), {
    error: 'must be a date such as "2024-12-25"',
    params: { echo: true },
  });
}

function isDay(written: string): boolean {
  const at = Date.parse(`${written}T00:00:00Z`);
  return Number.isFinite(at) && new Date(at).toISOString().startsWith(written);
}

/** A time zone that this machine knows. */
export function timeZoneField() {
  return z.string().refine(isZone, { error: 'must be a time zone such as UTC or America/New_York', params: { echo: true } });
}

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Ways to make one number of a bar's ticks. */
export const AGGREGATES = ['open', 'high', 'low', 'close', 'mean', 'sum', 'count', 'last'] as const;

/** One bar channel: `close: last price` is `{ name: 'close', aggregate: 'last', channel: 'price' }`. */
export interface Bar {
  readonly name: string;
  readonly aggregate: (typeof AGGREGATES)[number];
  /** Undefined for `count` alone. */
  readonly channel: string | undefined;
}

const BAR_PROBLEM = `must be how a bar is made and of which channel, such as "last price" (${AGGREGATES.join(', ')})`;

/** Bars by name; a list in the order of the file once parsed. */
export function barsField() {
  return z.record(label(), z.string()).transform((written, context): Bar[] => {
    const entries = Object.entries(written);
    if (entries.length === 0 || entries.length > 64)
      context.issues.push({ code: 'custom', message: 'must have 1 to 64 entries', input: written });
    return entries.map(([name, how]): Bar => {
      const [first = '', ...rest] = how.trim().split(/\s+/);
      const aggregate = AGGREGATES.find((each) => each === first);
      const channel = rest.join(' ') || undefined;
      if (!aggregate || (!channel && aggregate !== 'count')) {
        context.issues.push({ code: 'custom', message: BAR_PROBLEM, input: how, path: [name], params: { echo: true } });
        return z.NEVER;
      }
      return { name, aggregate, channel };
    });
  });
}
