/** The recurrent forecaster: a GRU, LSTM or plain cell whose hidden state each series carries from row to row. */
import { z } from 'zod';
import { ROW_RESET } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import type { Column } from '../core/lanes.ts';
import { seedOf } from '../core/random.ts';
import { initialWeights } from '../nn/initial.ts';
import { Network } from '../nn/network.ts';
import { networkWeights, sameNetwork, type NetworkShape } from '../nn/shape.ts';
import { Features } from './features.ts';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from './forecaster.ts';
import type { RowScaler } from './row-scaler.ts';
import { WEIGHT_SLOTS, type WeightsBox } from './weights.ts';

const config = z.strictObject({
  cell: z
    .enum(['rnn', 'gru', 'lstm', 'none'])
    .default('gru')
    .describe('The recurrent cell; `none` is a plain feed-forward layer without memory, the control experiment.'),
  reset: z
    .enum(['before', 'after'])
    .default('after')
    .describe('GRU only: whether the reset gate acts before or after the recurrent product.'),
  variant: z
    .enum(['relevance'])
    .optional()
    .describe('LSTM only: with a relevance gate before the candidate, and no tanh at the output. Default: the usual LSTM.'),
  bidirectional: z
    .literal(false, {
      error:
        'must be false (a bidirectional network reads from the end too, which is not known live; it serves what is closed, in a learning file)',
    })
    .optional()
    .describe('Always `false`: the way back begins at the end of a sequence, which is not known live.'),
  hidden: z.number().int().min(1).max(1024).default(32).describe('Hidden units a layer.'),
  layers: z.number().int().min(1).max(8).default(1).describe('Stacked layers.'),
  lags: z
    .number()
    .int()
    .min(0)
    .max(64)
    .default(24)
    .describe('How many of the last rows are inputs of their own, for the linear skip.'),
  rebuild: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(192)
    .describe('Rows replayed to rebuild a series’ hidden state under new weights.'),
});

export type RecurrentConfig = z.infer<typeof config>;

/** Shape of the network: per target and step ahead a mean and the quantiles. */
export function recurrentShape(options: RecurrentConfig, features: Features, quantiles: readonly number[]): NetworkShape {
  const { cell, reset, variant, hidden, layers } = options;
  const { targets, horizon } = features.sizes;
  const outputs = targets * horizon * (1 + quantiles.length);
  const form = { ...(cell === 'gru' && { reset }), ...(variant && { variant }) };
  return { cell, ...form, inputs: features.count, hidden, layers, outputs, skip: true };
}

/** Is told of every row that the network steps over, live or replayed. */
export interface Onlooker {
  /** A lane's state is rebuilt under other weights: what was learned from the old states counts no more. */
  anew(lane: number): void;
  /** The lane's row `back` rows ago, scaled by `scaler[at ..]`, was stepped over as row `k` of the network's wave. */
  saw(lane: number, back: number, k: number, scaler: Float64Array, at: number): void;
}

/**
 * Carries one hidden state a series; forecasts are the row's value plus the network's output in units of the series' mean change.
 *
 * Weights come from `box`: a row uses the version that is in force at its event time, and a series whose state belongs to an older
 * version is rebuilt from its ring first. Untrained, the head is zero and the forecast is the naive one.
 */
export class Recurrent implements Forecaster {
  readonly name = 'recurrent';
  readonly ownQuantiles = true;
  readonly box: WeightsBox;
  readonly shape: NetworkShape;
  readonly features: Features;
  readonly config: RecurrentConfig;
  readonly onlookers: Onlooker[] = [];
  readonly #context: ForecasterContext;
  readonly #network: Network;
  readonly #scaler: RowScaler;
  readonly #version: Column<Int32Array>;
  readonly #replay: Float64Array;
  #order = new Int32Array(0);

  constructor(options: RecurrentConfig, context: ForecasterContext) {
    const { lanes, ring, clock, channels, targets, horizon, seasons, quantiles, seed, beside } = context;
    this.config = options;
    this.#context = context;
    this.features = new Features(
      ring,
      clock,
      { channels, targets, horizon, seasons, lags: options.lags, ...(beside ? { beside } : {}) },
      (lane) => lanes.keys[lane],
    );
    this.shape = recurrentShape(options, this.features, quantiles);
    this.#network = new Network(this.shape, { slots: WEIGHT_SLOTS });
    this.#network.reserveWave(1);
    this.box = context.inputs.box;
    this.box.begin(initialWeights(this.shape, seedOf(seed, 'weights')));
    this.box.onSwap(({ version, weights }) =>
      this.#network.setWeights(version % WEIGHT_SLOTS, networkWeights(this.shape, weights)),
    );
    this.#scaler = context.inputs.scaler();
    this.#version = lanes.i32('recurrent.version');
    const network = this.#network;
    lanes.lent('recurrent.state', { stride: network.stateSize, data: () => network.state, reserve: (n) => network.reserve(n) });
    this.#replay = new Float64Array(this.#scaler.size);
    context.inputs.network = this;
  }

