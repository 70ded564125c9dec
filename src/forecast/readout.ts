/** The read-out: recursive least squares over what the network sees and remembers, adapting at every row what the network says. */
import { z } from 'zod';
import { ROW_IMPUTED, ROW_RESET } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import type { Column } from '../core/lanes.ts';
import { exp } from '../core/math/math.ts';
import { remainder } from '../core/math/remainder.ts';
import { Covariances } from '../nn/covariances.ts';
import { CLOCK } from './features.ts';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from './forecaster.ts';
import type { Onlooker, Recurrent } from './recurrent.ts';

const config = z.strictObject({
  units: z.int().min(1).max(64).default(32).describe('Hidden units of the network’s last layer that it sees at most.'),
  half_life: z.number().min(10).max(1e9).default(250).describe('Rows after which what was learned counts half.'),
  robust: z
    .number()
    .min(0.1)
    .max(1e9)
    .default(3)
    .describe('Errors beyond this many mean errors count no more than one so large (Huber). Large: plain least squares.'),
});
type Config = z.infer<typeof config>;

const PRIOR = 0.3;
const ERROR_RATE = 0.01;
/** Residuals stay within this many units, hidden units (which only the cell with a relevance gate has no bound for) within NEAR. */
const FAR = 50;
const NEAR = 10;
/** Below this, a change over the unit is no longer a number worth learning from. */
const LEAST = 1e-290;

/**
 * For every target and step ahead a linear map of x(t) = (1, hidden state, the target's own inputs of the network) that is added to the
 * network's forecast: it learns the residuals of that, in units of the series' mean change. Untrained, it says what the network says.
 *
 * All steps of a target share x and so one covariance, which takes in x(t) as soon as it is there; its gain g(t) is kept with x(t) for
 * `horizon` rows. When y(t) comes, step h learns from the row x(t-h): w(h) += g(t-h) [r(t) - w(h) x(t-h)], the bracket clipped. That is
 * recursive least squares with forgetting for each step, late by just the rows that its truth takes, for one update of the covariance a row.
 *
 * A regression fits one version of the weights. Where a series' hidden state is rebuilt under others, it starts anew and learns over the
 * rows that are replayed. Covariance, gains and inputs are kept in single precision: it is an estimate, and half the memory.
 *
 * Beside the other default models it takes 6.1 % off the mixture's error one step ahead and 3.1 % twelve steps ahead: geometric means over
 * 62 series on which settings are chosen. They differ much: parts of M4 12 and 6 %, NAB 0.9 and 0.8 %, ETTh1 and made-up series 0 to 0.2 %.
 * Of the hidden state alone it is a quarter of that one step ahead and a tenth at twelve, of the inputs alone three and nine tenths; not
 * fitted again over the replayed rows it is half. By itself it is better where a factor, learned from what it said, shrinks what it
 * adds; but the mixture does that, and is better without.
 */
class Readout implements Forecaster, Onlooker {
  readonly name = 'readout';
  readonly ownQuantiles = false;
  readonly #config: Config;
  readonly #context: ForecasterContext;
  readonly #recurrent: Recurrent;
  readonly #units: number;
  readonly #size: number;
  readonly #covariances: Covariances;
  /** Place in a lane's state where its last layer begins. */
  readonly #hidden: number;
  /** Of each of the last `horizon` rows: its number, counted from 1, where something is to be learned from it, else 0. */
  readonly #rows: Column<Float64Array>;
  /** Of those rows, by target: raw worth of a unit, and by step what the network said. */
  readonly #scales: Column<Float64Array>;
  readonly #bases: Column<Float64Array>;
  readonly #inputs: Column<Float32Array>;
  readonly #gains: Column<Float32Array>;
  readonly #covariance: Column<Float32Array>;
  readonly #weights: Column<Float64Array>;
  /** Running mean of |residual| by target and step, in units. */
  readonly #errors: Column<Float64Array>;

