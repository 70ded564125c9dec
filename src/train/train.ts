/** How a network is retrained: truncated BPTT over windows of each series' newest rows. And how a job falls into parts. */
import { Random, seedOf } from '../core/random.ts';
import { cos } from '../core/math/math.ts';
import { Network } from '../nn/network.ts';
import type { LossSpec } from '../nn/losses.ts';
import { Trainer } from '../nn/trainer.ts';
import { networkWeights, sizeOf, tensorsOf, type NetworkShape, type Weights } from '../nn/shape.ts';
import { fitTarget, joinFitted, type FittedTarget } from './fit.ts';
import { heldOutLoss } from './challenger.ts';
import { decayOf, passesOf } from './effort.ts';
import type { TrainingJob, TrainingResult } from './job.ts';
import { scaledSeries, type ScaledSeries } from './sequences.ts';

/** A later training on fewer rows in all is as the first: the one before it saw hardly any. Beyond that weights are only tuned, at half the learning rate. */
const YOUNG = 500;
const HUBER_DELTA = 1;
const REFIT_EPOCHS = 2;
/** Of the learning rate. */
const REFIT_RATE = 0.2;

/** The loss that training and comparison share. */
export function lossOfJob(job: TrainingJob): LossSpec {
  return { mean: job.options.loss, delta: HUBER_DELTA, quantiles: job.quantiles };
}

/** What can be trained apart from the rest, on another thread: the network, or what is fitted for one target. */
export type TrainingPart = 'network' | number;

/** What a part came to. */
export type TrainedPart = NetworkResult | FittedTarget | undefined;

/** The parts of a job, the longest first. */
export function partsOf({ shape, fitted, series, sizes }: TrainingJob): TrainingPart[] {
  const targets = fitted.length > 0 && series.length > 0 ? sizes.targets : 0;
  return [...(shape ? (['network'] as const) : []), ...Array.from({ length: targets }, (_, target) => target)];
}

/** Trains a part. A pure function: same job, same bits, wherever it runs. */
export function trainPart(job: TrainingJob, part: TrainingPart, progress?: Progress): TrainedPart {
  return part === 'network' ? trainNetwork({ ...job, shape: job.shape! }, progress) : fitTarget(job, part);
}

/** A job's result from those of all its parts, in their order. */
export function joinParts(job: TrainingJob, trained: readonly TrainedPart[]): TrainingResult {
  const network = (job.shape ? trained[0] : untrained(job)) as NetworkResult;
  const fitted = joinFitted(trained.slice(job.shape ? 1 : 0) as (FittedTarget | undefined)[]);
  return {
    ...network,
    rows: rowsOf(job),
    series: job.series.length,
    longest: longestOf(job),
    accepted: network.accepted || fitted.size > 0,
    weights: new Map([...job.weights, ...network.weights, ...fitted]),
  };
}

/** Rows of all series. */
function rowsOf({ series }: TrainingJob): number {
  return series.reduce((sum, { times }) => sum + times.length, 0);
}

/** Rows of the longest series. */
export function longestOf({ series }: Pick<TrainingJob, 'series'>): number {
  return series.reduce((most, { times }) => Math.max(most, times.length), 0);
}

/** Trains all parts, one after the other. Same job, same bits. */
export function train(job: TrainingJob, progress?: Progress): TrainingResult {
  return joinParts(
    job,
    partsOf(job).map((part) => trainPart(job, part, progress)),
  );
}

/** Is told the loss after each pass of the network. */
type Progress = (epoch: number, loss: number) => void;

type NetworkResult = Omit<TrainingResult, 'rows' | 'series' | 'longest'>;

function untrained({ weights }: TrainingJob): NetworkResult {
  return { accepted: false, weights, loss: NaN, champion: NaN, challenger: NaN, gradientNorm: NaN, updates: 0, clipped: 0 };
}

/** A job with a network in it. */
type NetworkJob = TrainingJob & { readonly shape: NetworkShape };

/**
 * Trains a challenger from the champion's weights and compares the two on held-out rows.
 *
 * Each epoch cuts every series into windows of `burnIn + steps` rows at a random offset; a window starts from a zero state, its first
 * `burnIn` rows only warm it, and the loss is taken on the rest (truncated BPTT with k1 = steps, k2 = burnIn + steps; Williams and
 * Peng 1990). The epoch with the lowest held-out loss is the challenger.
 */
function trainNetwork(whole: NetworkJob, progress?: Progress): NetworkResult {
  const job = { ...whole, weights: networkWeights(whole.shape, whole.weights) };
  const series = scaledSeries(job);
  const loss = lossOfJob(job);
  const outputs = job.sizes.targets * job.sizes.horizon;
  const network = new Network(job.shape, { slots: 1 });
  const compare = (weights: Weights): number => {
    network.setWeights(0, weights);
    return heldOutLoss(network, 0, series, outputs, loss, job.options.burnIn * 2);
  };
  const champion = compare(job.weights);
  let best = { loss: Infinity, weights: job.weights };
  const fit = new Fit(job, series, loss);
  let last = NaN;
  const first = job.first || rowsOf(job) < YOUNG;
  const rows = series.reduce((sum, { rows: n, from }) => sum + n - from, 0);
  const count = tensorsOf(job.shape).reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  const epochs = passesOf(job.options.epochs, rows * count, first);
  for (let epoch = 0; epoch < epochs; epoch++) {
    // cosine decay (Loshchilov and Hutter 2017), to a twentieth
    last = fit.epoch(
      job.options.learningRate * (0.525 + 0.475 * cos((Math.PI * epoch) / Math.max(1, epochs - 1))) * (first ? 1 : 0.5),
    );
    progress?.(epoch, last);
    if (last !== last) break;
    const weights = fit.weights();
    const challenger = compare(weights);
    if (challenger < best.loss) best = { loss: challenger, weights };
  }
  const accepted = best.loss < champion;
  return {
    accepted,
    weights: accepted ? refit(job, series, loss, best.weights) : job.weights,
    loss: last,
    champion,
    challenger: best.loss,
    gradientNorm: fit.gradientNorm,
    updates: fit.updates,
    clipped: fit.clipped,
  };
}

