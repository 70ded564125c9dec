/** Keeps every forecast until its truth comes, then writes both down as one row, and scores it where the line does not. */
import type { ForecastBatch } from '../core/batch.ts';
import type { Sink } from '../core/connector.ts';
import { Lanes } from '../core/lanes.ts';
import { Scores, type ScoreSummary } from '../forecast/score.ts';
import { Pending } from './pending.ts';

/** A forecast and its truth. The arrays are views: copy what you keep. */
export interface ResultRow {
  series: string;
  target: number;
  /** From 1. */
  step: number;
  /** Event time of the origin and nominal time of the truth, epoch ms. */
  issued: number;
  time: number;
  /** NaN where the truth did not come. */
  actual: number;
  mean: number;
  naive: number;
  /** Hash of the weights. */
  model: string;
  quantiles: Float64Array;
  /** What each model said, and its weight in the mixture (NaN where there is none). */
  said: Float64Array;
  weights: Float64Array;
}

/** Where rows go. */
export interface ResultWriter {
  add(row: ResultRow): void;
  /** Whether blocks wait: await `drain` before adding much more. */
  readonly waiting: boolean;
  drain(): Promise<void>;
  /** Makes everything durable under its final name. */
  finish(): Promise<void>;
  discard(): Promise<void>;
}

/** What the columns of a result are. */
export interface ResultShape {
  readonly targets: readonly string[];
  /** Levels, ascending. */
  readonly quantiles: readonly number[];
  readonly models: readonly string[];
}

export interface RecordOptions {
  /** Names of the models, then of the output. */
  readonly names: readonly string[];
  readonly baselines: readonly string[];
  readonly horizon: number;
  readonly quantiles: readonly number[];
  /** Rows of a series before its truths count, and the event time (epoch ms) before which they do not. */
  readonly warmup: number;
  readonly from: number;
  /** Every so many rows of a series is an origin that counts. */
  readonly stride: number;
  /** Whether what is recorded is scored too: where that is not what the line scores. */
  readonly scored: boolean;
  /** Opens the file; absent: nothing is written down. */
  readonly open?: ((shape: ResultShape) => ResultWriter) | undefined;
}

/** The sink of a backtest. */
export class Recorder implements Sink {
  /** As in the options, unless set before the sink is opened. */
  warmup: number;
  readonly #o: RecordOptions;
  readonly #series = new Map<string, Pending>();
  readonly #row: ResultRow;
  readonly #forecasts: Float64Array;
  readonly #lanes = new Lanes();
  #targets: readonly string[] = [];
  #writer: ResultWriter | undefined;
  #scores: Scores | undefined;

