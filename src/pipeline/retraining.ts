/**
 * Station 6: at each trigger trains a challenger, records the outcome, and swaps the weights at a place that can be repeated.
 * It is long, because it is one machine with two modes whose states must be seen together.
 */
import type { Clock } from '../core/clock.ts';
import type { EventBus } from '../core/events.ts';
import { TidecastError } from '../core/errors.ts';
import { reached, type Position } from '../core/position.ts';
import type { Saved, State, Stateful } from '../core/state.ts';
import type { Inputs } from '../forecast/inputs.ts';
import type { Recurrent } from '../forecast/recurrent.ts';
import type { WeightsVersion } from '../forecast/weights.ts';
import { weightsHash, type ModelFile } from '../nn/files.ts';
import { checkWeights, type Weights } from '../nn/shape.ts';
import type { Gate } from '../stream/ingest.ts';
import { collectRows, type TrainingJob, type TrainingOptions, type TrainingResult } from '../train/job.ts';
import type { Drift } from '../train/drift.ts';
import { Growth } from '../train/growth.ts';
import { longestOf } from '../train/train.ts';
import { firstTrigger, lookBefore, nextTrigger } from '../train/schedule.ts';
import type { TrainingRunner } from '../train/worker.ts';
import type { CalendarOptions } from '../window/calendar.ts';
import type { Ring } from '../window/ring.ts';
import type { Given } from './given-weights.ts';
import type { SwapLog, SwapRecord, TrainingFacts } from './swap-log.ts';

export interface RetrainingOptions {
  readonly state: State;
  readonly ring: Ring;
  readonly inputs: Inputs;
  /** The network, where one is trained. */
  readonly recurrent: Recurrent | undefined;
  /** Steps ahead and levels of the pipeline. */
  readonly horizon: number;
  readonly quantiles: readonly number[];
  readonly calendar: CalendarOptions;
  readonly seed: number;
  /** Event time between triggers, and from a trigger to the first row under its weights; ms. */
  readonly every: number;
  readonly lag: number;
  /** May call for a training between two triggers. */
  readonly drift?: Drift | undefined;
  readonly exact: boolean;
  /** What the line begins with: it stands for every training up to there, and none follows before there are as many rows. */
  readonly given?: Given | undefined;
  /** A trigger trains only where the longest series has grown enough since the last training. */
  readonly growing: boolean;
  readonly training: TrainingOptions;
  readonly runner: TrainingRunner;
  readonly log: SwapLog;
  readonly events: EventBus;
  /** For durations in events. */
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Moments from one trigger to the next at which a training may come early: how exactly in time drift is answered. */
const LOOKS = 16;

interface Finished {
  readonly trigger: number;
  readonly result: TrainingResult;
}

/**
 * The gate between ingest and the weights.
 *
 * `exact`: rows later than a trigger wait until its training is done; the weights apply to rows later than trigger + lag.
 * `asap`: nothing waits; the swap takes place between two batches, at a number of rows that is written down first. Either way a restart
 * finds the record and repeats it instead of training again.
 */
export class Retraining implements Gate, Stateful {
  readonly exact: boolean;
  readonly #o: RetrainingOptions;
  readonly #looks: number;
  #trigger = Infinity;
  #inFlight: number | null = null;
  #finished: Finished | undefined;
  /** `asap`: the newest trigger whose outcome is in force. */
  #settled = -Infinity;
  readonly #growth: Growth;
  #given: Given;
  /** Whether the training in flight runs in this process; after a restart it does not, and is started again. */
  #launched = false;

  constructor(options: RetrainingOptions) {
    this.#o = options;
    this.exact = options.exact;
    this.#growth = new Growth(options.state.lanes, options.ring);
    this.#looks = options.drift ? LOOKS : 1;
    this.#given = options.given ?? { until: -Infinity, longest: 0 };
    options.state.add('retraining', this);
  }

  get trigger(): number {
    return this.#trigger;
  }

  get swapAt(): Position | undefined {
    return this.#recorded?.position;
  }

  /** `asap`: the next recorded outcome: history is repeated, not made. Known before its trigger is met, for partitions come in another order then. */
  get #recorded(): SwapRecord | undefined {
    if (this.exact) return undefined;
    return this.#o.log.records.find(({ mode, trigger }) => mode === 'asap' && trigger > this.#settled);
  }

  start(time: number): void {
    const { until } = this.#given;
    this.#trigger = until > time ? until : firstTrigger(time, this.#o.every);
  }

