/** The rules between fields: defaults that depend on other fields, and what does not go together. Every message names both values. */
import { basename, dirname, extname, resolve } from 'node:path';
import { duration } from '../core/duration.ts';
import { namesOf } from './attributes.ts';
import type { Path } from './document.ts';
import type { Draft, Spec } from './spec.ts';

/** A broken rule, at the field that a reader would change first. */
export interface Broken {
  readonly path: Path;
  readonly message: string;
}

/** Sections that were read without a fault; a rule looks only at those that are there. */
export type Sound = Partial<Draft>;

/** Forecasters as the rules see them. */
export interface Lookback {
  readonly name: string;
  readonly builtOn?: string;
  lookback(config: never, sizes: { readonly horizon: number; readonly seasons: readonly number[] }): number;
}

/** Most forecast values that one row may give: targets x horizon x (quantiles + 2). */
const MAX_OUTPUTS = 100_000;
/** Most inputs of attributes. */
const MAX_KINDS = 256;
/** Most rows of one training batch: batch x (burn_in + steps). */
const MAX_BATCH_ROWS = 1_000_000;

/** Every rule that the sound sections break. */
export function broken(draft: Sound, forecasters: readonly Lookback[]): Broken[] {
  const found: Broken[] = [];
  const say = (path: string, message: string) => void found.push({ path: path.split('.'), message });
  const { window, forecast, retrain } = draft;
  if (window) windowRules(window, say);
  if (forecast) forecastRules(forecast, forecasters, say);
  if (retrain) retrainRules(retrain, say);
  if (window && forecast) ringRules(window, forecast, forecasters, say);
  if (forecast?.season === 'auto') autoRules(draft, forecast, say);
  if (draft.shadow) found.push(...shadowRules(draft, draft.shadow, forecasters));
  if (draft.sinks) sinkRules(draft.sinks, say);
  if (window && retrain?.rows !== undefined && retrain.rows > window.ring) {
    say('retrain.rows', `must be at most window.ring, is ${retrain.rows} with a ring of ${window.ring}`);
  }
  if (window && retrain?.rows !== undefined) {
    const { rows } = retrain;
    const sequence = retrain.burn_in + retrain.steps;
    if (sequence >= rows)
      say(
        'retrain.steps',
        `burn_in ${retrain.burn_in} + steps ${retrain.steps} = ${sequence} must be less than retrain.rows, is ${rows}`,
      );
  }
  return found;
}

type Say = (path: string, message: string) => void;

function sinkRules(sinks: Draft['sinks'], say: Say): void {
  const pathOf = ({ type, config }: Draft['sinks'][number]) => `${type} ${String((config as { path?: unknown }).path)}`;
  const paths = sinks.map(pathOf);
  sinks.forEach((sink, i) => {
    const before = paths.indexOf(paths[i]!);
    const { path } = sink.config as { path?: unknown };
    if (path !== undefined && before < i)
      say(`sinks.${i}`, `writes to ${String(path)} as sinks[${before}] does: each needs a place of its own`);
  });
}

function windowRules(window: Draft['window'], say: Say): void {
  const { grid, interval, slide, bars } = window;
  if (grid === 'rows') {
    if (interval === undefined) say('window.interval', 'grid rows needs the time between two rows, such as interval: 30m');
    if (slide !== undefined) say('window.slide', `slide ${duration(slide)} needs a duration as grid, such as 1m; grid is rows`);
    if (bars !== undefined) say('window.bars', 'bars need a duration as grid, such as 1m; grid is rows');
  } else {
    const step = slide ?? grid;
    if (slide !== undefined && (slide > grid || grid % slide !== 0))
      say('window.slide', `slide ${duration(slide)} must divide grid ${duration(grid)}`);
    else if (interval !== undefined && interval !== step) {
      say(
        'window.interval',
        `interval ${duration(interval)} differs from ${slide === undefined ? 'grid' : 'slide'} ${duration(step)}: leave it out`,
      );
    }
  }
}

