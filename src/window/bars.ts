/** Cuts each series' ticks into bars by event time: tumbling, or sliding by a fraction of their length. */
import type { Column, Lanes } from '../core/lanes.ts';
import type { State } from '../core/state.ts';
import { Away } from './away.ts';
import type { Fields } from './fields.ts';
import type { Grid } from './grid.ts';

/** Takes a closed bar: `missing` bars without ticks lie between it and the series' one before. */
export type BarClosed = (lane: number, end: number, missing: number, values: Float64Array, still: Float64Array) => void;

export interface BarOptions {
  /** The panes: stretches as long as the slide (or the whole bar, where it does not slide). */
  readonly grid: Grid;
  /** Panes in a bar: 1 for tumbling bars. */
  readonly panes: number;
  readonly fields: Fields;
  readonly closed: BarClosed;
}

/**
 * A bar is the ticks of `[end - length, end)` and is stamped with its end. It closes when its series has a tick at or after the
 * end, or when `close` says that none before it will come. A bar without ticks is never made.
 *
 * State: lane columns `bars.*`, and the part `bars.away`. Sums add the ticks of each pane in order, then the panes in order.
 */
export class Bars {
  readonly #options: BarOptions;
  readonly #width: number;
  /** The newest pane with ticks: earliest time that still belongs to it, its end, its number. */
  readonly #from: Column<Float64Array>;
  readonly #end: Column<Float64Array>;
  readonly #pane: Column<Float64Array>;
  /** The earliest bar that is not closed: its number, and its end or Infinity when it has no ticks. */
  readonly #next: Column<Float64Array>;
  readonly #due: Column<Float64Array>;
  /** Number of the last bar closed; NaN before the first. */
  readonly #closed: Column<Float64Array>;
  /** The last `panes` panes, at their number modulo `panes`, and which they are. */
  readonly #sums: Column<Float64Array>;
  readonly #held: Column<Float64Array>;
  readonly #lanes: Lanes;
  readonly #away: Away;
  readonly #bar: Float64Array;
  readonly #values: Float64Array;
  readonly #still: Float64Array;

  constructor(state: State, options: BarOptions) {
    const { lanes } = state;
    this.#options = options;
    const { fields, panes } = options;
    this.#width = fields.width;
    this.#from = lanes.f64('bars.from', 1, -Infinity);
    this.#end = lanes.f64('bars.end', 1, -Infinity);
    this.#pane = lanes.f64('bars.pane', 1, NaN);
    this.#next = lanes.f64('bars.next', 1, NaN);
    this.#due = lanes.f64('bars.due', 1, Infinity);
    this.#lanes = lanes;
    this.#away = new Away(state, 'bars.away', this.#due);
    this.#closed = lanes.f64('bars.closed', 1, NaN);
    this.#sums = lanes.f64('bars.sums', panes * fields.width);
    this.#held = lanes.f64('bars.held', panes, NaN);
    this.#bar = new Float64Array(fields.width);
    this.#values = new Float64Array(fields.length);
    this.#still = new Float64Array(fields.length);
  }

  /** Adds a tick, closing what it ends; false: its bar is closed already, and nothing was kept. */
  add(lane: number, time: number, channels: readonly Float64Array[], row: number): boolean {
    if (time < this.#from.data[lane]!) return false;
    if (time >= this.#end.data[lane]!) this.#open(lane, time);
    const slot = modulo(this.#pane.data[lane]!, this.#options.panes);
    this.#options.fields.add(this.#sums.data, (lane * this.#options.panes + slot) * this.#width, channels, row);
    return true;
  }

  /** Closes every bar that ends at or before a time, of every lane by number; evicted series are called back for it. */
  close(upTo: number): void {
    this.#away.callBack(upTo);
    const due = this.#due.data;
    for (let lane = 0; lane < this.#lanes.size; lane++) {
      if (!(due[lane]! <= upTo) || due[lane] === Infinity) continue;
      const last = this.#pane.data[lane]! + this.#options.panes - 1;
      let next = this.#next.data[lane]!;
      while (next <= last && this.#options.grid.end(next) <= upTo) this.#emit(lane, next++);
      this.#next.data[lane] = next;
      this.#from.data[lane] = Math.max(this.#from.data[lane]!, this.#options.grid.end(next - 1));
      due[lane] = next <= last ? this.#options.grid.end(next) : Infinity;
    }
  }

  #open(lane: number, time: number): void {
    const { grid, panes } = this.#options;
    const pane = grid.index(time);
    const from = grid.end(pane - 1);
    const end = grid.end(pane);
    const before = this.#pane.data[lane]!;
    const last = Math.min(pane - 1, before + panes - 1);
    for (let next = this.#next.data[lane]!; next <= last; next++) this.#emit(lane, next);
    this.#from.data[lane] = from;
    this.#end.data[lane] = end;
    this.#pane.data[lane] = pane;
    this.#next.data[lane] = pane;
    this.#due.data[lane] = end;
    const at = lane * panes + modulo(pane, panes);
    this.#held.data[at] = pane;
    this.#sums.data.fill(0, at * this.#width, (at + 1) * this.#width);
  }

  #emit(lane: number, bar: number): void {
    const { grid, panes, fields, closed } = this.#options;
    const own = this.#bar.fill(0);
    for (let pane = bar - panes + 1; pane <= bar; pane++) {
      const at = lane * panes + modulo(pane, panes);
      if (this.#held.data[at] === pane) fields.join(own, this.#sums.data, at * this.#width);
    }
    fields.values(own, 0, this.#values);
    fields.still(own, 0, this.#still);
    const before = this.#closed.data[lane]!;
    this.#closed.data[lane] = bar;
    closed(lane, grid.end(bar), before === before ? bar - before - 1 : 0, this.#values, this.#still);
  }
}

/** Bars before 1970 have negative numbers. */
function modulo(n: number, m: number): number {
  return m === 1 ? 0 : n - Math.floor(n / m) * m;
}
