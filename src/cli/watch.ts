/** Fills a ViewModel from events and forecasts while a line runs. It looks at a few rows of a batch, however large that is. */
import type { ForecastBatch } from '../core/batch.ts';
import type { Clock } from '../core/clock.ts';
import type { EventBus, Events } from '../core/events.ts';
import { intervalsText } from './numbers.ts';
import type { ForecastLine, RecentLine, ScoreLine, TrainingLine, ViewModel, WaitingLine } from './view-model.ts';

const SHOWN_SERIES = 5;
const ROWS_LOOKED_AT = 64;
const RECENT = 110;
const SCORES_EVERY = 500;
const RATE_OVER = 100;

/** What a watcher is told once the line is built. */
export interface WatchInfo {
  /** Rows in all, where known. */
  readonly total: number | undefined;
  readonly targets: readonly string[];
  /** Levels of the quantiles, ascending. */
  readonly quantiles: readonly number[];
  /** Scores over all series; a pass over the lanes, so it is asked for twice a second at most. */
  scores(): readonly ScoreLine[];
}

export class Watch {
  readonly #pipeline: string;
  readonly #clock: Clock;
  readonly #start: number;
  readonly #forecasts = new Map<string, readonly ForecastLine[]>();
  readonly #recent: { actual: number[]; forecast: number[] } = { actual: [], forecast: [] };
  #recentSeries: string | undefined;
  readonly #trainings: TrainingLine[] = [];
  #info: WatchInfo | undefined;
  #scores: readonly ScoreLine[] = [];
  #scoresAt = -Infinity;
  #phase: ViewModel['phase'] = 'starting';
  #resumedAt: number | undefined;
  #rowsBefore = 0;
  #rows = 0;
  #time: number | undefined;
  readonly #rejected: Record<string, number> = {};
  #series = 0;
  /** Both ends, where their servers are away: by kind and name. */
  readonly #waiting = new Map<string, Omit<WaitingLine, 'seconds'> & { readonly since: number }>();
  /** Messages still to be read, by source and partition. */
  readonly #lags = new Map<string, number>();
  #lines = 0;
  #refusedPoints = 0;
  #training = false;
  #checkpoint: { generation: number; at: number } | undefined;
  #warning: string | undefined;
  /** Rows and time of some moments, oldest first: the rate is that of the last seconds. */
  readonly #pace: { at: number; rows: number }[] = [];