  step(wave: Wave, outlook: Outlook): void {
    const network = this.#network;
    const { ring } = this.#context;
    const { rows, lanes } = wave;
    if (this.#order.length < rows) {
      network.reserveWave(rows);
      this.#order = new Int32Array(rows);
    }
    for (let i = 0; i < rows; i++) this.#prepare(lanes[i]!, ring.total(lanes[i]!), wave.times[i]!, wave.flags[i]!);

    const versions = this.box.versions;
    for (const { version } of versions) {
      let n = 0;
      const wanted = this.#version.data;
      for (let i = 0; i < rows; i++) if (versions.length === 1 || wanted[lanes[i]!] === version) this.#order[n++] = i;
      if (n === 0) continue;
      this.#fill(wave, n);
      network.step(version % WEIGHT_SLOTS, n);
      this.#read(wave, n, outlook);
      const { now, size } = this.#scaler;
      for (const onlooker of this.onlookers)
        for (let k = 0; k < n; k++) onlooker.saw(network.lanes[k]!, 0, k, now.data, network.lanes[k]! * size);
    }
  }

  /** Inputs, outputs and states of the wave that was stepped last. */
  get network(): Pick<Network, 'x' | 'y' | 'state' | 'stateSize'> {
    return this.#network;
  }

  get quantiles(): readonly number[] {
    return this.#context.quantiles;
  }

  /** Brings a lane's state under the weights of the row that it has just been given. */
  #prepare(lane: number, total: number, time: number, flags: number): void {
    const { version } = this.box.at(time);
    const before = this.#version.data[lane]!;
    if (total > 1 && version > before && !this.#same(before, version)) this.#rebuild(lane, total, version);
    if (total === 1 || version > this.#version.data[lane]!) this.#version.data[lane] = version;
    if (flags & ROW_RESET) this.#clear(lane);
  }

  #rebuild(lane: number, total: number, version: number): void {
    const { features } = this;
    const { ring } = this.#context;
    const scaler = this.#replay;
    const held = ring.held(lane);
    const { size, tail } = this.#scaler;
    scaler.set(tail.data.subarray(lane * size, (lane + 1) * size));
    this.#clear(lane);
    for (const onlooker of this.onlookers) onlooker.anew(lane);
    const network = this.#network;
    for (let back = held - 1; back >= 1; back--) {
      if (back < held - 1) this.#scaler.learn(lane, back, total - back, scaler, 0);
      if (back > this.config.rebuild) continue;
      if (ring.flag(lane, back) & ROW_RESET) this.#clear(lane);
      features.write(lane, back, scaler, 0, network.x, 0);
      network.lanes[0] = lane;
      network.step(version % WEIGHT_SLOTS, 1);
      for (const onlooker of this.onlookers) onlooker.saw(lane, back, 0, scaler, 0);
    }
  }

  /** Whether the network is the same under two versions: a training may have changed other models only. */
  #same(before: number, after: number): boolean {
    const old = this.box.versions.find(({ version }) => version === before)?.weights;
    const now = this.box.versions.find(({ version }) => version === after)?.weights;
    return old !== undefined && now !== undefined && sameNetwork(this.shape, old, now);
  }

  #clear(lane: number): void {
    const size = this.#network.stateSize;
    this.#network.state.fill(0, lane * size, (lane + 1) * size);
  }

  #fill(wave: Wave, n: number): void {
    const { features } = this;
    const network = this.#network;
    const { x, lanes } = network;
    for (let k = 0; k < n; k++) {
      const lane = wave.lanes[this.#order[k]!]!;
      lanes[k] = lane;
      features.write(lane, 0, this.#scaler.now.data, lane * this.#scaler.size, x, k * features.count);
    }
  }

  #read(wave: Wave, n: number, outlook: Outlook): void {
    const { features } = this;
    const { targets, horizon, quantiles } = this.#context;
    const levels = quantiles.length;
    const cells = targets * horizon;
    const { y } = this.#network;
    for (let k = 0; k < n; k++) {
      const row = this.#order[k]!;
      const at = wave.lanes[row]! * this.#scaler.size;
      let from = k * this.shape.outputs;
      for (let t = 0; t < targets; t++) {
        const anchor = wave.values[row * wave.channels + t]!;
        const unit = features.unit(this.#scaler.now.data, at, t);
        for (let h = 0; h < horizon; h++) {
          const cell = row * cells + t * horizon + h;
          outlook.mean[cell] = finite(anchor + unit * y[from++]!, anchor);
          for (let q = 0; q < levels; q++) outlook.quantiles[cell * levels + q] = finite(anchor + unit * y[from++]!, anchor);
        }
      }
    }
  }
}

function finite(x: number, otherwise: number): number {
  return x - x === 0 ? x : otherwise;
}

export default defineForecaster<RecurrentConfig>({
  name: 'recurrent',
  status: 'stable',
  summary: 'A GRU, LSTM or plain recurrent network with one hidden state a series, retrained while the stream runs.',
  config,
  example: 'cell: gru\nhidden: 32',
  guarantees: [
    'A row costs one cell step, whatever the length of the history.',
    'The same rows of a series give the same forecasts bit for bit, in batches of any size and with other series interleaved in any way.',
    'Untrained, it is the naive forecaster; new weights are used only if they beat the old ones on held-out rows.',
    'After a swap a series’ state is rebuilt from its ring when its next row arrives.',
  ],
  lookback: (options, { seasons }) => Math.max(options.rebuild, Features.lookback({ seasons, lags: options.lags })),
  build: (options, context) => {
    if (context.channels * (4 + options.lags) > 4096) {
      throw new TidecastError('FORECAST_TOO_WIDE', { channels: context.channels, lags: options.lags });
    }
    return new Recurrent(options, context);
  },
});