function forecastRules(forecast: Draft['forecast'], forecasters: readonly Lookback[], say: Say): void {
  const { quantiles, horizon, targets } = forecast;
  const models = forecast.models.map(({ type }) => type);
  quantiles.forEach((level, i) => {
    const before = quantiles[i - 1];
    if (before !== undefined && level <= before)
      say(`forecast.quantiles.${i}`, `quantiles must ascend: ${level} comes after ${before}`);
  });
  const names = quantiles.map((level) => level.toFixed(4));
  names.forEach((name, i) => {
    if (name === '0.0000' || name === '1.0000' || (names.indexOf(name) < i && quantiles[names.indexOf(name)] !== quantiles[i]))
      say(
        `forecast.quantiles.${i}`,
        `quantile ${quantiles[i]} differs from its neighbours, 0 or 1 only after four digits, and columns are named by four`,
      );
  });
  seasonsOf(forecast).forEach((season, i, all) => {
    if (all.indexOf(season) < i) say(`forecast.season.${i}`, `season ${season} is given twice`);
  });
  models.forEach((type, i) => {
    if (models.indexOf(type) < i) say(`forecast.models.${i}`, `the model ${type} is given twice`);
  });
  models.forEach((type, i) => {
    const builtOn = forecasters.find(({ name }) => name === type)?.builtOn;
    if (builtOn !== undefined && !models.slice(0, i).includes(builtOn))
      say(`forecast.models.${i}`, `${type} is built on ${builtOn}, which must stand before it among the models`);
  });
  if (!models.includes('naive'))
    say('forecast.models', `naive must be among the models, for every forecast stands beside it; there are ${models.join(', ')}`);
  targets?.forEach((target, i) => {
    if (targets.indexOf(target) < i) say(`forecast.targets.${i}`, `the target ${target} is given twice`);
  });
  if (forecast.output !== 'mixture' && !models.includes(forecast.output)) {
    say('forecast.output', `output ${forecast.output} is neither mixture nor one of the models (${models.join(', ')})`);
  }
  forecast.baselines?.forEach((baseline, i) => {
    if (!models.includes(baseline))
      say(`forecast.baselines.${i}`, `baseline ${baseline} is not one of the models (${models.join(', ')})`);
  });
  for (const [name, ahead] of Object.entries(forecast.known_ahead ?? {})) {
    const path = `forecast.known_ahead.${name}`;
    if (ahead < horizon) say(path, `${ahead} rows ahead do not reach the horizon ${horizon}: send the value at least so early`);
    if (targets?.includes(name)) say(path, `the target ${name} cannot be known ahead`);
  }
  const kinds = namesOf(forecast.attributes ?? {}).length;
  if (kinds > MAX_KINDS) say('forecast.attributes', `has ${kinds} different values; at most ${MAX_KINDS}`);
  const outputs = (targets?.length ?? 1) * horizon * (quantiles.length + 2);
  if (outputs > MAX_OUTPUTS) {
    say(
      'forecast.horizon',
      `horizon ${horizon} with ${quantiles.length} quantiles makes ${outputs} numbers a row; at most ${MAX_OUTPUTS}`,
    );
  }
}

function autoRules({ state, history }: Sound, { warmup, weights }: Draft['forecast'], say: Say): void {
  if (state?.shared) say('forecast.season', 'auto does not go with state.shared: true');
  if (!history && warmup === 0 && weights === undefined)
    say('forecast.season', 'auto looks in rows that are not scored: give forecast.warmup, or a history');
}

/** The seasons that are given. */
function seasonsOf({ season = [] }: Draft['forecast']): readonly number[] {
  return season === 'auto' ? [] : season;
}

function retrainRules(retrain: Draft['retrain'], say: Say): void {
  if (retrain.every !== undefined && retrain.lag >= retrain.every)
    say('retrain.lag', `lag ${duration(retrain.lag)} must be shorter than every ${duration(retrain.every)}`);
  const rows = retrain.batch * (retrain.burn_in + retrain.steps);
  if (rows > MAX_BATCH_ROWS)
    say(
      'retrain.batch',
      `batch ${retrain.batch} x (burn_in ${retrain.burn_in} + steps ${retrain.steps}) = ${rows} rows; at most ${MAX_BATCH_ROWS}`,
    );
}

function ringRules(window: Draft['window'], forecast: Draft['forecast'], forecasters: readonly Lookback[], say: Say): void {
  const { ring, bars } = window;
  const { horizon } = forecast;
  const seasons = seasonsOf(forecast);
  if (horizon > ring) say('forecast.horizon', `horizon ${horizon} must be at most window.ring ${ring}`);
  seasons.forEach((season, i) => {
    if (season > ring) say(`forecast.season.${i}`, `season ${season} must be at most window.ring ${ring}`);
  });
  for (const [name, ahead] of Object.entries(forecast.known_ahead ?? {})) {
    if (ahead >= ring) say(`forecast.known_ahead.${name}`, `${ahead} rows must be less than window.ring ${ring}`);
  }
  forecast.models.forEach(({ type, config }, i) => {
    const rows = forecasters.find(({ name }) => name === type)?.lookback(config as never, { horizon, seasons }) ?? 0;
    const known = horizon > ring || seasons.some((season) => season > ring);
    if (rows > ring && !known) say(`forecast.models.${i}`, `${type} looks back ${rows} rows, window.ring keeps ${ring}`);
  });
  const names = bars?.map(({ name }) => name);
  forecast.targets?.forEach((target, i) => {
    if (names && !names.includes(target))
      say(`forecast.targets.${i}`, `target ${target} is not one of the bars (${names.join(', ')})`);
  });
}

