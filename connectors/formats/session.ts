/** Opening hours of a market, in its own time zone. */
import { WallClock } from './time.ts';

const DAY = 86_400_000;

/** A stretch of event time: `from` inclusive, `to` exclusive, epoch ms. */
export interface Opening {
  readonly from: number;
  readonly to: number;
}

/** The hours between an opening and a closing time on some days of the week. */
export class Session {
  readonly #open: number;
  readonly #close: number;
  readonly #days: ReadonlySet<number>;
  readonly #clock: WallClock;

  /** `open` and `close` in ms since midnight; `days` 0 (Sunday) to 6. */
  constructor(open: number, close: number, days: readonly number[], zone: string) {
    this.#open = open;
    this.#close = close;
    this.#days = new Set(days);
    this.#clock = new WallClock(zone);
  }

  /** What is left of the session at a moment, or the next one. */
  at(time: number): Opening {
    const wall = time + this.#clock.offset(time);
    for (let day = Math.floor(wall / DAY); ; day++) {
      // 1970-01-01 was a Thursday
      if (!this.#days.has((((day + 4) % 7) + 7) % 7)) continue;
      const to = this.#clock.utc(day * DAY + this.#close);
      if (to > time) return { from: Math.max(time, this.#clock.utc(day * DAY + this.#open)), to };
    }
  }
}
