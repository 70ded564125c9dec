/**
 * What the trained models know beside the past: inputs whose values at the moments forecast for are known already, and of what kind a
 * series is. Other libraries call them future covariates (Darts), `futr_exog` and `stat_exog` (NeuralForecast), `feat_dynamic_real` and
 * `feat_static_cat` (GluonTS).
 */
import type { Ring } from '../window/ring.ts';
import { DEVIATION, MEAN, SCALER_SIZE } from './scaler.ts';

/** A channel whose rows hold the value of the row `ahead` rows later: nobody reads the future, for it has come with the row. */
export interface KnownAhead {
  readonly channel: number;
  readonly ahead: number;
}

/** What series are like: each name is an input. */
export interface Attributes {
  /** `sector=tech`, 0 or 1, or `size`, a number; in order. */
  readonly names: readonly string[];
  /** By series, indices into the names and the values there; the others are 0, as are all of a series that is not there. */
  readonly of: Readonly<Record<string, readonly (readonly [number, number])[]>>;
}

/** Plain data: it travels with a training. */
export interface Beside {
  readonly known: readonly KnownAhead[];
  readonly attributes: Attributes;
}

/** Numbers that a known channel is scaled by: its mean, and one over its mean deviation from it. */
const SCALE = 2;
/** Inputs of a known channel at a step: its value there, and how far it is from that of the row itself. */
const PER_STEP = 2;
const CLIP = 50;

/** Writes these inputs; one instance beside each that writes the others. */
export class BesideInputs {
  /** Inputs a row, and a row and step ahead. */
  readonly fixed: number;
  readonly perStep: number;
  /** Numbers that {@link scale} writes. */
  readonly scales: number;
  readonly #ring: Ring;
  readonly #known: readonly KnownAhead[];
  readonly #of: ReadonlyMap<string, Attributes['of'][string]>;
  readonly #seriesOf: (lane: number) => string | undefined;

  constructor(ring: Ring, beside: Beside | undefined, seriesOf: (lane: number) => string | undefined) {
    this.#ring = ring;
    this.#known = beside?.known ?? [];
    this.#of = new Map(Object.entries(beside?.attributes.of ?? {}));
    this.#seriesOf = seriesOf;
    this.fixed = beside?.attributes.names.length ?? 0;
    this.perStep = this.#known.length * PER_STEP;
    this.scales = this.#known.length * SCALE;
  }

  /** Writes what a lane's series is like. */
  writeFixed(lane: number, into: Float32Array, to: number): void {
    if (this.fixed === 0) return;
    into.fill(0, to, to + this.fixed);
    // what a scenario draws is called after its series and a zero character
    const [series = ''] = (this.#seriesOf(lane) ?? '').split('\0', 1);
    for (const [place, value] of this.#of.get(series) ?? []) into[to + place] = value;
  }

  /** Reads the scale of the known channels off a row's scaler. */
  scale(scaler: Float64Array, at: number, into: Float64Array, to: number): void {
    for (let k = 0; k < this.#known.length; k++) {
      const own = at + this.#known[k]!.channel * SCALER_SIZE;
      const deviation = scaler[own + DEVIATION]!;
      into[to + k * SCALE] = scaler[own + MEAN]!;
      into[to + k * SCALE + 1] = deviation > 1e-300 ? 1 / deviation : 0;
    }
  }

  /** Writes what is known of the row `step` steps after the one `back` rows ago; a value that was not told yet is 0. */
  writeStep(lane: number, back: number, step: number, scale: Float64Array, at: number, into: Float32Array, to: number): void {
    for (let k = 0; k < this.#known.length; k++) {
      const { channel, ahead } = this.#known[k]!;
      const [mean, per] = [scale[at + k * SCALE]!, scale[at + k * SCALE + 1]!];
      const then = this.#ring.value(lane, back + ahead - step, channel);
      const now = this.#ring.value(lane, back + ahead, channel);
      into[to + k * PER_STEP] = clip((then - mean) * per);
      into[to + k * PER_STEP + 1] = clip((then - now) * per);
    }
  }
}

function clip(x: number): number {
  return x > CLIP ? CLIP : x < -CLIP ? -CLIP : x === x ? x : 0;
}
