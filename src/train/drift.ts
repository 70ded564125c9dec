/** Drift: which series have moved away from what the weights were trained on, and whether that is reason to train early. */
import { ROW_IMPUTED, ROW_RESET } from '../core/batch.ts';
import type { EventBus } from '../core/events.ts';
import type { Column, Lanes } from '../core/lanes.ts';
import type { Saved, State, Stateful } from '../core/state.ts';
import type { Wave } from '../forecast/forecaster.ts';
import { Adwin } from './adwin.ts';
import { InputBlocks } from './input-blocks.ts';

export interface DriftOptions {
  readonly channels: readonly string[];
  /** The first `targets` channels are forecast. */
  readonly targets: number;
  readonly horizon: number;
  /** Rows in the main season, if there is one. */
  readonly season: number | undefined;
  /** Watches the forecast error, and the inputs. */
  readonly error: boolean;
  readonly inputs: boolean;
  /** Share of the series with rows since the last training that must have drifted; one is always enough where that is less. */
  readonly share: number;
  /** Event time after a training in which drift is not acted upon, ms. */
  readonly coolDown: number;
  readonly events: EventBus;
}

/** Rows of a block where there is no season. */
const BLOCK = 32;
const SUMS = 4;
/** A window's mean further off the middle than this asks for a new scale. */
const MIDDLE = 0.25;

/**
 * Watches every series and sums up over all of them.
 *
 * Rows are taken in blocks of one season, so that a season is no drift. Of the error e one step ahead, {@link Adwin} sees each block's
 * mean of |e| / (|e| + s), a number between 0 and 1; s is what |e| was in one block, and is taken anew when the window's mean has left the
 * middle. Of each channel, Page-Hinkley sees level and scale ({@link InputBlocks}).
 *
 * What a series remembers depends on its own rows only, and whether a training is due at T only on how many series had rows, and drifted,
 * since the last one: so, where all rows up to T and no others are in, not on the order in which series came.
 */
export class Drift implements Stateful {
  readonly #o: DriftOptions;
  readonly #lanes: Lanes;
  readonly #block: number;
  readonly #adwin: Adwin | undefined;
  readonly #inputs: InputBlocks | undefined;
  /** Rows of the open block, and event times of the newest row and the newest detection. */
  readonly #rows: Column<Int32Array>;
  readonly #times: Column<Float64Array>;
  /** Last value of each channel. */
  readonly #last: Column<Float64Array>;
  /** Per target: sum and number of the open block's scaled errors, sum of |error| itself, and the scale. */
  readonly #sums: Column<Float64Array>;
  /** Event times: the last training, and the newest row that it was counted with. */
  #trained = -Infinity;
  #since = -Infinity;
  #active = 0;
  #drifted = 0;

  constructor(state: State, options: DriftOptions) {
    const { lanes } = state;
    const { channels, targets, season = BLOCK } = options;
    this.#o = options;
    this.#lanes = lanes;
    this.#block = season;
    this.#adwin = options.error ? new Adwin(lanes, { name: 'drift.error', cells: targets, draws: season }) : undefined;
    this.#inputs = options.inputs ? new InputBlocks(lanes, channels.length, season) : undefined;
    this.#rows = lanes.i32('drift.rows');
    this.#times = lanes.f64('drift.times', 2, -Infinity);
    this.#last = lanes.f64('drift.last', channels.length, NaN);
    this.#sums = lanes.f64('drift.sums', targets * SUMS);
    state.add('drift', this);
  }

  /** Learns from a wave; `errors[index[k] x targets x horizon ..]` are the errors of what was forecast for its row k. */
  step(wave: Wave, index: Int32Array, errors: Float64Array): void {
    for (let k = 0; k < wave.rows; k++) this.#row(wave, k, errors, index[k]!);
  }

  /** Whether enough series have drifted for a training at this event time. */
  due(time: number): boolean {
    const { share, coolDown } = this.#o;
    return this.#drifted > 0 && this.#drifted >= share * this.#active && time - this.#trained >= coolDown;
  }

