/** A time zone's offset from UTC at any instant, daylight saving included. */
import { TidecastError } from '../core/errors.ts';

export const DAY = 86_400_000;
const QUARTER = 900_000;
/** The last instant that a JavaScript date can name, epoch ms; the first is its negative. */
export const LAST_INSTANT = 8.64e15;

/**
 * One IANA zone, or `UTC`. All answers are pure functions of their arguments; what is cached is only what was worked out.
 * Throws `WINDOW_TIME_ZONE` for a name that the runtime does not know.
 */
export class TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat | undefined;
  /** UTC day -> the offset of the whole day, or NaN when the offset changes within it. */
  readonly #days = new Map<number, number>();
  readonly #quarters = new Map<number, number>();
  #day = NaN;
  #offset = NaN;

  constructor(name: string) {
    this.name = name;
    if (name === 'UTC') return;
    try {
      this.#format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
    } catch (cause) {
      throw new TidecastError('WINDOW_TIME_ZONE', { time_zone: name }, { cause });
    }
  }

  /** Milliseconds to add to `time` (epoch ms) to get the zone's wall clock, as if that were UTC. */
  offset(time: number): number {
    if (!this.#format) return 0;
    const day = Math.floor(time / DAY);
    if (day === this.#day) return this.#offset;
    const whole = this.#wholeDay(day);
    if (whole !== whole) return this.#look(this.#quarters, Math.floor(time / QUARTER), QUARTER);
    this.#day = day;
    this.#offset = whole;
    return whole;
  }

  /** Wall clock of an instant, in ms since 1970-01-01 00:00 of that clock. */
  local(time: number): number {
    return time + this.offset(time);
  }

  /** Number of the local day: 0 is 1970-01-01. */
  day(time: number): number {
    return Math.floor(this.local(time) / DAY);
  }

  /**
   * The instant (epoch ms) at which the wall clock shows `local`: the first of two where the clock is set back, and moved on by
   * the missing hour where it is set forward.
   */
  instant(local: number): number {
    const before = this.offset(local - DAY);
    const after = this.offset(local + DAY);
    const early = local - before;
    if (before === after || this.offset(early) === before) return early;
    const late = local - after;
    return this.offset(late) === after ? late : early;
  }

  #wholeDay(day: number): number {
    const known = this.#days.get(day);
    if (known !== undefined) return known;
    const from = this.#look(this.#quarters, day * (DAY / QUARTER), QUARTER);
    const to = this.#look(this.#quarters, (day + 1) * (DAY / QUARTER), QUARTER);
    const whole = from === to ? from : NaN;
    if (this.#days.size > 50_000) this.#days.clear();
    this.#days.set(day, whole);
    return whole;
  }

  #look(cache: Map<number, number>, slot: number, width: number): number {
    const known = cache.get(slot);
    if (known !== undefined) return known;
    const offset = this.#ask(slot * width);
    if (cache.size > 50_000) cache.clear();
    cache.set(slot, offset);
    return offset;
  }

  #ask(time: number): number {
    if (time !== time) return NaN;
    const inside = Math.max(-LAST_INSTANT, Math.min(LAST_INSTANT, time));
    const text = this.#format!.formatToParts(inside).find((part) => part.type === 'timeZoneName')!.value;
    const match = /^GMT(?:([+-])(\d{2}):(\d{2})(?::(\d{2}))?)?$/.exec(text);
    if (!match) throw new TidecastError('INTERNAL', { time_zone: this.name, offset: text });
    const seconds = Number(match[2] ?? 0) * 3600 + Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
    return (match[1] === '-' ? -1000 : 1000) * seconds;
  }
}
