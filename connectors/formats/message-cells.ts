/** What the cells of a tick mean: one set of rules for JSON and CSV. */
import { parseNumber } from './csv-rows.ts';
import { textIdentity } from './identity.ts';
import { readIsoTime } from './json-number.ts';
import type { MessageSettings } from './message-fields.ts';
import { fromUnit, parseTime, plausible, WallClock } from './time.ts';

/** Reads times as the settings say. */
export class TickTimes {
  readonly #unit: MessageSettings['unit'];
  readonly #anyTime: boolean;
  readonly #clock: WallClock;
  readonly #utc: boolean;

  constructor(settings: Pick<MessageSettings, 'unit' | 'time_zone' | 'allow_any_time'>) {
    this.#unit = settings.unit;
    this.#anyTime = settings.allow_any_time;
    this.#clock = new WallClock(settings.time_zone);
    this.#utc = settings.time_zone === 'UTC';
  }

  /** Whether a time can be meant; NaN cannot. */
  accepts(time: number): boolean {
    return this.#anyTime ? Number.isFinite(time) : plausible(time);
  }

  /** Epoch milliseconds of a number; unlike those of a text they may be anything. */
  ofNumber(value: number): number {
    return this.#unit === undefined ? value : fromUnit(value, this.#unit);
  }

  /** Epoch milliseconds of a text, NaN where it is none. */
  ofText(text: string): number {
    if (this.#unit !== undefined) return fromUnit(parseNumber(text), this.#unit);
    const time = readIsoTime(text, this.#utc);
    return Number.isNaN(time) ? parseTime(text.trim(), this.#clock) : time;
  }
}

/** The finite number that a text is, or NaN. */
export function finiteNumber(text: string): number {
  const value = parseNumber(text);
  return Number.isFinite(value) ? value : NaN;
}

/** The identity that a text is: whole numbers as they are, others hashed, nothing NaN. */
export function identityOf(text: string): number {
  if (text === '') return NaN;
  return /^\d{1,15}$/.test(text) ? Number(text) : textIdentity(text);
}