  constructor(config: Config, context: ForecasterContext, recurrent: Recurrent) {
    const { lanes, targets, horizon } = context;
    const { cell, hidden, layers } = recurrent.shape;
    this.#config = config;
    this.#context = context;
    this.#recurrent = recurrent;
    this.#units = Math.min(config.units, hidden);
    this.#hidden = (layers - 1) * hidden * (cell === 'lstm' ? 2 : 1);
    const size = 1 + this.#units + recurrent.features.own + CLOCK;
    this.#size = size;
    const covariances = new Covariances({ size, keep: exp(-0.6931471805599453 / config.half_life), prior: PRIOR });
    this.#covariances = covariances;
    this.#rows = lanes.f64('readout.rows', horizon);
    this.#scales = lanes.f64('readout.scales', horizon * targets);
    this.#bases = lanes.f64('readout.bases', horizon * targets * horizon);
    this.#inputs = lanes.f32('readout.inputs', horizon * targets * size);
    this.#gains = lanes.f32('readout.gains', horizon * targets * size);
    this.#covariance = lanes.lent('readout.covariance', {
      stride: targets * covariances.length,
      data: () => covariances.data,
      reserve: (n) => covariances.reserve(n * targets),
    });
    this.#weights = lanes.f64('readout.weights', targets * horizon * size);
    this.#errors = lanes.f64('readout.errors', targets * horizon);
    recurrent.onlookers.push(this);
  }

  anew(lane: number): void {
    for (const { data, stride } of [this.#rows, this.#covariance, this.#weights, this.#errors])
      data.fill(0, lane * stride, (lane + 1) * stride);
  }

  saw(lane: number, back: number, k: number, scaler: Float64Array, at: number): void {
    const { ring, targets, horizon } = this.#context;
    const row = ring.total(lane) - back;
    const flags = ring.flag(lane, back);
    const rows = this.#rows.data;
    const first = lane * horizon;
    // the jump over a gap is in the series' mean change from now on: what was learned was in other units
    if (flags & ROW_RESET) this.anew(lane);
    const observed = (flags & ROW_IMPUTED) === 0;
    for (let step = 1; observed && step <= horizon && step < row; step++) {
      const slot = first + remainder(row - step, horizon);
      if (rows[slot] !== row - step) continue;
      for (let t = 0; t < targets; t++) this.#learn(lane, slot, t, step, ring.value(lane, back, t));
    }
    const slot = first + remainder(row, horizon);
    rows[slot] = observed ? row : 0;
    for (let t = 0; t < targets; t++) {
      const unit = this.#recurrent.features.unit(scaler, at, t);
      this.#keep(lane, slot, t, k, ring.value(lane, back, t), unit);
      if (observed && unit > LEAST) this.#follow(lane * targets + t, slot * targets + t);
    }
  }

  /** What it says of the rows of a wave, which the network has stepped over. */
  step(wave: Wave, outlook: Outlook): void {
    const { ring, targets, horizon } = this.#context;
    const size = this.#size;
    const x = this.#inputs.data;
    const w = this.#weights.data;
    for (let k = 0, to = 0; k < wave.rows; k++) {
      const lane = wave.lanes[k]!;
      const slot = lane * horizon + remainder(ring.total(lane), horizon);
      for (let t = 0; t < targets; t++) {
        const kept = slot * targets + t;
        const unit = this.#scales.data[kept]!;
        const xAt = kept * size;
        for (let h = 0; h < horizon; h++, to++) {
          const wAt = ((lane * targets + t) * horizon + h) * size;
          let off = 0;
          for (let i = 0; i < size; i++) off += w[wAt + i]! * x[xAt + i]!;
          const base = this.#bases.data[kept * horizon + h]!;
          outlook.mean[to] = finite(base + unit * within(off, FAR), base);
        }
      }
    }
  }

  /** Step `step` learns from the row kept in `slot`, whose truth has come. */
  #learn(lane: number, slot: number, t: number, step: number, truth: number): void {
    const { targets, horizon } = this.#context;
    const kept = slot * targets + t;
    const unit = this.#scales.data[kept]!;
    if (!(unit > LEAST)) return;
    const size = this.#size;
    const x = this.#inputs.data;
    const gains = this.#gains.data;
    const w = this.#weights.data;
    const xAt = kept * size;
    const cell = (lane * targets + t) * horizon + step - 1;
    const wAt = cell * size;
    let error = within((truth - this.#bases.data[kept * horizon + step - 1]!) / unit, FAR);
    for (let i = 0; i < size; i++) error -= w[wAt + i]! * x[xAt + i]!;
    const wrong = Math.abs(error);
    const errors = this.#errors.data;
    const before = errors[cell]!;
    const usual = before > 0 ? before + ERROR_RATE * (Math.min(wrong, 10 * before) - before) : wrong;
    errors[cell] = usual;
    const by = within(error, this.#config.robust * usual);
    for (let i = 0; i < size; i++) w[wAt + i] = w[wAt + i]! + gains[xAt + i]! * by;
  }

  /** Keeps a row's inputs and what the network said of it: the row `k` of the network's wave. */
  #keep(lane: number, slot: number, t: number, k: number, anchor: number, unit: number): void {
    const { targets, horizon, quantiles } = this.#context;
    const { features, shape, network } = this.#recurrent;
    const { x, y, state } = network;
    const kept = slot * targets + t;
    this.#scales.data[kept] = unit;
    let from = k * shape.outputs + t * horizon * (1 + quantiles.length);
    for (let h = 0; h < horizon; h++, from += 1 + quantiles.length)
      this.#bases.data[kept * horizon + h] = finite(anchor + unit * y[from]!, anchor);
    const into = this.#inputs.data;
    let i = kept * this.#size;
    into[i++] = 1;
    const hidden = lane * network.stateSize + this.#hidden;
    for (let j = 0; j < this.#units; j++) into[i++] = within(state[hidden + j]!, NEAR);
    const row = k * features.count;
    const own = row + t * features.own;
    for (let j = 0; j < features.own; j++) into[i++] = x[own + j]!;
    const clock = row + features.sizes.channels * features.own;
    for (let j = 0; j < CLOCK; j++) into[i++] = x[clock + j]!;
  }

  /** Lets a target's covariance take in the inputs kept at `kept`, and keeps their gain. */
  #follow(regression: number, kept: number): void {
    const size = this.#size;
    const { x, gain } = this.#covariances;
    const inputs = this.#inputs.data;
    for (let i = 0; i < size; i++) x[i] = inputs[kept * size + i]!;
    this.#covariances.follow(regression);
    const gains = this.#gains.data;
    for (let i = 0; i < size; i++) gains[kept * size + i] = gain[i]!;
  }
}

/** `x` between -most and most; 0 for what is no number. */
function within(x: number, most: number): number {
  return x > most ? most : x < -most ? -most : x === x ? x : 0;
}

function finite(x: number, otherwise: number): number {
  return x - x === 0 ? x : otherwise;
}

export default defineForecaster<Config>({
  name: 'readout',
  status: 'beta',
  summary:
    'Recursive least squares over the network’s hidden state, lags, seasons and the clock: adapts at every row what the network says.',
  config,
  example: 'units: 32\nhalf_life: 250',
  guarantees: [
    'It reads the network of `recurrent`, which must stand before it among the models; untrained, it says what the network says.',
    'Every target and step ahead learns from every observed row as soon as its truth comes; a row costs one update of a covariance a target.',
    'When the weights change it starts anew for a series and is fitted again over the rows that rebuild its hidden state.',
    'After a reset it starts anew, as the hidden state does.',
  ],
  builtOn: 'recurrent',
  lookback: () => 1,
  build: (config, context) => {
    const { network } = context.inputs;
    if (!network) throw new TidecastError('FORECAST_ORDER', { model: 'readout', before: 'recurrent' });
    return new Readout(config, context, network);
  },
});