/**
 * The newest rows judged the challenger and did not teach it, and they are the ones most like those to come: a few gentle passes over
 * all rows, held-out ones included. Weights that diverge are dropped.
 */
function refit(job: NetworkJob, series: readonly ScaledSeries[], loss: LossSpec, weights: Weights): Weights {
  const fit = new Fit(
    { ...job, weights },
    series.map((each) => ({ ...each, split: each.rows })),
    loss,
  );
  for (let epoch = 0; epoch < REFIT_EPOCHS; epoch++) {
    const mean = fit.epoch(job.options.learningRate * REFIT_RATE);
    if (mean !== mean) return weights;
  }
  return fit.weights();
}

class Fit {
  gradientNorm = 0;
  updates = 0;
  clipped = 0;
  readonly #series: readonly ScaledSeries[];
  readonly #random: Random;
  readonly #clip: number;
  readonly #steps: number;
  readonly #burnIn: number;
  readonly #batch: number;
  readonly #outputs: number;
  readonly #horizon: number;
  readonly #trainer: Trainer | undefined;

  constructor(job: NetworkJob, series: readonly ScaledSeries[], loss: LossSpec) {
    const { options } = job;
    const longest = series.reduce((most, { split, from }) => Math.max(most, split - from), 0);
    this.#burnIn = Math.min(options.burnIn, Math.floor(longest / 3));
    this.#steps = Math.min(options.steps, longest - this.#burnIn);
    const length = this.#burnIn + this.#steps;
    this.#clip = options.clip;
    this.#series = series.filter(({ split, from }) => split - from >= length);
    const rows = this.#series.reduce((sum, { split, from }) => sum + split - from, 0);
    const windows = this.#series.reduce(
      (sum, { split, from }) => sum + Math.floor((split - from - this.#burnIn) / this.#steps),
      0,
    );
    this.#batch = Math.max(1, Math.min(options.batch, windows));
    this.#outputs = job.sizes.targets * job.sizes.horizon;
    this.#horizon = job.sizes.horizon;
    this.#random = new Random(seedOf(job.seed, 'training', job.trigger));
    if (windows === 0) return;
    const { learningRate, weightDecay, clip } = options;
    this.#trainer = new Trainer(job.shape, { batch: this.#batch, steps: length, warm: this.#burnIn }, loss, {
      learningRate,
      weightDecay: decayOf(weightDecay, rows),
      clipNorm: clip,
    });
    this.#trainer.load(job.weights);
  }

  weights(): Weights {
    return new Map([...this.#trainer!.weights()].map(([name, data]) => [name, data.slice()]));
  }

  /** One pass over all windows; returns the mean loss, NaN when there is nothing to train on or it diverged. */
  epoch(learningRate: number): number {
    const trainer = this.#trainer;
    if (!trainer) return NaN;
    const windows = this.#windows();
    const order = this.#random.permutation(windows.length);
    let sum = 0;
    let batches = 0;
    for (let at = 0; at < order.length; at += this.#batch) {
      for (let b = 0; b < this.#batch; b++) {
        const window = windows[order[at + b < order.length ? at + b : at]!]!;
        this.#fill(b, window.series, window.start, at + b < order.length);
      }
      trainer.state.fill(0);
      sum += trainer.forward();
      batches++;
      trainer.backward();
      const norm = trainer.update(learningRate);
      this.gradientNorm = Math.max(this.gradientNorm, norm);
      this.updates++;
      if (!(norm <= this.#clip)) this.clipped++;
    }
    const mean = sum / batches;
    return mean - mean === 0 ? mean : NaN;
  }

  #windows(): { series: ScaledSeries; start: number }[] {
    const length = this.#burnIn + this.#steps;
    return this.#series.flatMap((series) => {
      const room = series.split - series.from - length;
      const offset = this.#random.below(Math.min(this.#steps, room + 1));
      const starts = [];
      for (let start = series.from + offset; start + length <= series.split; start += this.#steps) {
        // a sequence is one state's life
        if (!series.resets.subarray(start + 1, start + length).some((reset) => reset !== 0)) starts.push({ series, start });
      }
      return starts;
    });
  }

  #fill(b: number, series: ScaledSeries, start: number, used: boolean): void {
    const trainer = this.#trainer!;
    const { x, target } = trainer;
    const inputs = series.x.length / series.rows;
    const outputs = this.#outputs;
    for (let step = 0; step < this.#burnIn + this.#steps; step++) {
      const row = start + step;
      x.set(series.x.subarray(row * inputs, (row + 1) * inputs), (step * this.#batch + b) * inputs);
      if (step < this.#burnIn) continue;
      const to = (step * this.#batch + b) * outputs;
      for (let o = 0; o < outputs; o++) target[to + o] = used ? this.#truth(series, row, o) : NaN;
    }
  }

  /** A target that lies in the held-out rows is not shown to training. */
  #truth(series: ScaledSeries, row: number, output: number): number {
    return row + 1 + (output % this.#horizon) < series.split ? series.y[row * this.#outputs + output]! : NaN;
  }
}
