/** Market hours: which days are open, from when to when, in which zone. */
import { TidecastError } from '../core/errors.ts';
import { DAY, TimeZone } from './zone.ts';

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** Hours of a market, as a pipeline file writes them. */
export interface SessionOptions {
  /** `mon-fri`, or a list: `[mon, wed, sat-sun]`. Default: `mon-fri`. */
  readonly days?: string | readonly string[] | undefined;
  /** Local time of the opening, `HH:MM`. */
  readonly open: string;
  /** Local time of the close, `HH:MM` up to `24:00`; at or before `open` it means the next day. */
  readonly close: string;
  /** IANA name. Default: the pipeline's zone. */
  readonly time_zone?: string | undefined;
  /** Local dates, `YYYY-MM-DD`, on which the market stays closed. */
  readonly holidays?: readonly string[] | undefined;
}

/**
 * Sessions are numbered: `rank(day)` open days lie before a day, `nth(rank)` is the day of a session. Days are local day numbers
 * (0 is 1970-01-01). A session that runs over midnight belongs to the day on which it opens.
 * Throws `WINDOW_SESSION` for hours that cannot be read or never open.
 */
export class Session {
  readonly zone: TimeZone;
  /** Nominal length in ms: daylight saving inside a session is not counted. */
  readonly length: number;
  readonly #from: number;
  readonly #to: number;
  readonly #week: readonly boolean[];
  /** Open weekdays before each weekday, Monday first. */
  readonly #before: readonly number[];
  readonly #perWeek: number;
  /** Holidays on open weekdays, ascending. */
  readonly #holidays: readonly number[];

  constructor(options: SessionOptions, zone: TimeZone) {
    this.zone = options.time_zone === undefined ? zone : new TimeZone(options.time_zone);
    this.#from = clockTime(options.open, 'open');
    const close = clockTime(options.close, 'close');
    this.#to = close > this.#from ? close : close + DAY;
    this.length = this.#to - this.#from;
    this.#week = weekdays(options.days ?? 'mon-fri');
    this.#before = this.#week.map((_, at) => this.#week.slice(0, at).filter(Boolean).length);
    this.#perWeek = this.#week.filter(Boolean).length;
    const closed = new Set((options.holidays ?? []).map(dayOf).filter((day) => this.#weekday(day)));
    this.#holidays = [...closed].sort((a, b) => a - b);
  }

  /** Whether there is a session on that day. */
  open(day: number): boolean {
    return this.#weekday(day) && this.#holidaysBefore(day + 1) === this.#holidaysBefore(day);
  }

  /** Whether the market is open at an instant (epoch ms). */
  isOpen(time: number): boolean {
    return time < this.closesAt(this.latest(time));
  }

  /** Day of the last session that opened at or before an instant. */
  latest(time: number): number {
    const day = this.zone.day(time);
    if (this.open(day) && this.opensAt(day) <= time) return day;
    return this.nth(this.rank(day) - 1);
  }

  /** Opening of a day's session, epoch ms. */
  opensAt(day: number): number {
    return this.zone.instant(day * DAY + this.#from);
  }

  /** Close of a day's session, epoch ms. */
  closesAt(day: number): number {
    return this.zone.instant(day * DAY + this.#to);
  }

  /** Number of sessions on days before `day`, counted from the week of 1970-01-01. */
  rank(day: number): number {
    const week = Math.floor((day + 3) / 7);
    return week * this.#perWeek + this.#before[day + 3 - week * 7]! - this.#holidaysBefore(day);
  }

  /** The day of session number `rank`. */
  nth(rank: number): number {
    let among = rank;
    for (;;) {
      const day = this.#nthWeekday(among);
      const wanted = rank + this.#holidaysBefore(day + 1);
      if (!(wanted > among)) return day;
      among = wanted;
    }
  }

  #nthWeekday(n: number): number {
    const week = Math.floor(n / this.#perWeek);
    const inWeek = n - week * this.#perWeek;
    return week * 7 - 3 + this.#before.findIndex((before, at) => before === inWeek && this.#week[at]);
  }

  #weekday(day: number): boolean {
    return this.#week[day + 3 - Math.floor((day + 3) / 7) * 7]!;
  }

  #holidaysBefore(day: number): number {
    let low = 0;
    let high = this.#holidays.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#holidays[middle]! < day) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function clockTime(text: string, option: string): number {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text);
  const minutes = match ? Number(match[1]) * 60 + Number(match[2]) : NaN;
  if (!(minutes <= 1440) || Number(match![2]) > 59) throw new TidecastError('WINDOW_SESSION', { [option]: text });
  return minutes * 60_000;
}

function weekdays(days: string | readonly string[]): boolean[] {
  const open = WEEKDAYS.map(() => false);
  for (const part of typeof days === 'string' ? days.split(',') : days) {
    const [from, to = from] = part
      .trim()
      .toLowerCase()
      .split('-')
      .map((name) => WEEKDAYS.indexOf(name.trim()));
    if (from === undefined || to === undefined || from < 0 || to < 0) throw new TidecastError('WINDOW_SESSION', { days: part });
    for (let day = from; ; day = (day + 1) % 7) {
      open[day] = true;
      if (day === to) break;
    }
  }
  if (!open.includes(true)) throw new TidecastError('WINDOW_SESSION', { days: '' });
  return open;
}

function dayOf(date: string): number {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : NaN;
  if (time !== time) throw new TidecastError('WINDOW_SESSION', { holiday: date });
  return time / DAY;
}