  constructor(pipeline: string, clock: Clock, events: EventBus) {
    this.#pipeline = pipeline;
    this.#clock = clock;
    this.#start = clock.elapsed();
    events.on('run.started', ({ resumed, rows }) => {
      if (this.#phase !== 'stopping') this.#phase = 'running';
      this.#lines += 1;
      // where each partition is a line of its own there are several
      this.#rows += rows;
      this.#rowsBefore += rows;
      if (resumed) this.#resumedAt = (this.#resumedAt ?? 0) + rows;
    });
    events.on('run.stopped', () => {
      this.#lines -= 1;
      if (this.#lines === 0 && this.#lags.size === 0) this.#phase = 'done';
    });
    events.on('ticks.ingested', ({ rows, time }) => {
      this.#rows += rows;
      if (Number.isFinite(time)) this.#time = time;
    });
    events.on('ticks.rejected', ({ reason, count }) => (this.#rejected[reason] = (this.#rejected[reason] ?? 0) + count));
    events.on('series.quarantined', ({ series, reason }) => (this.#warning = `series ${series} is quarantined: ${reason}`));
    events.on('intervals.differed', (what) => (this.#warning = intervalsText(what)));
    this.#followEnds(events);
    events.on('retraining.off', ({ reason }) => (this.#warning = `retraining is off: ${reason}`));
    events.on('partition.waiting', ({ partition, reason }) => (this.#warning = `partition ${partition} waits: ${reason}`));
    events.on('points.refused', ({ sink, reason, count }) => {
      this.#refusedPoints += count;
      this.#warning = `${sink} will never take ${this.#refusedPoints} of the points (${reason}); kept in the state folder`;
    });
    events.on('training.started', () => (this.#training = true));
    events.on('training.finished', (event) => this.#trained(asTraining(event)));
    events.on('training.failed', ({ trigger, reason }) => this.#trained(without(trigger, `failed: ${reason}`)));
    events.on('training.skipped', ({ trigger, reason }) => this.#trained(without(trigger, `skipped: ${reason}`)));
    events.on('checkpoint.saved', ({ generation }) => (this.#checkpoint = { generation, at: clock.elapsed() }));
    events.on(
      'checkpoint.damaged',
      ({ file, reason }) => (this.#warning = `${file} could not be used (${reason}); the state before it was`),
    );
  }

  /** The ends that are servers: which wait, and how much is left to be read. */
  #followEnds(events: EventBus): void {
    const wait = (end: string, line: Omit<WaitingLine, 'seconds'>) => {
      const since = this.#waiting.get(end)?.since ?? this.#clock.elapsed();
      this.#waiting.set(end, { ...line, since });
    };
    events.on('source.waiting', ({ source, endpoint, reason }) => wait(`source ${source}`, { name: source, endpoint, reason }));
    events.on('source.connected', ({ source }) => void this.#waiting.delete(`source ${source}`));
    events.on('sink.waiting', ({ sink, endpoint, reason }) => wait(`sink ${sink}`, { name: sink, endpoint, reason }));
    for (const name of ['sink.connected', 'sink.written'] as const)
      events.on(name, ({ sink }) => void this.#waiting.delete(`sink ${sink}`));
    events.on('source.lag', ({ source, partition, lag }) => void this.#lags.set(`${source} ${partition}`, lag));
    events.on('source.revoked', ({ source, partitions }) => {
      for (const partition of partitions) this.#lags.delete(`${source} ${partition}`);
    });
  }

  /** The run is over. */
  ended(): void {
    this.#phase = 'done';
  }

  /** The user asked to stop. */
  stopping(): void {
    if (this.#phase !== 'done') this.#phase = 'stopping';
  }

  /** The line is built. */
  attach(info: WatchInfo): void {
    this.#info = info;
  }

  /** Series with a lane, at most at once. */
  get series(): number {
    return this.#series;
  }

  /** Refused ticks of this run by reason. */
  get rejected(): Readonly<Record<string, number>> {
    return this.#rejected;
  }

  /** Looks at a batch of forecasts; hand it to the line as `watch`. */
  readonly see = (batch: ForecastBatch): void => {
    const info = this.#info;
    if (!info) return;
    this.#series = batch.keys.length;
    this.#keepRecent(batch);
    const first = Math.max(0, batch.length - ROWS_LOOKED_AT);
    for (let row = first; row < batch.length; row++) {
      const series = batch.keys[batch.lanes[row]!];
      if (series === undefined) continue;
      if (!this.#forecasts.has(series) && this.#forecasts.size >= SHOWN_SERIES) continue;
      this.#forecasts.set(series, forecastLines(batch, row, series, info));
    }
  };

  /** How things stand now. */
  model(): ViewModel {
    const now = this.#clock.elapsed();
    if (this.#info && (this.#phase === 'done' || now - this.#scoresAt >= SCORES_EVERY)) {
      this.#scores = this.#info.scores();
      this.#scoresAt = this.#clock.elapsed();
    }
    return {
      pipeline: this.#pipeline,
      phase: this.#phase,
      resumedAt: this.#resumedAt,
      rows: this.#rows,
      total: this.#info?.total,
      rowsPerSecond: this.#rate(now),
      seconds: (now - this.#start) / 1000,
      time: this.#time,
      series: this.#series,
      rejected: Object.values(this.#rejected).reduce((sum, n) => sum + n, 0),
      lag: this.#lags.size > 0 ? [...this.#lags.values()].reduce((sum, lag) => sum + lag, 0) : undefined,
      waiting: [...this.#waiting.values()].map(({ since, ...line }) => ({ ...line, seconds: (now - since) / 1000 })),
      forecasts: this.#shown(),
      recent: this.#recentLine(),
      scores: this.#scores,
      trainings: this.#trainings,
      training: this.#training,
      checkpoint: this.#checkpoint && { generation: this.#checkpoint.generation, seconds: (now - this.#checkpoint.at) / 1000 },
      warning: this.#warning,
    };
  }

  /** With few series the last step ahead is shown as well. */
  #shown(): ForecastLine[] {
    const all = [...this.#forecasts.values()];
    return all.length <= 2 ? all.flat().slice(0, 8) : all.flatMap((lines) => lines.slice(0, 1));
  }

  #trained(line: TrainingLine): void {
    this.#training = false;
    this.#trainings.push(line);
    if (this.#trainings.length > 3) this.#trainings.shift();
  }

  #keepRecent(batch: ForecastBatch): void {
    const { actual, forecast } = this.#recent;
    for (let row = Math.max(0, batch.length - ROWS_LOOKED_AT); row < batch.length; row++) {
      const series = batch.keys[batch.lanes[row]!];
      this.#recentSeries ??= series;
      if (series !== this.#recentSeries) continue;
      const truth = batch.actual[row * batch.targets]!;
      actual.push(truth);
      forecast.push(truth - batch.errors[row * batch.targets * batch.horizon]!);
    }
    if (actual.length > RECENT) {
      actual.splice(0, actual.length - RECENT);
      forecast.splice(0, forecast.length - RECENT);
    }
  }

  #recentLine(): RecentLine | undefined {
    return this.#recentSeries === undefined ? undefined : { series: this.#recentSeries, ...this.#recent };
  }

  #rate(now: number): number {
    this.#pace.push({ at: now, rows: this.#rows });
    while (this.#pace.length > 2 && now - this.#pace[1]!.at > 3000) this.#pace.shift();
    const oldest = this.#pace[0]!;
    // two looks in the same moment tell nothing, and at the end the whole run counts
    if (this.#phase !== 'done' && now - oldest.at >= RATE_OVER) return ((this.#rows - oldest.rows) / (now - oldest.at)) * 1000;
    return ((this.#rows - this.#rowsBefore) / Math.max(1, now - this.#start)) * 1000;
  }
}

function asTraining({ trigger, champion, challenger, accepted, milliseconds }: Events['training.finished']): TrainingLine {
  return { trigger, champion, challenger, accepted, seconds: milliseconds / 1000 };
}

function without(trigger: number, reason: string): TrainingLine {
  return { trigger, champion: NaN, challenger: NaN, accepted: false, seconds: NaN, reason };
}

/** The first and the last step of every target of a row. */
function forecastLines(batch: ForecastBatch, row: number, series: string, info: WatchInfo): ForecastLine[] {
  const { targets, horizon, quantileCount } = batch;
  const pair = central(info.quantiles);
  return Array.from({ length: targets }).flatMap((_, target) =>
    (horizon === 1 ? [0] : [0, horizon - 1]).map((h): ForecastLine => {
      const cell = (row * targets + target) * horizon + h;
      return {
        series,
        target: info.targets[target] ?? `${target}`,
        step: h + 1,
        time: batch.validTimes[row * horizon + h]!,
        mean: batch.mean[cell]!,
        interval: pair && {
          nominal: pair.nominal,
          low: batch.quantiles[cell * quantileCount + pair.low]!,
          high: batch.quantiles[cell * quantileCount + pair.high]!,
        },
        naive: batch.naive[cell]!,
        lastError: batch.errors[cell]!,
      };
    }),
  );
}

/** The central interval nearest to 80 %. */
function central(levels: readonly number[]): { nominal: number; low: number; high: number } | undefined {
  let best: { nominal: number; low: number; high: number } | undefined;
  for (let low = 0; low < levels.length >> 1; low++) {
    const high = levels.length - 1 - low;
    const nominal = levels[high]! - levels[low]!;
    if (!best || Math.abs(nominal - 0.8) < Math.abs(best.nominal - 0.8)) best = { nominal, low, high };
  }
  return best;
}
