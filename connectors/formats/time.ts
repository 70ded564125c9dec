/** Times as files have them, and what they are in epoch milliseconds. */
import type { TimeUnit } from './arrow-schema.ts';

const PER_SECOND = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 } as const;
const DAY = 86_400_000;

/**
 * Epoch milliseconds of 64-bit counts of a unit.
 *
 * Whole milliseconds come out exact. Finer times keep their fraction, rounded to a double's 0.2 microseconds.
 */
export function epochMilliseconds(words: Int32Array, unit: TimeUnit): Float64Array {
  const n = words.length >> 1;
  const times = new Float64Array(n);
  if (unit === 's' || unit === 'ms') {
    const scale = unit === 's' ? 1000 : 1;
    for (let i = 0; i < n; i++) times[i] = (words[2 * i + 1]! * 4294967296 + (words[2 * i]! >>> 0)) * scale;
    return times;
  }
  // 2^32 = whole * per + rest, so that nothing beyond 2^53 appears on the way
  const per = PER_SECOND[unit] / 1000;
  const whole = Math.floor(4294967296 / per);
  const rest = 4294967296 - whole * per;
  for (let i = 0; i < n; i++) {
    const high = words[2 * i + 1]!;
    const low = high * rest + (words[2 * i]! >>> 0);
    const steps = Math.floor(low / per);
    times[i] = high * whole + steps + (low - steps * per) / per;
  }
  return times;
}

/** Epoch milliseconds of a number counted in a unit. */
export function fromUnit(value: number, unit: TimeUnit): number {
  return unit === 's' ? value * 1000 : value / (PER_SECOND[unit] / 1000);
}

const EARLIEST = Date.UTC(1980, 0, 1);
const LATEST = Date.UTC(2200, 0, 1);

/** Whether a time lies in 1980 to 2200: times in the wrong unit do not. */
export function plausible(time: number): boolean {
  return time >= EARLIEST && time < LATEST;
}

/** The unit in which a number that was read in `unit` would be a plausible time, if there is one. */
export function likelyUnit(time: number, unit: TimeUnit): TimeUnit | undefined {
  const count = time * (PER_SECOND[unit] / 1000);
  return (['s', 'ms', 'us', 'ns'] as const).find((other) => other !== unit && plausible(fromUnit(count, other)));
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?\s*(Z|UTC|[+-]\d\d(?::?\d\d)?)?$/i;

/**
 * Epoch milliseconds of `2014-07-01`, `2014-07-01 00:30:00`, `2014-07-01T00:30:00.250Z`, `... +02:00`; NaN for anything else.
 * A text without zone is a wall time in `zone`.
 */
export function parseTime(text: string, zone: WallClock): number {
  const match = ISO.exec(text);
  if (!match) return NaN;
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((i) => Number(match[i] ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = Date.UTC(year, month - 1, day);
  // Date.UTC turns February 30 into March 2
  if (new Date(date).getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) return NaN;
  const fraction = match[7] ? Number(`0.${match[7]}`) * 1000 : 0;
  const wall = date + (hour * 60 + minute) * 60_000 + second * 1000 + fraction;
  const offset = match[8];
  if (!offset) return zone.utc(wall);
  if (/^(z|utc)$/i.test(offset)) return wall;
  const sign = offset.startsWith('-') ? -1 : 1;
  const digits = offset.slice(1).replace(':', '');
  return wall - sign * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0)) * 60_000;
}

/** Whether the machine knows a time zone's name. */
export function knownZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/**
 * The wall clock of a time zone.
 *
 * A wall time that occurs twice (clocks set back) means the first; one that never occurs (clocks set forward) is moved on by the gap.
 */
export class WallClock {
  readonly #format: Intl.DateTimeFormat | undefined;
  /** Wall day -> offset in ms, or NaN where it changes nearby. */
  readonly #days = new Map<number, number>();
  readonly #quarters = new Map<number, number>();

  constructor(zone = 'UTC') {
    if (zone === 'UTC') return;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
      era: 'short',
    });
  }

  /** Epoch ms of a wall time, given as if it were UTC. */
  utc(wall: number): number {
    if (!this.#format || !Number.isFinite(wall) || Math.abs(wall) > 8e15) return wall;
    const day = Math.floor(wall / DAY);
    let offset = this.#days.get(day);
    if (offset === undefined) {
      const before = this.offset((day - 1) * DAY);
      offset = before === this.offset((day + 2) * DAY) ? before : NaN;
      this.#days.set(day, offset);
    }
    return wall - (Number.isNaN(offset) ? this.#near(wall) : offset);
  }

  /** Turns wall times into epoch ms in place. */
  utcAll(walls: Float64Array): void {
    if (!this.#format) return;
    for (let i = 0; i < walls.length; i++) walls[i] = this.utc(walls[i]!);
  }

  /** Wall time, as if it were UTC, minus UTC, at an instant; in ms. */
  offset(instant: number): number {
    if (!this.#format) return 0;
    const at = Math.floor(instant / 1000) * 1000;
    const parts: Record<string, string> = {};
    for (const { type, value } of this.#format.formatToParts(at)) parts[type] = value;
    const year = parts['era'] === 'BC' ? 1 - Number(parts['year']) : Number(parts['year']);
    const wall = new Date(0);
    wall.setUTCFullYear(year, Number(parts['month']) - 1, Number(parts['day']));
    wall.setUTCHours(Number(parts['hour']), Number(parts['minute']), Number(parts['second']));
    return wall.getTime() - at;
  }

  #near(wall: number): number {
    const quarter = Math.floor(wall / 900_000);
    let offset = this.#quarters.get(quarter);
    if (offset === undefined) {
      const start = quarter * 900_000;
      const before = this.offset(start - DAY);
      const after = this.offset(start + DAY);
      // in a gap neither fits: the offset before it moves the time on
      offset = this.offset(start - before) === before || this.offset(start - after) !== after ? before : after;
      this.#quarters.set(quarter, offset);
    }
    return offset;
  }
}
