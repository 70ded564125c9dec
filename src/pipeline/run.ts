/** Runs a pipeline: builds the line, restores its state, pulls it to the end or until it is stopped, and leaves it ready to go on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { tap } from 'rxjs/operators';
import type { ForecastBatch } from '../core/batch.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import type { SinkComponent, SourceComponent } from '../core/component.ts';
import type { ConnectorContext, Health, Sink, Source } from '../core/connector.ts';
import { TidecastError } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';
import { State, type Saved, type StateSnapshot } from '../core/state.ts';
import type { Ensemble } from '../forecast/ensemble.ts';
import type { ForecasterComponent } from '../forecast/forecaster.ts';
import type { ScoreSummary } from '../forecast/score.ts';
import type { Place } from '../stream/ingest.ts';
import { TrainingWorker } from '../train/worker.ts';
import { buildLine, type Line } from './build.ts';
import { Checkpoints } from './checkpoint.ts';
import type { LoadedSpec } from './load.ts';
import { afterHistory } from './history.ts';
import { loadForecasters } from './load-forecasters.ts';
import { modelIdentity } from './model-identity.ts';
import { INPUT_FILE, runMember } from './members.ts';
import type { Part } from './part.ts';
import { refuse } from './refused-points.ts';
import { SpillFiles } from './spill-files.ts';
import { FolderStore, type StateStore } from './state-store.ts';
import { deadlines, StopDeadline } from './stop-deadline.ts';
import { PROMOTIONS, type PromotionRecord } from './promotion.ts';
import { RecordLog } from './record-log.ts';
import { RollbackRequests } from './rollback.ts';
import { SEASONS, seasonsOf, seasonsPart, withSeasons } from './season-search.ts';
import { SHADOW, SwapLog } from './swap-log.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- each component checks its own configuration */
export interface RunOptions {
  readonly sources: readonly SourceComponent<any>[];
  readonly sinks: readonly SinkComponent<any>[];
  readonly forecasters: readonly ForecasterComponent<any>[];
  readonly clock?: Clock;
  readonly events: EventBus;
  readonly signal: AbortSignal;
  /** Neither paces nor swaps as soon as possible: rows wait for weights that are due. */
  readonly fast: boolean;
  /** Drops the saved state first. */
  readonly fresh: boolean;
  /** Puts something between the source and the line. */
  readonly wrap?: (source: Source) => Source;
  /** Rows before this event time (epoch ms) are not scored. */
  readonly scoreFrom?: number | undefined;
  /** Seasons are looked for in all rows of the source, scored or not. */
  readonly everywhere?: boolean;
  /** Whether batches of forecasts say what every model said. */
  readonly opinions?: boolean;
  /** Is called with the line once it is built, and sees every batch of forecasts. */
  readonly built?: (line: Line, info: RunInfo) => void;
  readonly watch?: (batch: ForecastBatch) => void;
  /** Is called at the end, while evicted series can still be read. */
  readonly ended?: (line: Line) => void | Promise<void>;
}
/* eslint-enable @typescript-eslint/no-explicit-any */

export interface RunInfo {
  readonly resumed: boolean;
  /** Rows ingested before this run. */
  readonly from: number;
  /** Rows in all, where known. */
  readonly total: number | undefined;
  /** The source and the sinks, by name, and how each is doing; undefined where an end does not say. */
  readonly ends: readonly { readonly name: string; health(): Health | undefined }[];
  /** Set where each partition is a line of its own. */
  readonly partition?: number | undefined;
}

export interface RunResult {
  /** Rows ingested, by this run and in all. */
  readonly rows: number;
  readonly total: number;
  readonly milliseconds: number;
  /** Whether the input ended (or the run was stopped). */
  readonly complete: boolean;
  readonly targets: readonly string[];
  /** Where the pipeline names none: in rows, as they were found. */
  readonly seasons?: readonly number[];
  /** By target and step, over all series. */
  readonly scores: readonly (readonly ScoreSummary[])[];
  /** The same of the shadow, where there is one. */
  readonly shadow?: readonly (readonly ScoreSummary[])[];
  readonly stateHash: string;
}