  async pass(next: number, newest: number, last = false): Promise<void> {
    const trigger = this.#trigger;
    const known = this.#o.log.find(trigger, this.exact ? 'exact' : 'asap');
    // without a row since the moment before, it depends on the order of the rows to come whether this one is met at all
    const since = this.#scheduled(trigger) ? trigger - this.#o.every : lookBefore(trigger, this.#o.every, this.#looks);
    const idle = newest <= since;
    const scheduled = this.#scheduled(trigger) && (!this.#o.growing || this.#growth.enough(trigger));
    const wanted = !idle && (scheduled || (this.#o.drift?.due(trigger) ?? false));
    if (trigger === this.#given.until) {
      this.#growth.trained(trigger);
      this.#o.drift?.restart(trigger, this.exact ? trigger : newest);
    } else if (!this.exact) {
      // at the end of the input there is nothing left to train for
      if (!last && trigger > this.#settled) this.#begin(trigger, newest, { known: known !== undefined, wanted, scheduled });
    } else if (known) {
      this.#growth.trained(trigger);
      this.#repeat(known);
    } else if (wanted) {
      const job = this.#job(trigger);
      const result = job && (await this.#train(job));
      // stopped while rows wait: the trigger stays, and the next run trains for it
      if (this.#o.signal.aborted) return;
      if (result) this.#settle(trigger, result, 0, {}, last);
    }
    if (this.exact && wanted) this.#o.drift?.restart(trigger, trigger);
    this.#trigger = nextTrigger(trigger, next, this.#o.every, this.#looks, newest);
  }

  /** Whether it is a trigger of the schedule; others come by drift alone. */
  #scheduled(trigger: number): boolean {
    return trigger % this.#o.every === 0;
  }

  async between(rows: number, position: Position): Promise<void> {
    if (this.exact) return;
    const due = this.#recorded;
    if (due) {
      if (!reached(position, due.position)) return;
      this.#repeat(due);
      this.#settled = due.trigger;
      this.#inFlight = null;
    }
    if (this.#inFlight !== null && !this.#finished && !this.#launched) this.#launch(this.#inFlight);
    if (!this.#finished) return;
    const { trigger, result } = this.#finished;
    this.#finished = undefined;
    this.#inFlight = null;
    this.#settle(trigger, result, rows, position);
  }

  /** `asap`: a recorded training is in flight for as many rows as it was then, so that triggers are passed over as they were then. */
  #begin(trigger: number, newest: number, of: { known: boolean; wanted: boolean; scheduled: boolean }): void {
    const { known, wanted, scheduled } = of;
    if (!known && !wanted && !scheduled) return;
    if (this.#inFlight !== null) {
      if (scheduled) this.#o.events.emit('training.skipped', { trigger, reason: 'the training before it still runs' });
      return;
    }
    this.#o.drift?.restart(trigger, newest);
    if (known) {
      this.#growth.trained(trigger);
      this.#inFlight = trigger;
    }
    // where partitions come in another order, drift may show elsewhere than it did; what is recorded holds
    else if (scheduled || !this.#recorded) this.#launch(trigger);
  }

  #launch(trigger: number): void {
    const job = this.#job(trigger);
    this.#inFlight = job ? trigger : null;
    if (!job) return;
    this.#launched = true;
    void this.#train(job).then((result) => {
      this.#launched = false;
      // stopped while it ran: it stays in flight, and the next run trains again
      if (result) this.#finished = { trigger, result };
    });
  }

  /** Trains on all rows up to an event time (epoch ms), swaps nothing, and gives the model. Undefined where nothing was ever learned, or the run was stopped. */
  async model(trigger: number): Promise<{ readonly result: TrainingResult; readonly model: ModelFile } | undefined> {
    const job = this.#job(trigger);
    const result = job && (await this.#train(job, 'schedule'));
    const { version } = this.#o.inputs.box.current;
    if (!result || (version === 0 && !result.accepted)) return undefined;
    return { result, model: this.#o.log.modelOf({ trigger, version: version + 1 }, job.shape, result.weights, factsOf(result)) };
  }

  /** What there is to train on at a trigger; undefined when it is too little. */
  #job(trigger: number): TrainingJob | undefined {
    const { events, training, recurrent, inputs, ring, state, seed, calendar, horizon, quantiles } = this.#o;
    const series = collectRows(state.lanes, ring, inputs.scaler(), trigger, seed, training);
    const longest = longestOf({ series });
    // a model of a year must not make way for one of a day
    if (longest < Math.max(training.steps + horizon, Math.min(this.#given.longest, training.rows))) {
      events.emit('training.skipped', { trigger, reason: `too few rows: ${longest} in the longest series` });
      return undefined;
    }
    const { weights } = inputs.box.current;
    this.#growth.trained(trigger);
    return {
      trigger,
      seed,
      shape: recurrent?.shape,
      fitted: inputs.fitted,
      sizes: recurrent?.features.sizes ?? { ...inputs.sizes, lags: 0 },
      quantiles,
      calendar,
      weights,
      // an untrained head says nothing
      first: weights.get('head.w')?.every((value) => value === 0) ?? false,
      options: training,
      series,
    };
  }

  #reason({ trigger }: TrainingJob): 'schedule' | 'drift' {
    return this.#scheduled(trigger) ? 'schedule' : 'drift';
  }

  /** Trains; a failure is an outcome too. Undefined when the run was stopped meanwhile. */
  async #train(job: TrainingJob, reason = this.#reason(job)): Promise<TrainingResult | undefined> {
    const { events, runner, clock, signal } = this.#o;
    const { trigger, weights, series } = job;
    const rows = series.reduce((sum, { times }) => sum + times.length, 0);
    events.emit('training.started', { trigger, rows, series: series.length, reason });
    const started = clock.elapsed();
    try {
      const result = await runner(job);
      const { loss, champion, challenger, accepted } = result;
      if (accepted) checkWeights(job.shape, result.weights);
      events.emit('training.finished', {
        trigger,
        milliseconds: clock.elapsed() - started,
        loss,
        champion,
        challenger,
        accepted,
        reason,
      });
      return result;
    } catch (cause) {
      if (signal.aborted) return undefined;
      events.emit('training.failed', {
        trigger,
        reason: cause instanceof TidecastError ? String(cause.facts['reason'] ?? cause.message) : String(cause),
      });
      // recorded like a refusal: a restart must not succeed where this run went on with the old weights
      return {
        accepted: false,
        weights,
        loss: NaN,
        champion: NaN,
        challenger: NaN,
        rows,
        series: series.length,
        longest: longestOf(job),
        gradientNorm: NaN,
        updates: 0,
        clipped: 0,
      };
    }
  }

  /** `last`: rows up to the trigger may follow when the input grows, so this is no history to repeat. */
  #settle(trigger: number, result: TrainingResult, rows: number, position: Position, last = false): void {
    const { log, inputs, recurrent } = this.#o;
    const { accepted, weights, champion, challenger } = result;
    const version = accepted ? inputs.box.current.version + 1 : 0;
    const hash = accepted ? weightsHash(weights) : '';
    const record: SwapRecord = {
      trigger,
      mode: this.exact ? 'exact' : 'asap',
      rows,
      position,
      version,
      hash,
      champion: Number.isFinite(champion) ? champion : null,
      challenger: Number.isFinite(challenger) ? challenger : null,
    };
    if (!last) log.write(record, recurrent?.shape, weights, factsOf(result));
    if (!this.exact) this.#settled = trigger;
    this.#swap(record, weights);
  }

  #repeat(record: SwapRecord): void {
    if (record.version > this.#o.inputs.box.current.version) this.#swap(record, this.#o.log.weights(record));
  }

  #swap({ version, trigger }: SwapRecord, weights: Weights): void {
    if (version === 0) return;
    const { hash } = this.#o.inputs.box.swap(this.exact ? trigger + this.#o.lag : -Infinity, weights, version);
    this.#o.events.emit('weights.swapped', { trigger, version, hash });
  }

  snapshot(): Saved {
    const versions = this.#o.inputs.box.versions;
    return {
      trigger: Float64Array.of(this.#trigger),
      settled: Float64Array.of(this.exact ? lookBefore(this.#trigger, this.#o.every, this.#looks) : this.#settled),
      inFlight: this.#inFlight,
      trainedAt: this.#growth.trainedAt,
      given: Float64Array.of(this.#given.until, this.#given.longest),
      version: versions.map(({ version }) => version),
      after: Float64Array.from(versions, ({ after }) => after),
      hash: versions.map(({ hash }) => hash),
      names: versions.map(({ weights }) => [...weights.keys()]),
      weights: versions.map(({ weights }) => [...weights.values()].map((data) => data.slice())),
    };
  }

  restore(saved: Saved): void {
    const from = saved as unknown as SavedRetraining;
    this.#trigger = from.trigger[0]!;
    this.#settled = from.settled[0]!;
    // a run that now waits for its weights does not finish what a run that did not wait had begun
    this.#inFlight = this.exact ? null : from.inFlight;
    this.#growth.trainedAt = from.trainedAt;
    const [until = -Infinity, longest = 0] = from.given ?? [];
    this.#given = { until, longest };
    this.#o.inputs.box.restore(savedWeights(saved));
  }
}

function factsOf({ longest, updates, clipped, gradientNorm: largest }: TrainingResult): TrainingFacts {
  return { longest, updates, clipped, largest };
}

interface SavedRetraining {
  readonly trigger: Float64Array;
  readonly settled: Float64Array;
  readonly inFlight: number | null;
  readonly trainedAt: number;
  /** Absent in older states. */
  readonly given?: Float64Array;
  readonly version: number[];
  readonly after: Float64Array;
  readonly hash: string[];
  readonly names: string[][];
  readonly weights: Float32Array[][];
}

/** The versions of the weights in what a {@link Retraining} saved. */
export function savedWeights(saved: Saved): WeightsVersion[] {
  const { version, after, hash, names, weights } = saved as unknown as SavedRetraining;
  return version.map((each, i) => ({
    version: each,
    after: after[i]!,
    hash: hash[i]!,
    weights: new Map(names[i]!.map((name, k) => [name, weights[i]![k]!])),
  }));
}
