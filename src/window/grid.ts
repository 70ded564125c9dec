/** Where bars begin and end: even stretches of time, local days, or stretches of market sessions. */
import type { Session } from './session.ts';
import { DAY, type TimeZone } from './zone.ts';

/**
 * A numbering of bars. Bar `i` holds the instants from `end(i - 1)` (inclusive) to `end(i)` (exclusive) and is stamped with
 * `end(i)`; consecutive numbers are consecutive bars, whatever lies between them on the calendar. Instants are epoch ms.
 */
export interface Grid {
  /** The bar that an instant belongs to. */
  index(time: number): number;
  /** The end of a bar, which is its stamp. */
  end(index: number): number;
}

/** Bars of equal length, aligned to the zone's midnight in standard time. */
export function evenGrid(interval: number, zone: TimeZone): Grid {
  // one phase for all time: with daylight saving in it, two hours of every autumn would share their numbers
  const phase = Math.min(zone.offset(Date.UTC(2020, 0, 1)), zone.offset(Date.UTC(2020, 6, 1)));
  return {
    index: (time) => stretches(-phase, time, interval),
    end: (index) => (index + 1) * interval - phase,
  };
}

/** Bars of whole local days, which have 23 or 25 hours when the clock is changed. Weeks begin on Monday. */
export function dayGrid(days: number, zone: TimeZone): Grid {
  const shift = days % 7 === 0 ? 3 : 0;
  return {
    index: (time) => Math.floor((zone.day(time) + shift) / days),
    end: (index) => zone.instant(((index + 1) * days - shift) * DAY),
  };
}

/**
 * Bars inside sessions, aligned to the opening; the last of a session is cut at the close. What happens while the market is
 * closed belongs to the next bar, the first that can know of it. Every session has the same number of bars: where the clock is
 * changed within one, its last bar takes the extra hour, or its last bars have no length.
 */
export function sessionGrid(interval: number, session: Session): Grid {
  const perSession = Math.ceil(session.length / interval);
  return {
    index: (time) => {
      const day = session.latest(time);
      const first = session.rank(day) * perSession;
      if (time >= session.closesAt(day)) return first + perSession;
      return first + Math.min(stretches(session.opensAt(day), time, interval), perSession - 1);
    },
    end: (index) => {
      const rank = Math.floor(index / perSession);
      const day = session.nth(rank);
      const close = session.closesAt(day);
      const bar = index - rank * perSession;
      return bar === perSession - 1 ? close : Math.min(session.opensAt(day) + (bar + 1) * interval, close);
    },
  };
}

/** Bars of `days` whole sessions, each ending with the last one's close. */
export function sessionDayGrid(days: number, session: Session): Grid {
  return {
    index: (time) => {
      const day = session.latest(time);
      return Math.floor((session.rank(day) + (time >= session.closesAt(day) ? 1 : 0)) / days);
    },
    end: (index) => session.closesAt(session.nth((index + 1) * days - 1)),
  };
}

/** The bar that is stamped with `time`, or, for another instant, the one that holds it. */
export function stamped(grid: Grid, time: number): number {
  const index = grid.index(time);
  return grid.end(index - 1) >= time ? index - 1 : index;
}

/** Whole stretches of a length between two instants. */
function stretches(from: number, to: number, length: number): number {
  const count = Math.floor((to - from) / length);
  // the quotient of an instant just before a boundary may round up to it
  return from + count * length > to ? count - 1 : count;
}