/** Runs until the source ends or the signal is aborted. Throws `TidecastError`s; the state then is that of the last checkpoint. */
export async function runPipeline(spec: LoadedSpec, options: RunOptions): Promise<RunResult> {
  if (spec.state.shared) return runMember(spec, options);
  if (existsSync(join(spec.state.path, INPUT_FILE)))
    throw new TidecastError('STATE_SHARING', { folder: spec.state.path, shared: true });
  const store = new FolderStore(spec.state.path, { events: options.events, fresh: options.fresh });
  const { result } = await drive(spec, store, spec.state.path, options);
  return result;
}

/** What an end of the line is built with. */
export function connectorContext(spec: LoadedSpec, options: Pick<RunOptions, 'clock' | 'events' | 'fresh'>): ConnectorContext {
  const { clock = systemClock, events, fresh } = options;
  return { folder: spec.folder, pipeline: spec.name, clock, seed: spec.seed, events, fresh };
}

/** A partition that was taken away is let go of within this time, ms: another process waits for it. */
const RELEASE = 8000;

/** How a run differs where a partition is a line of its own. */
export interface OneOfMany {
  readonly source: Source;
  readonly partition: number;
}

/** A run whose state is kept by `store`; weights and spilled series go to `folder`. Closes the store. */
export async function drive(
  given: LoadedSpec,
  store: StateStore,
  folder: string,
  options: RunOptions,
  one?: OneOfMany,
): Promise<{ result: RunResult; line: Line }> {
  const { events, signal, fast } = options;
  const clock = options.clock ?? systemClock;
  const started = clock.elapsed();
  const [sinks, opened]: [Sink[], Sink[]] = [[], []];
  let spill: SpillFiles | undefined;
  const workers: TrainingWorker[] = [];
  let source: Source | undefined;
  let checkpoints: Checkpoints | undefined;
  const connector = connectorContext(given, options);
  const buildSource = ({ type, config }: Part): Source =>
    options.sources.find(({ name }) => name === type)!.build(config, connector);

  const work = async (): Promise<{ result: RunResult; line: Line }> => {
    const saved = store.load() as unknown as StateSnapshot | undefined;
    const seasons = await seasonsOf(given, saved, buildSource, { ...options, clock });
    const found = given.forecast.findSeasons ? seasons : undefined;
    const spec = withSeasons(given, found);
    const loaded = await loadForecasters(spec, options.forecasters);
    const shadowLoaded = spec.shadow && (await loadForecasters({ ...spec, forecast: spec.shadow.forecast }, options.forecasters));
    let live = () => undefined as void;
    const built = one?.source ?? buildSource(spec.source);
    const warmed = spec.history && !one ? afterHistory(buildSource(spec.history), built, () => live()) : built;
    source = options.wrap ? options.wrap(warmed) : warmed;
    const state = new State({ maxLanes: spec.state.max_lanes });
    if (saved) state.restore(saved);
    const from = rowsOf(saved);
    spill = new SpillFiles(folder);
    state.lanes.spillTo(spill);
    state.add('spill', spill);
    if (seasons) state.add(SEASONS, seasonsPart(seasons));
    const total = await source.rows?.();
    for (const { type, config } of spec.sinks)
      sinks.push(options.sinks.find(({ name }) => name === type)!.build(config, connector));
    // a recording that nobody paces would be over before its first training
    const unpaced = fast || (source.bounded && !spec.replay);
    const exact = (spec.retrain?.swap ?? (unpaced ? 'exact' : 'asap')) === 'exact';
    const trainer = (of: Pick<LoadedSpec, 'forecast' | 'retrain'>, into: string) => {
      if (!of.retrain || one) return undefined;
      // where rows wait for the weights the line needs no core of its own
      const spare = exact ? 0 : 1;
      const worker = new TrainingWorker({ spare, deadline: of.retrain.max_seconds * 1000, timer: deadlines(clock) });
      workers.push(worker);
      signal.addEventListener('abort', () => void worker.close(), { once: true });
      return {
        runner: (job: Parameters<TrainingWorker['run']>[0]) => worker.run(job),
        log: new SwapLog(into, modelIdentity({ ...spec, ...of }, source!.channels)),
      };
    };
    const rollbacks = new RollbackRequests(folder);
    const own = trainer(spec, folder);
    const training = own && { ...own, rollbacks };
    const shadow = spec.shadow && {
      training: trainer(spec.shadow, join(folder, SHADOW)),
      promotions: new RecordLog<PromotionRecord>(folder, PROMOTIONS),
    };
    if (spec.retrain && one) events.emit('retraining.off', { reason: 'several processes share the state' });
    let place: Place | undefined;
    const cuts = (checkpoints = new Checkpoints({
      state,
      store,
      source,
      sinks,
      spill,
      clock,
      events,
      every: spec.state.checkpoint,
      saved: () => rollbacks.look(),
      from,
    }));
    const between = (now: Place) => {
      const rows = now.rows - (place?.rows ?? from);
      if (rows > 0 || now.last) events.emit('ticks.ingested', { rows, total: now.rows, time: now.time });
      place = now;
      return cuts.between(now);
    };
    const line = buildLine(spec, {
      state,
      source,
      sinks,
      forecasters: options.forecasters,
      loaded,
      ...(shadowLoaded ? { shadowLoaded } : {}),
      clock,
      events,
      signal,
      exact,
      paced: !fast,
      training,
      shadow,
      folder: spec.folder,
      between,
      scoreFrom: options.scoreFrom,
      opinions: options.opinions,
    });
    if (saved) state.assertClaimed();
    line.delivery.muted = warmed !== built;
    live = () => void (line.delivery.muted = false);
    const { targets } = line.layout;
    const { horizon, quantiles } = spec.forecast;
    for (const sink of sinks) {
      opened.push(sink);
      await sink.open({
        pipeline: spec.name,
        targets,
        horizon,
        quantiles,
        interval: spec.window.interval,
        from,
        partition: one?.partition,
        refused: (points) => refuse(folder, points, events),
      });
    }
    const ends = [
      { name: spec.source.type, health: () => source!.health?.() },
      ...sinks.map((sink, i) => ({ name: spec.sinks[i]!.type, health: () => sink.health?.() })),
    ];
    options.built?.(line, { resumed: saved !== undefined, from, total, ends, partition: one?.partition });
    events.emit('run.started', { pipeline: spec.name, resumed: saved !== undefined, rows: from });

    await lastValueFrom(line.forecasts$.pipe(tap((batch) => options.watch?.(batch))), { defaultValue: undefined });
    await line.delivery.room();
    const complete = !signal.aborted;
    const rows = place?.rows ?? from;
    // stopped after the end: the state has gone on past the last cut, which is where the next run begins
    if (!complete && place && !place.last) await cuts.now(place);
    const stateHash = state.hash();
    // what went through after the last cut belongs to no checkpoint: it is written again, the same, if the input grows
    if (complete) for (const sink of sinks) await sink.flush({ from: rows, to: rows });
    for (let sink = opened.shift(); sink; sink = opened.shift()) await sink.close(complete);
    events.emit('run.stopped', { rows, clean: true });
    await options.ended?.(line);
    const cells = targets.flatMap((_, target) => Array.from({ length: horizon }, (_, step) => ({ target, step })));
    const scoresOf = ({ scores }: Ensemble) => {
      const summaries = scores.totals(cells);
      return targets.map((_, t) => summaries.slice(t * horizon, (t + 1) * horizon));
    };
    const result = {
      rows: rows - from,
      total: rows,
      milliseconds: clock.elapsed() - started,
      complete,
      targets,
      scores: scoresOf(line.ensemble),
      ...(line.shadow ? { shadow: scoresOf(line.shadow) } : {}),
      ...(found ? { seasons: found.seasons } : {}),
      stateHash,
    };
    return { result, line };
  };

  const { stop_within } = given.service;
  const deadline = new StopDeadline(signal, one ? Math.min(stop_within, RELEASE) : stop_within);
  try {
    return await deadline.race(work());
  } finally {
    // what went wrong before matters more than what goes wrong now, and a sink that hangs must not hold anything back
    if (deadline.passed) for (const each of opened) void each.close(false).catch(() => undefined);
    const closing = async (): Promise<void> => {
      for (const worker of workers) await worker.close();
      await checkpoints?.settled();
      for (const each of opened) await each.close(false).catch(() => undefined);
      await source?.close().catch(() => undefined);
    };
    await deadline.bounded(closing());
    if (deadline.passed) events.emit('run.stopped', { rows: 0, clean: false });
    spill?.close();
    store.close();
    deadline.clear();
  }
}

function rowsOf(saved: StateSnapshot | undefined): number {
  const intake = saved?.parts['ingest'] as { rows?: Saved } | undefined;
  return typeof intake?.rows === 'number' ? intake.rows : 0;
}
