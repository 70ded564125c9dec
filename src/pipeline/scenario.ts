/** Scenarios: every series' paths from the state that a run left, which is only read. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import type { LanesSnapshot } from '../core/lanes.ts';
import { Random, seedOf } from '../core/random.ts';
import { State, type StateSnapshot } from '../core/state.ts';
import type { Ensemble } from '../forecast/ensemble.ts';
import { couple, rollPaths } from '../forecast/paths.ts';
import { competitor, shadowOf } from './competitors.ts';
import { layout } from './layout.ts';
import type { LoadedSpec } from './load.ts';
import { loadForecasters } from './load-forecasters.ts';
import { savedWeights } from './retraining.ts';
import { connectorContext, type RunOptions } from './run.ts';
import { savedSeasons, SEASONS, withSeasons } from './season-search.ts';
import { stateIdentity } from './state-identity.ts';
import { readNewest } from './state-store.ts';

export interface ScenarioOptions extends Pick<RunOptions, 'sources' | 'forecasters'> {
  readonly paths: number;
  readonly steps: number;
  readonly seed: number;
  /** Only this one. */
  readonly series?: string | undefined;
}

/** The paths of one target of one series. */
export interface Scenario {
  readonly series: string;
  readonly target: string;
  /** Event time of the newest row, epoch ms, and its value. */
  readonly origin: number;
  readonly last: number;
  /** Event times of the steps, epoch ms. */
  readonly times: readonly number[];
  /** What the pipeline itself forecast at the newest row, as far as its horizon reaches. */
  readonly forecast: readonly number[];
  /** By path, then by step. */
  readonly paths: readonly (readonly number[])[];
}

/** Paths that are rolled side by side. */
const LANES = 4096;
/** The most numbers of all paths together. */
const MOST = 20_000_000;

/**
 * Paths of every series in the newest state, in name order. The same state, seed and sizes give the same bits, whatever other series
 * there are. Throws CLI_NO_STATE, SCENARIO_SERIES, SCENARIO_SIZE, and STATE_SHAPE where the state is of another pipeline.
 */
export async function scenarios(spec: LoadedSpec, options: ScenarioOptions): Promise<Scenario[]> {
  const found: Scenario[] = [];
  for (const folder of stateFolders(spec.state.path)) {
    const saved = readNewest(folder)?.state as unknown as StateSnapshot | undefined;
    if (saved) found.push(...(await fromState(spec, saved, options)));
  }
  if (found.length === 0)
    throw options.series === undefined
      ? new TidecastError('CLI_NO_STATE', { folder: spec.state.path })
      : new TidecastError('SCENARIO_SERIES', { series: options.series.slice(0, 80), folder: spec.state.path });
  return found.sort((a, b) => (a.series < b.series ? -1 : a.series > b.series ? 1 : 0));
}

/** The folder itself, or where several processes share it those of its partitions. */
function stateFolders(folder: string): string[] {
  const within = existsSync(folder) ? readdirSync(folder).filter((name) => /^partition-\d+$/.test(name)) : [];
  return [folder, ...within.map((name) => join(folder, name))];
}

async function fromState(given: LoadedSpec, saved: StateSnapshot, options: ScenarioOptions): Promise<Scenario[]> {
  const seasons = saved.parts[SEASONS];
  const spec = withSeasons(given, seasons === undefined ? undefined : savedSeasons(seasons));
  const { paths, steps, seed, series } = options;
  const state = new State({ maxLanes: LANES });
  state.restore(saved);
  const { ensemble, targets, prefix } = await inCharge(spec, saved, state, options);
  const counts = saved.lanes.columns.find(({ name }) => name === `${prefix}ring.count`)!.data;
  const wanted = saved.lanes.keys.flatMap((key, lane) =>
    key !== null && counts[lane]! > 0 && (series === undefined || key === series) ? [{ key, lane }] : [],
  );
  const numbers = wanted.length * paths * steps * targets.length;
  if (numbers > MOST) throw new TidecastError('SCENARIO_SIZE', { series: wanted.length, numbers, largest: MOST });
  const together = Math.max(1, Math.floor(LANES / paths));
  const found: Scenario[] = [];
  for (let at = 0; at < wanted.length; at += together) {
    const some = wanted.slice(at, at + together);
    state.lanes.restore(repeated(saved.lanes, some, paths));
    found.push(...roll(ensemble, some, targets, { paths, steps, seed }, prefix));
  }
  return found;
}