  constructor(options: RecordOptions) {
    this.#o = options;
    this.warmup = options.warmup;
    this.#forecasts = new Float64Array(options.names.length);
    const none = new Float64Array(0);
    this.#row = {
      ...{ series: '', target: 0, step: 0, issued: 0, time: 0, actual: 0, mean: 0, naive: 0, model: '' },
      ...{ quantiles: none, said: none, weights: none },
    };
  }

  async open({ targets }: { readonly targets: readonly string[] }): Promise<void> {
    const { names, quantiles, baselines, horizon, scored } = this.#o;
    const { warmup } = this;
    this.#targets = targets;
    this.#writer = this.#o.open?.({ targets, quantiles, models: names.slice(0, -1) });
    if (scored)
      this.#scores = new Scores(this.#lanes, {
        ...{ models: names, baselines, targets: targets.length, horizon, levels: quantiles, warmup },
      });
  }

  write(batch: ForecastBatch): void | Promise<void> {
    for (let row = 0; row < batch.length; row++) {
      const name = batch.keys[batch.lanes[row]!];
      if (name !== undefined) this.#see(name, batch, row);
    }
    if (this.#writer?.waiting) return this.#writer.drain();
  }

  #see(name: string, batch: ForecastBatch, row: number): void {
    const { horizon, quantiles, names, stride } = this.#o;
    const targets = this.#targets.length;
    let pending = this.#series.get(name);
    if (!pending) {
      pending = new Pending({ targets, horizon, levels: quantiles.length, models: names.length - 1, stride });
      this.#series.set(name, pending);
    }
    const index = batch.opinions!.index[row]!;
    this.#warm(name, pending, batch, row, index);
    for (let h = 1; h <= horizon; h++) {
      if (Number.isNaN(batch.scoredTimes[row * horizon + h - 1]!)) continue;
      const slot = pending.slotOf(index - h);
      if (slot < 0 || pending.origin[slot] !== index - h) continue;
      for (let t = 0; t < targets; t++) this.#meet(name, pending, slot, t, h, batch, row, index);
    }
    const slot = pending.slotOf(index);
    if (slot < 0) return;
    this.#leave(name, pending, slot);
    pending.keep(slot, index, batch, row);
  }

  /** Rows of the warm-up make the scale of MASE, whatever the stride. */
  #warm(name: string, { before }: Pending, batch: ForecastBatch, row: number, index: number): void {
    const { horizon, from } = this.#o;
    const known = !Number.isNaN(batch.scoredTimes[row * horizon]!);
    const early = index <= this.warmup || batch.issued[row]! < from;
    for (let t = 0; t < this.#targets.length; t++) {
      if (this.#scores && known && early) {
        this.#forecasts.fill(before[t]!);
        const truth = batch.actual[row * batch.targets + t]!;
        this.#scores.add(this.#lanes.lane(name), t, 0, this.#forecasts, 0, 1, this.#forecasts, 0, truth, 0);
      }
      before[t] = batch.naive[(row * batch.targets + t) * horizon]!;
    }
  }

  #meet(name: string, pending: Pending, slot: number, t: number, h: number, batch: ForecastBatch, row: number, index: number) {
    const { horizon, from, names, quantiles } = this.#o;
    const cell = (slot * this.#targets.length + t) * horizon + h - 1;
    const actual = batch.actual[row * batch.targets + t]!;
    if (Number.isNaN(actual)) return;
    pending.done[cell] = 1;
    if (index <= this.warmup || batch.issued[row]! < from) return;
    this.#put(name, pending, slot, t, h, actual);
    if (!this.#scores) return;
    const models = names.length - 1;
    this.#forecasts.set(pending.said.subarray(cell * models, (cell + 1) * models));
    this.#forecasts[models] = pending.mean[cell]!;
    const lane = this.#lanes.lane(name);
    this.#scores.add(lane, t, h - 1, this.#forecasts, 0, 1, pending.quantiles, cell * quantiles.length, actual, index);
  }

  /** What is left of an origin never met its truth. */
  #leave(name: string, pending: Pending, slot: number): void {
    const { horizon, from } = this.#o;
    const origin = pending.origin[slot]!;
    if (origin === 0) return;
    for (let t = 0; t < this.#targets.length; t++)
      for (let h = 1; h <= horizon; h++) {
        if (pending.done[(slot * this.#targets.length + t) * horizon + h - 1]) continue;
        if (origin + h > this.warmup && pending.valid[slot * horizon + h - 1]! >= from) this.#put(name, pending, slot, t, h, NaN);
      }
    pending.origin[slot] = 0;
  }

  #put(name: string, pending: Pending, slot: number, t: number, h: number, actual: number): void {
    if (!this.#writer) return;
    const { horizon, names, quantiles } = this.#o;
    const cell = (slot * this.#targets.length + t) * horizon + h - 1;
    const models = names.length - 1;
    const row = this.#row;
    row.series = name;
    row.target = t;
    row.step = h;
    row.issued = pending.issued[slot]!;
    row.time = pending.valid[slot * horizon + h - 1]!;
    row.actual = actual;
    row.mean = pending.mean[cell]!;
    row.naive = pending.naive[cell]!;
    row.model = pending.model[slot]!;
    row.quantiles = pending.quantiles.subarray(cell * quantiles.length, (cell + 1) * quantiles.length);
    row.said = pending.said.subarray(cell * models, (cell + 1) * models);
    row.weights = pending.weights.subarray(cell * models, (cell + 1) * models);
    this.#writer.add(row);
  }

  /** A backtest takes no checkpoints: what comes here is the end. */
  async flush(): Promise<void> {
    if (this.#writer?.waiting) await this.#writer.drain();
  }

  async close(): Promise<void> {
    // the run may have failed: only `finish` makes a result of it
  }

  /** The run ended or was stopped: what was forecast until then is a result. */
  async finish(): Promise<void> {
    const writer = this.#writer;
    if (!writer) return;
    for (const name of [...this.#series.keys()].sort()) {
      const pending = this.#series.get(name)!;
      const inOrder = [...pending.origin.keys()].sort((a, b) => pending.origin[a]! - pending.origin[b]!);
      for (const slot of inOrder) this.#leave(name, pending, slot);
      if (writer.waiting) await writer.drain();
    }
    this.#writer = undefined;
    await writer.finish();
  }

  /** After a failure: nothing is left behind. */
  async discard(): Promise<void> {
    await this.#writer?.discard();
    this.#writer = undefined;
  }

  /** Scores of what was recorded; undefined where the line's own scores are these. */
  scores(steps: number): { of(name: string): ScoreSummary[][]; total(): ScoreSummary[][] } | undefined {
    const scores = this.#scores;
    if (!scores) return undefined;
    const each = (summary: (t: number, step: number) => ScoreSummary) =>
      this.#targets.map((_, t) => Array.from({ length: steps }, (__, step) => summary(t, step)));
    return {
      of: (name) => each((t, step) => scores.summaryOf(name, t, step)),
      total: () => each((t, step) => scores.total(t, step)),
    };
  }
}
