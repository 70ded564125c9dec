/** Guards a series' clock against a lone tick from the far future, which would make every later tick late. */
import type { Column, Lanes } from '../core/lanes.ts';

/**
 * A tick more than `max` ms ahead of its series' newest accepted one is refused. After `patience` refused ticks in a row, each at
 * a later time than the one before and at most `max` from it, the next such tick is believed: the series did pause for so long.
 * Copies of one tick do not count twice. A series' first tick has nothing to be compared with and is believed.
 */
export class Ahead {
  readonly max: number;
  readonly #patience: number;
  /** Newest accepted time when the refusals began, newest refused time, refused so far. */
  readonly #refused: Column<Float64Array>;

  constructor(lanes: Lanes, options: { readonly max: number; readonly patience: number }) {
    this.max = options.max;
    this.#patience = options.patience;
    this.#refused = lanes.f64('clean.ahead', 3);
  }

  /** `newest` is the series' newest accepted time, NaN before its first tick. Times are epoch ms. */
  refuses(lane: number, time: number, newest: number): boolean {
    if (!(time - newest > this.max)) return false;
    const refused = this.#refused.data;
    const at = lane * 3;
    // the refusals are consecutive as long as the series' clock stood still
    const agrees = refused[at + 2]! > 0 && refused[at] === newest && Math.abs(time - refused[at + 1]!) <= this.max;
    if (agrees && time > refused[at + 1]!) {
      refused[at + 1] = time;
      refused[at + 2]! += 1;
    } else if (!agrees) {
      refused[at] = newest;
      refused[at + 1] = time;
      refused[at + 2] = 1;
    }
    return refused[at + 2]! <= this.#patience;
  }
}