  /** A training took place for a trigger; `newest`: the newest row that went through before. */
  restart(trigger: number, newest: number): void {
    this.#trained = trigger;
    this.#since = newest;
    this.#active = 0;
    this.#drifted = 0;
  }

  #row(wave: Wave, k: number, errors: Float64Array, row: number): void {
    const lane = wave.lanes[k]!;
    const time = wave.times[k]!;
    const flags = wave.flags[k]!;
    const times = this.#times.data;
    if (times[lane * 2]! <= this.#since && time > this.#since) this.#active++;
    times[lane * 2] = time;
    if (flags & ROW_IMPUTED) return;
    const { channels, targets, horizon } = this.#o;
    const last = this.#last.data;
    if (flags & ROW_RESET) last.fill(NaN, lane * channels.length, (lane + 1) * channels.length);
    for (let c = 0; c < channels.length; c++) {
      const value = wave.values[k * wave.channels + c]!;
      const at = lane * channels.length + c;
      const change = Math.abs(value - last[at]!);
      last[at] = value;
      this.#inputs?.add(lane, c, value, change);
      if (c < targets) this.#learn((lane * targets + c) * SUMS, Math.abs(errors[(row * targets + c) * horizon]!));
    }
    this.#rows.data[lane] = this.#rows.data[lane]! + 1;
    if (this.#rows.data[lane]! === this.#block) this.#close(lane, time);
  }

  #close(lane: number, time: number): void {
    const { channels, targets } = this.#o;
    this.#rows.data[lane] = 0;
    for (let c = 0; c < channels.length; c++) if (this.#inputs?.close(lane, c)) this.#found(lane, time, 'page-hinkley', c);
    if (this.#adwin) for (let t = 0; t < targets; t++) if (this.#closeError(lane, t)) this.#found(lane, time, 'adwin', t);
  }

  /** The error of a row; not a number where nothing was forecast for it. */
  #learn(at: number, error: number): void {
    if (!(error < Infinity)) return;
    const sums = this.#sums.data;
    const scale = sums[at + 3]!;
    if (scale > 0) sums[at] = sums[at]! + error / (error + scale);
    sums[at + 1] = sums[at + 1]! + 1;
    sums[at + 2] = sums[at + 2]! + error;
  }

  /** Whether the error has grown. A block with half of its errors missing is passed over. */
  #closeError(lane: number, target: number): boolean {
    const sums = this.#sums.data;
    const at = (lane * this.#o.targets + target) * SUMS;
    const [sum, n, absolute, scale] = [sums[at]!, sums[at + 1]!, sums[at + 2]!, sums[at + 3]!];
    sums.fill(0, at, at + 3);
    if (n * 2 < this.#block) return false;
    if (scale === 0) {
      sums[at + 3] = absolute / n;
      return false;
    }
    const adwin = this.#adwin!;
    const moved = adwin.add(lane, target, sum / n);
    if (moved !== 0 && Math.abs(adwin.window(lane, target).mean - 0.5) > MIDDLE) {
      sums[at + 3] = absolute / n;
      adwin.clear(lane, target);
    }
    return moved > 0;
  }

  #found(lane: number, time: number, detector: 'adwin' | 'page-hinkley', channel: number): void {
    const at = lane * 2 + 1;
    if (this.#times.data[at]! <= this.#since) this.#drifted++;
    this.#times.data[at] = time;
    this.#o.events.emit('drift.detected', { series: this.#lanes.keys[lane]!, detector, of: this.#o.channels[channel]!, time });
  }

  snapshot(): Saved {
    return Float64Array.of(this.#trained, this.#since, this.#active, this.#drifted);
  }

  restore(saved: Saved): void {
    [this.#trained, this.#since, this.#active, this.#drifted] = saved as unknown as [number, number, number, number];
  }
}
