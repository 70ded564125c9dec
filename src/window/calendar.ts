/** The pipeline's calendar: when the next rows are due, which bar an instant belongs to, and the phase of day and week. */
import { milliseconds } from '../core/duration.ts';
import { TidecastError } from '../core/errors.ts';
import { cos, sin } from '../core/math/math.ts';
import { remainder } from '../core/math/remainder.ts';
import { dayGrid, evenGrid, type Grid, sessionDayGrid, sessionGrid, stamped } from './grid.ts';
import { Session, type SessionOptions } from './session.ts';
import { DAY, LAST_INSTANT, TimeZone } from './zone.ts';

export interface CalendarOptions {
  /** Time between rows: milliseconds, or text such as `5m`. For sliding bars: the slide. */
  readonly interval: number | string;
  /** Whether rows are bars, which lie on the grid, or ticks, which lie anywhere. Default: false. */
  readonly bars?: boolean | undefined;
  /** IANA name. Default: `UTC`. */
  readonly timeZone?: string | undefined;
  /** Market hours. Default: always open. */
  readonly session?: SessionOptions | undefined;
}

/** A forecaster's `GridClock` that also numbers bars and measures gaps. Times are epoch ms. */
export interface Calendar extends Grid {
  /** Milliseconds between rows, as declared. */
  readonly interval: number;
  /** Whether rows are bars. */
  readonly bars: boolean;
  /** Nominal time of the row `steps` after `time`, closed sessions skipped. */
  after(time: number, steps: number): number;
  /** Milliseconds that clocks on the wall are ahead of UTC; 0 where `after` follows them already: in sessions, and for bars of whole days. */
  offset(time: number): number;
  /** sin and cos of the time of day and of the week in the pipeline's zone: `into[at .. at+4)`. */
  phases(time: number, into: Float64Array | Float32Array, at: number): void;
  /** Whether the market is open; always true without a session. */
  isOpen(time: number): boolean;
  /** Intervals between two row times, closed time left out: a fraction for ticks, whole for bars. */
  steps(from: number, to: number): number;
}

/**
 * Builds the calendar of one pipeline.
 * Throws `WINDOW_DURATION`, `WINDOW_TIME_ZONE` or `WINDOW_SESSION` for options that cannot be read.
 *
 * Without a session, intervals of whole days count local days when rows are bars, and 24 hours each when they are ticks.
 */
export function calendar(options: CalendarOptions): Calendar {
  const interval = positive('interval', options.interval);
  const zone = new TimeZone(options.timeZone ?? 'UTC');
  const session = options.session && new Session(options.session, zone);
  const days = interval % DAY === 0 ? interval / DAY : 0;
  const grid = session
    ? days > 0
      ? sessionDayGrid(days, session)
      : sessionGrid(interval, session)
    : days > 0
      ? dayGrid(days, zone)
      : evenGrid(interval, zone);
  const rows = options.bars
    ? barRows(grid)
    : !session
      ? plainRows(interval)
      : days > 0
        ? dayRows(days, session)
        : openRows(interval, session);
  return {
    interval,
    bars: options.bars === true,
    ...grid,
    after: (time, steps) => Math.min(rows.after(time, steps), LAST_INSTANT),
    steps: rows.steps,
    isOpen: (time) => !session || session.isOpen(time),
    offset: session || (options.bars && days > 0) ? () => 0 : (time) => zone.offset(time),
    phases: phases(zone),
  };
}

/** Milliseconds of an option that must be a positive duration; throws `WINDOW_DURATION`. */
export function positive(option: string, value: number | string): number {
  const ms = milliseconds(value);
  if (!(ms > 0 && ms < Infinity)) throw new TidecastError('WINDOW_DURATION', { [option]: value });
  return ms;
}

type Rows = Pick<Calendar, 'after' | 'steps'>;

function plainRows(interval: number): Rows {
  return { after: (time, steps) => time + steps * interval, steps: (from, to) => (to - from) / interval };
}

function barRows(grid: Grid): Rows {
  return {
    after: (time, steps) => grid.end(stamped(grid, time) + steps),
    steps: (from, to) => stamped(grid, to) - stamped(grid, from),
  };
}

/** Daily rows of a market: the same time of day, so many sessions later. */
function dayRows(days: number, session: Session): Rows {
  const { zone } = session;
  return {
    after: (time, steps) => {
      if (steps === 0) return time;
      const local = zone.local(time);
      const day = Math.floor(local / DAY);
      // a day without a session stands just before the next one
      const rank = session.rank(day) - (session.open(day) ? 0 : 1);
      return zone.instant(session.nth(rank + steps * days) * DAY + (local - day * DAY));
    },
    steps: (from, to) => (session.rank(zone.day(to)) - session.rank(zone.day(from))) / days,
  };
}

/** Rows within sessions: open time is laid end to end; a row on the seam counts as the close. */
function openRows(interval: number, session: Session): Rows {
  const { length } = session;
  const openTime = (time: number): number => {
    const day = session.latest(time);
    return session.rank(day) * length + Math.min(time - session.opensAt(day), length);
  };
  return {
    after: (time, steps) => {
      if (steps === 0) return time;
      const at = openTime(time) + steps * interval;
      const rank = Math.ceil(at / length) - 1;
      const day = session.nth(rank);
      return Math.min(session.opensAt(day) + (at - rank * length), session.closesAt(day));
    },
    steps: (from, to) => (openTime(to) - openTime(from)) / interval,
  };
}

const SLOTS = 1024;

/** Many series share a time, so the last answers are kept, one a slot. */
function phases(zone: TimeZone): Calendar['phases'] {
  const times = new Float64Array(SLOTS).fill(NaN);
  const known = new Float64Array(SLOTS * 4);
  const turn = 2 * Math.PI;
  return (time, into, at) => {
    const slot = remainder(Math.floor(time / 1000), SLOTS);
    if (times[slot] !== time) {
      const local = zone.local(time);
      const day = local / DAY;
      // 1970-01-01 was a Thursday, and weeks begin on Monday
      const week = (day + 3) / 7;
      const ofDay = turn * (day - Math.floor(day));
      const ofWeek = turn * (week - Math.floor(week));
      known[slot * 4] = sin(ofDay);
      known[slot * 4 + 1] = cos(ofDay);
      known[slot * 4 + 2] = sin(ofWeek);
      known[slot * 4 + 3] = cos(ofWeek);
      times[slot] = time;
    }
    for (let i = 0; i < 4; i++) into[at + i] = known[slot * 4 + i]!;
  };
}
