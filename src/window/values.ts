/** What a tick's values must be: finite targets, no wild jump; and what stands in for a missing covariate. */
import type { Column, Lanes } from '../core/lanes.ts';

export interface ValuesOptions {
  /** The first `targets` of `channels` are forecast, the others are covariates. */
  readonly targets: number;
  readonly channels: number;
  /** Largest believable change of a target from its last accepted value, in its own unit; undefined: any. */
  readonly maxJump: number | undefined;
  /** How many jumps in a row that agree are refused before the new level is believed. */
  readonly patience: number;
}

/** Whether every target of a row is finite. 1e308 is. */
export function finiteTargets(channels: readonly Float64Array[], row: number, targets: number): boolean {
  for (let c = 0; c < targets; c++) {
    const value = channels[c]![row]!;
    if (value - value !== 0) return false;
  }
  return true;
}

/**
 * The last accepted values of each series.
 *
 * A jump is refused when any target moved by more than `maxJump`, up or down. After `patience` refused rows in a row, each at a
 * later time than the one before and within `maxJump` of it, the next such row is accepted as the new level, so that a real
 * shift does not silence a series. A covariate that is missing keeps its last value, or 0 before its first.
 */
export class Values {
  /** Whether the last row taken had a missing covariate filled in. */
  carried = false;
  readonly #targets: number;
  readonly #channels: number;
  readonly #maxJump: number;
  readonly #patience: number;
  /** `channels` last accepted values; NaN before the first. */
  readonly #last: Column<Float64Array>;
  /** `targets` last refused values, their time, how many in a row. */
  readonly #refused: Column<Float64Array> | undefined;

  constructor(lanes: Lanes, options: ValuesOptions) {
    this.#targets = options.targets;
    this.#channels = options.channels;
    this.#maxJump = options.maxJump ?? Infinity;
    this.#patience = options.patience;
    this.#last = lanes.f64('clean.values', this.#channels, NaN);
    this.#refused = options.maxJump === undefined ? undefined : lanes.f64('clean.jump', this.#targets + 2);
  }

  /** Judges `values[at .. at + channels)` and fills in missing covariates there; false: it is a jump, and nothing was kept. */
  take(lane: number, time: number, values: Float64Array, at: number): boolean {
    const last = this.#last.data;
    const own = lane * this.#channels;
    if (this.#refused && this.#jumps(lane, time, values, at, last, own)) return false;
    this.carried = false;
    for (let c = 0; c < this.#targets; c++) last[own + c] = values[at + c]!;
    for (let c = this.#targets; c < this.#channels; c++) {
      const value = values[at + c]!;
      if (value - value === 0) {
        last[own + c] = value;
        continue;
      }
      const before = last[own + c]!;
      values[at + c] = before === before ? before : 0;
      this.carried = true;
    }
    return true;
  }

  #jumps(lane: number, time: number, values: Float64Array, at: number, last: Float64Array, own: number): boolean {
    const refused = this.#refused!.data;
    const pending = lane * (this.#targets + 2);
    const when = pending + this.#targets;
    const count = when + 1;
    let jumps = false;
    let agrees = refused[count]! > 0;
    for (let c = 0; c < this.#targets; c++) {
      // NaN, before the first row, is no jump
      if (Math.abs(values[at + c]! - last[own + c]!) > this.#maxJump) jumps = true;
      if (Math.abs(values[at + c]! - refused[pending + c]!) > this.#maxJump) agrees = false;
    }
    if (!jumps) {
      refused[count] = 0;
      return false;
    }
    if (!agrees) refused[count] = 1;
    else if (time > refused[when]!) refused[count]! += 1;
    for (let c = 0; c < this.#targets; c++) refused[pending + c] = values[at + c]!;
    refused[when] = time;
    if (refused[count]! <= this.#patience) return true;
    refused[count] = 0;
    return false;
  }
}
