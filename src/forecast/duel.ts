/** Two ensembles on the same rows: the errors of both side by side, and who issued which forecast. */
import type { ForecastBatch, RowBatch } from '../core/batch.ts';
import type { Column, ColumnArray, Lanes } from '../core/lanes.ts';
import type { Saved, State, Stateful } from '../core/state.ts';

/** The errors of one step ahead in a round, over all targets and series. */
export interface DuelStep {
  /** Rows of a target scored by both. */
  readonly n: number;
  /** How much lower the challenger's mean |error| is, as a share of that of the one in charge. */
  readonly gain: number;
}

/**
 * Sums up a round: what both were off by since the last decision, a series at a time.
 *
 * A series counts in units of its own errors: with c and s the sums of |error| of the two over its n rows, the gain over all series is g with
 * g / (2 - g) = sum n (c - s) / (c + s) / sum n, which of one series is 1 - s / c. Series are added in the order of their names, so the bits do
 * not depend on the order in which they came.
 */
export class Duel implements Stateful {
  readonly #lanes: Lanes;
  readonly #targets: number;
  readonly #horizon: number;
  /** 0: the pipeline's own forecast is sent out, 1: the shadow's. */
  #charge: 0 | 1 = 0;
  /** Rows of the first target scored one step ahead in this round. */
  #rows = 0;
  #round = 0;
  /** The round that a series' sums belong to; per cell both sums of |error| and their number. */
  readonly #of: Column<Int32Array>;
  readonly #sums: Column<Float64Array>;
  /** Number of the newest row, and per step who was in charge when the forecast in that slot was issued. */
  readonly #index: Column<Float64Array>;
  readonly #by: Column<Uint8Array>;

  constructor(state: State, { targets, horizon }: { readonly targets: number; readonly horizon: number }) {
    this.#lanes = state.lanes;
    this.#targets = targets;
    this.#horizon = horizon;
    this.#of = state.lanes.i32('duel.round');
    this.#sums = state.lanes.f64('duel.sums', targets * horizon * 3);
    this.#index = state.lanes.f64('duel.index');
    this.#by = state.lanes.u8('duel.by', horizon);
    state.add('duel', this);
  }

  get charge(): 0 | 1 {
    return this.#charge;
  }

  set charge(charge: 0 | 1) {
    this.#charge = charge;
  }

  /** Rows scored since the last decision. */
  get rows(): number {
    return this.#rows;
  }

  /** What both said of the same rows; gives what is sent out, whose errors are those of the forecasts that were sent out then; opinions are those of the first. */
  see(rows: RowBatch, said: readonly [ForecastBatch, ForecastBatch]): ForecastBatch {
    const out = said[this.#charge];
    for (let i = 0; i < rows.length; i++) this.#row(rows.lanes[i]!, rows.steps[i]!, i, said, out.errors);
    const { opinions } = said[0];
    return opinions ? { ...out, opinions } : out;
  }

  #row(lane: number, steps: number, i: number, said: readonly [ForecastBatch, ForecastBatch], errors: Float64Array): void {
    const horizon = this.#horizon;
    const cells = this.#targets * horizon;
    const now = (this.#index.data[lane] = this.#index.data[lane]! + (this.#index.data[lane] === 0 ? 1 : steps));
    const sums = this.#sums.data;
    const from = lane * cells * 3;
    if (this.#of.data[lane] !== this.#round) {
      this.#of.data[lane] = this.#round;
      sums.fill(0, from, from + cells * 3);
    }
    const by = this.#by.data;
    for (let cell = 0; cell < cells; cell++) {
      const at = i * cells + cell;
      const [own, other] = [said[0].errors[at]!, said[1].errors[at]!];
      const both = Math.abs(own) + Math.abs(other);
      if (both < Infinity) {
        const to = from + cell * 3;
        sums[to] = sums[to]! + Math.abs(own);
        sums[to + 1] = sums[to + 1]! + Math.abs(other);
        sums[to + 2] = sums[to + 2]! + 1;
        if (cell === 0) this.#rows++;
      }
      const then = now - 1 - (cell % horizon);
      if (then > 0) errors[at] = by[lane * horizon + (then % horizon)] === 1 ? other : own;
    }
    by[lane * horizon + (now % horizon)] = this.#charge;
  }

  /** The round so far, by step ahead; then the next round begins. */
  close(): DuelStep[] {
    const weights = new Float64Array(this.#horizon);
    const gains = new Float64Array(this.#horizon);
    const names = new Set(this.#lanes.keys.filter((key) => key !== undefined));
    for (const key of this.#lanes.spill?.keys() ?? []) names.add(key);
    for (const name of [...names].sort()) {
      if (this.#read(name, this.#of)?.[0] !== this.#round) continue;
      const sums = this.#read(name, this.#sums)!;
      for (let cell = 0; cell < this.#targets * this.#horizon; cell++) {
        const step = cell % this.#horizon;
        const [own, other, n] = [sums[cell * 3]!, sums[cell * 3 + 1]!, sums[cell * 3 + 2]!];
        weights[step] = weights[step]! + n;
        if (own + other > 0) gains[step] = gains[step]! + (n * (own - other)) / (own + other);
      }
    }
    this.#round++;
    this.#rows = 0;
    const sign = this.#charge === 0 ? 1 : -1;
    return Array.from(weights, (n, step) => {
      const half = n > 0 ? (sign * gains[step]!) / n : 0;
      return { n, gain: (2 * half) / (1 + half) };
    });
  }

  #read(name: string, column: Column): ColumnArray | undefined {
    const lane = this.#lanes.find(name);
    if (lane < 0) return this.#lanes.peekSpilled(name, column);
    return column.data.subarray(lane * column.stride, (lane + 1) * column.stride);
  }

  snapshot(): Saved {
    return { charge: this.#charge, rows: this.#rows, round: this.#round };
  }

  restore(saved: Saved): void {
    const { charge, rows, round } = saved as { charge: 0 | 1; rows: number; round: number };
    this.#charge = charge;
    this.#rows = rows;
    this.#round = round;
  }
}
