/** A forecaster that may fail: where it throws for a series it is silent from then on, for that series alone. */
import type { Column, Lanes } from '../core/lanes.ts';
import type { Forecaster, ForecasterContext, Outlook, Wave } from './forecaster.ts';

/** Is told when a forecaster failed on a series. */
export type Failed = (series: string, reason: string) => void;

/**
 * Puts a quarantine around a forecaster that this package did not test.
 *
 * When it throws, what its columns held for the wave's series is put back and each series is tried alone; on those that throw again it
 * is not stepped any more, and its forecast is the last value. All others have the same bits as without the one that failed: that
 * is what the contract of `step` says. The ensemble goes on with its other models even for the series that failed.
 */
export class Quarantine implements Forecaster {
  readonly name: string;
  readonly ownQuantiles: boolean;
  readonly #inner: Forecaster;
  readonly #lanes: Lanes;
  readonly #silent: Column<Uint8Array>;
  readonly #cells: number;
  readonly #levels: number;
  readonly #failed: Failed;
  /** What its columns' names begin with. */
  readonly #columns: string;

  constructor(inner: Forecaster, { lanes, targets, horizon, quantiles }: ForecasterContext, failed: Failed) {
    this.name = inner.name;
    this.ownQuantiles = inner.ownQuantiles;
    this.#inner = inner;
    this.#lanes = lanes;
    this.#silent = lanes.u8(`quarantine.${inner.name}`);
    this.#cells = targets * horizon;
    this.#levels = inner.ownQuantiles ? quantiles.length : 0;
    this.#failed = failed;
    this.#columns = lanes.named(inner.name);
  }

  step(wave: Wave, outlook: Outlook): void {
    const rows = Array.from({ length: wave.rows }, (_, row) => row);
    const live = rows.filter((row) => this.#silent.data[wave.lanes[row]!] === 0);
    // the ensemble takes the last value where a model says nothing
    if (live.length < wave.rows) outlook.mean.fill(NaN, 0, wave.rows * this.#cells);
    const reason = live.length === wave.rows ? this.#try(wave, outlook) : this.#tryRows(wave, live, outlook);
    if (reason === undefined) return;
    for (const row of live) {
      const own = this.#tryRows(wave, [row], outlook);
      if (own === undefined) continue;
      outlook.mean.fill(NaN, row * this.#cells, (row + 1) * this.#cells);
      this.#silent.data[wave.lanes[row]!] = 1;
      this.#failed(this.#lanes.keys[wave.lanes[row]!]!, own);
    }
  }

  /** Why it failed, its columns being as before; undefined when it did not. */
  #try(wave: Wave, outlook: Outlook): string | undefined {
    const lanes = wave.lanes.slice(0, wave.rows);
    const putBack = this.#lanes.keep(this.#columns, lanes);
    try {
      this.#inner.step(wave, outlook);
      return undefined;
    } catch (cause) {
      for (let row = 0; row < lanes.length; row++) putBack(row);
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  /** Steps some rows of a wave as a wave of their own. */
  #tryRows(wave: Wave, rows: readonly number[], outlook: Outlook): string | undefined {
    if (rows.length === 0) return undefined;
    const { channels } = wave;
    const cells = this.#cells;
    const spread = cells * this.#levels;
    const part: Wave = {
      rows: rows.length,
      channels,
      lanes: Int32Array.from(rows, (row) => wave.lanes[row]!),
      times: Float64Array.from(rows, (row) => wave.times[row]!),
      values: Float64Array.from(rows.flatMap((row) => [...wave.values.subarray(row * channels, (row + 1) * channels)])),
      elapsed: Float64Array.from(rows, (row) => wave.elapsed[row]!),
      flags: Uint8Array.from(rows, (row) => wave.flags[row]!),
    };
    const said: Outlook = { mean: new Float64Array(rows.length * cells), quantiles: new Float64Array(rows.length * spread) };
    const reason = this.#try(part, said);
    if (reason !== undefined) return reason;
    rows.forEach((row, i) => {
      outlook.mean.set(said.mean.subarray(i * cells, (i + 1) * cells), row * cells);
      if (spread > 0) outlook.quantiles.set(said.quantiles.subarray(i * spread, (i + 1) * spread), row * spread);
    });
    return undefined;
  }
}
