/** The contract of every forecaster, and what it is handed when it is built. */
import type { z } from 'zod';
import type { ComponentStatus } from '../core/component.ts';
import type { Lanes } from '../core/lanes.ts';
import type { State } from '../core/state.ts';
import type { Ring } from '../window/ring.ts';
import type { Beside } from './beside.ts';
import type { Inputs } from './inputs.ts';

/**
 * Rows of distinct lanes, in one go: each lane occurs at most once.
 * The ring already holds these rows (`ring.value(lane, 0, c)` is the row's own value).
 */
export interface Wave {
  readonly rows: number;
  readonly lanes: Int32Array;
  /** Epoch ms. */
  readonly times: Float64Array;
  /** Row-major `rows x channels`, raw; targets first. Always finite. */
  readonly values: Float64Array;
  readonly channels: number;
  /** Milliseconds since the lane's previous observed row; 0 for the first. */
  readonly elapsed: Float64Array;
  /** `ROW_IMPUTED`, `ROW_RESET` of core/batch. */
  readonly flags: Uint8Array;
}

/** Where a forecaster writes: `rows x targets x horizon` means, raw units; with own quantiles also `x levels`. */
export interface Outlook {
  readonly mean: Float64Array;
  readonly quantiles: Float64Array;
}

/** Knows the calendar: pure functions of event time. */
export interface GridClock {
  /** Milliseconds between rows, as declared. */
  readonly interval: number;
  /** Nominal time of the row `steps` after `time`, closed sessions skipped. Epoch ms. */
  after(time: number, steps: number): number;
  /** Milliseconds that clocks on the wall are ahead of UTC; 0 where `after` follows them already. */
  offset(time: number): number;
  /** sin and cos of the time of day and of the week in the pipeline's zone: `into[at .. at+4)`. */
  phases(time: number, into: Float64Array | Float32Array, at: number): void;
}

/** What a forecaster is built from. */
export interface ForecasterContext {
  readonly state: State;
  readonly lanes: Lanes;
  readonly ring: Ring;
  /** What trained models share. */
  readonly inputs: Inputs;
  readonly clock: GridClock;
  /** The first `targets` channels are forecast. */
  readonly targets: number;
  readonly channels: number;
  readonly horizon: number;
  /** Rows in one season, or undefined. The first of `seasons`. */
  readonly season: number | undefined;
  /** Season lengths in rows, e.g. [48, 336]; may be empty. */
  readonly seasons: readonly number[];
  /** Quantile levels, ascending. */
  readonly quantiles: readonly number[];
  readonly seed: number;
  /** Inputs that are known ahead, and of what kind each series is, where there are any. */
  readonly beside?: Beside | undefined;
  /** What the component's `load` gave. */
  readonly loaded?: unknown;
}

/**
 * Learns from a row, then forecasts 1..horizon rows ahead.
 *
 * - Everything it remembers per series is a column of `lanes` named `<name>.<what>`: so it is checkpointed, evicted and hashed for free.
 * - `step` depends on the lane's own rows only: not on the other rows of the wave, on the split into waves, or on wall time.
 * - It writes a finite mean for every target and step from the first row on (the last value, when it knows nothing better).
 * - An imputed row (`ROW_IMPUTED`) moves time on but is not learned from; `ROW_RESET` forgets what does not survive a gap.
 * - It allocates nothing per row.
 */
export interface Forecaster {
  readonly name: string;
  /** Whether it writes `outlook.quantiles`. */
  readonly ownQuantiles: boolean;
  step(wave: Wave, outlook: Outlook): void;
}

export interface ForecasterComponent<Config = unknown> {
  readonly kind: 'forecaster';
  readonly name: string;
  readonly status: ComponentStatus;
  readonly summary: string;
  readonly config: z.ZodType<Config>;
  /** YAML of a configuration without `type`; may be empty. */
  readonly example: string;
  readonly guarantees: readonly string[];
  /** Name of the forecaster that it is built on, which stands before it among the models. */
  readonly builtOn?: string;
  /** Rows it needs the ring to hold, for this horizon and these seasons. */
  lookback(config: Config, sizes: { readonly horizon: number; readonly seasons: readonly number[] }): number;
  /** Fetches what `build` then finds in `context.loaded`, such as a model; relative paths start at `folder`. */
  load?(config: Config, folder: string): Promise<unknown>;
  build(config: Config, context: ForecasterContext): Forecaster;
}

/** Declares a forecaster. */
export function defineForecaster<Config>(component: Omit<ForecasterComponent<Config>, 'kind'>): ForecasterComponent<Config> {
  return { kind: 'forecaster', ...component };
}