/** The rules of a pipeline that forecasts like the shadow, where they are about fields of the shadow. */
function shadowRules(draft: Sound, shadow: NonNullable<Sound['shadow']>, forecasters: readonly Lookback[]): Broken[] {
  const { window, forecast, state } = draft;
  const found: Broken[] = [];
  if (state?.shared) found.push({ path: ['shadow'], message: 'does not go with state.shared: true' });
  if (shadow.name === 'forecast')
    found.push({ path: ['shadow', 'name'], message: 'must not be `forecast`: so the pipeline’s own is called' });
  if (!forecast) return found;
  const own = { ...forecast, ...given(shadow.forecast), baselines: undefined };
  const { retrain } = shadow;
  const like = broken({ forecast: own, ...(window ? { window } : {}), ...(retrain ? { retrain } : {}) }, forecasters);
  const ours = new Set([...Object.keys(given(shadow.forecast)).map((key) => `forecast.${key}`), 'retrain']);
  for (const { path, message } of like)
    if (ours.has(path.slice(0, 2).join('.')) || ours.has(String(path[0]))) found.push({ path: ['shadow', ...path], message });
  return found;
}

/** Those fields that are set. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

/** The finished spec of a draft that breaks no rule. */
export function finish(draft: Draft, file: string): Spec {
  const name = draft.name ?? nameOf(file);
  const { clean, window, state, shadow } = draft;
  const hasBars = window.grid !== 'rows';
  const interval = window.interval ?? window.slide ?? Number(window.grid);
  return {
    ...draft,
    name,
    clean: { ...clean, duplicates: clean.duplicates ?? (hasBars ? 'keep' : 'first') },
    window: {
      ...window,
      interval,
      gaps: { ...window.gaps, policy: window.gaps.policy ?? (hasBars ? 'forward-fill' : 'mask') },
    },
    ...forecastOf(draft),
    shadow: shadow && {
      name: shadow.name,
      promote: shadow.promote,
      ...forecastOf({
        window,
        forecast: {
          ...draft.forecast,
          baselines: undefined,
          ...(shadow.forecast.models || shadow.forecast.season ? { weights: undefined } : {}),
          ...given(shadow.forecast),
        },
        retrain: shadow.retrain ?? draft.retrain,
      }),
    },
    state: {
      ...state,
      path: resolve(
        dirname(file),
        state.path ?? `${basename(dirname(resolve(file))) === 'pipelines' ? '../' : ''}.tidecast/${name}`,
      ),
    },
  };
}

function forecastOf({
  window,
  forecast,
  retrain,
}: Pick<Draft, 'window' | 'forecast' | 'retrain'>): Pick<Spec, 'forecast' | 'retrain'> {
  const models = forecast.models.map(({ type }) => type);
  return {
    forecast: {
      ...forecast,
      ...(forecast.targets === undefined && window.bars ? { targets: [window.bars[0]!.name] } : {}),
      season: seasonsOf(forecast),
      ...(forecast.season === 'auto' ? { findSeasons: 'asked' as const } : {}),
      ...(forecast.season === undefined ? { findSeasons: 'default' as const } : {}),
      baselines: forecast.baselines ?? ['naive', 'seasonal-naive'].filter((each) => models.includes(each)),
    },
    retrain: retraining(retrain, window.ring, window.interval ?? window.slide ?? Number(window.grid)),
  };
}

/** Rows between two triggers where the file does not say. */
const GRID_ROWS = 250;

function retraining(retrain: Draft['retrain'], ring: number, interval: number): Spec['retrain'] {
  const { every, rows = ring, steps, burn_in } = retrain;
  // a ring that holds hardly more than one sequence is not meant for training
  if (every === Infinity || (every === undefined && rows < 2 * (steps + burn_in))) return undefined;
  return { ...retrain, every: every ?? GRID_ROWS * interval, growing: every === undefined, rows };
}

/** The name a pipeline has by its file: `pipelines/NYC taxi.yaml` is `nyc-taxi`. */
export function nameOf(file: string): string {
  const plain = basename(file, extname(file))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return plain.slice(0, 64) || 'pipeline';
}