/** The ensemble whose forecasts are sent out, with its state; its training stays away. */
async function inCharge(spec: LoadedSpec, saved: StateSnapshot, state: State, options: ScenarioOptions) {
  const { sources, forecasters } = options;
  const events = new EventBus();
  const connector = connectorContext(spec, { events, fresh: false });
  const source = sources.find(({ name }) => name === spec.source.type)!.build(spec.source.config, connector);
  const { channels } = source;
  await source.close();
  const plan = layout(spec, channels);
  state.add('pipeline', stateIdentity(spec, channels));
  const shadow = (saved.parts['duel'] as { charge?: number } | undefined)?.charge === 1 ? spec.shadow : undefined;
  const { forecast } = shadow ?? spec;
  const loaded = await loadForecasters({ ...spec, forecast }, forecasters);
  const parts = {
    ...{ state, source, sinks: [], forecasters, loaded, shadowLoaded: loaded, clock: systemClock, events },
    ...{ signal: new AbortController().signal, exact: true, paced: false, folder: spec.folder },
  };
  const { interval, time_zone: timeZone, session } = spec.window;
  const kit = { parts, plan, days: { interval, bars: plan.bars, timeZone, session } };
  const { ensemble } = shadow ? shadowOf(spec, shadow, kit) : competitor(spec, kit, undefined);
  const prefix = shadow ? 'shadow.' : '';
  const retraining = saved.parts[`${prefix}retraining`];
  if (retraining !== undefined) ensemble.context.inputs.box.restore(savedWeights(retraining));
  return { ensemble, targets: plan.targets, prefix };
}

/** Lanes in which each of some series stands `times` times. */
function repeated(
  lanes: LanesSnapshot,
  some: readonly { readonly key: string; readonly lane: number }[],
  times: number,
): LanesSnapshot {
  return {
    keys: some.flatMap(({ key }) => Array.from({ length: times }, (_, path) => `${key}\0${path}`)),
    columns: lanes.columns.map(({ name, stride, data }) => {
      const copies = new (data.constructor as Float64ArrayConstructor)(some.length * times * stride) as typeof data;
      some.forEach(({ lane }, i) => {
        const own = data.subarray(lane * stride, (lane + 1) * stride);
        for (let path = 0; path < times; path++) copies.set(own as never, (i * times + path) * stride);
      });
      return { name, stride, data: copies };
    }),
  };
}

function roll(
  ensemble: Ensemble,
  some: readonly { readonly key: string }[],
  targets: readonly string[],
  { paths, steps, seed }: Pick<ScenarioOptions, 'paths' | 'steps' | 'seed'>,
  prefix: string,
): Scenario[] {
  const { ring, clock, horizon, quantiles } = ensemble.context;
  const began = some.flatMap(({ key: series }, i) =>
    targets.map((target, t) => {
      const lane = i * paths;
      const origin = ring.time(lane, 0);
      const times: number[] = [];
      for (let step = 0; step < steps; step++) times.push(clock.after(times.at(-1) ?? origin, 1));
      const issued = Array.from({ length: Math.min(steps, horizon) }, () => new Float64Array(quantiles.length));
      const forecast = issued.map((into, h) => ensemble.newest(lane, t * horizon + h, into));
      return { series, target, origin, last: ring.value(lane, 0, t), times, forecast, issued, lane, t };
    }),
  );
  const lanes = Int32Array.from({ length: some.length * paths }, (_, lane) => lane);
  const randoms = some.flatMap(({ key }) =>
    Array.from({ length: paths }, (_, path) => new Random(seedOf(seed, 'scenario', key, path))),
  );
  const drawn = rollPaths(ensemble, lanes, randoms, steps, prefix);
  return began.map(({ lane, t, issued, ...told }) => {
    const rolled = Array.from({ length: paths }, (_, path) =>
      Array.from({ length: steps }, (__, step) => drawn[((lane + path) * steps + step) * targets.length + t]!),
    );
    couple(rolled, quantiles, issued);
    return { ...told, paths: rolled };
  });
}

/** The quantile of some numbers in ascending order, a straight line between neighbours. */
export function quantileOf(sorted: readonly number[], level: number): number {
  const place = level * (sorted.length - 1);
  const below = Math.floor(place);
  return sorted[below]! + (place - below) * (sorted[Math.min(below + 1, sorted.length - 1)]! - sorted[below]!);
}
