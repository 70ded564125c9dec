/** From names to forecasters: the ring, the models and their ensemble over one state. */
import { TidecastError } from '../core/errors.ts';
import type { State } from '../core/state.ts';
import { Ring } from '../window/ring.ts';
import type { Beside } from './beside.ts';
import { Ensemble } from './ensemble.ts';
import { Inputs } from './inputs.ts';
import type { ForecasterComponent, ForecasterContext, GridClock } from './forecaster.ts';
import { FORECASTERS } from './index.ts';
import { Quarantine, type Failed } from './quarantine.ts';
import { Recurrent } from './recurrent.ts';

export interface EnsembleSpec {
  /** The pipeline's calendar. */
  readonly clock: GridClock;
  /** Steps ahead. Default: 1. */
  readonly horizon?: number;
  /** The first channels of a row that are forecast. Default: 1. */
  readonly targets?: number;
  /** Channels of a row. Default: `targets`. */
  readonly channels?: number;
  /** Levels, ascending. Default: 0.025, 0.1, 0.5, 0.9, 0.975. */
  readonly quantiles?: readonly number[];
  /** Rows in each season. Default: none. */
  readonly seasons?: readonly number[];
  /** Forecasters by name, with their configuration where it is not the default. `naive` is added where it is missing. */
  readonly models?: readonly (string | { readonly type: string; readonly config: unknown; readonly loaded?: unknown })[];
  /** `mixture`, or the model that speaks alone. Default: `mixture`. */
  readonly output?: string;
  /** Models that skill is measured against. Default: `naive`. */
  readonly baselines?: readonly string[];
  /** Inputs that are known ahead, and of what kind each series is. Default: none. */
  readonly beside?: Beside | undefined;
  /** Rows a series before scoring starts. Default: 0. */
  readonly warmup?: number;
  /** Event time before which nothing is scored, epoch ms. */
  readonly scoreFrom?: number | undefined;
  /** Raw rows kept a series. Default: what the models look back on. */
  readonly ring?: number;
  readonly seed?: number;
  /** Is told when a forecaster that is not of this package threw: it is quarantined for that series. */
  readonly failed?: Failed;
  /** Where names are looked up. Default: the forecasters of this package. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly components?: readonly ForecasterComponent<any>[];
}

export interface BuiltEnsemble {
  readonly ensemble: Ensemble;
  readonly ring: Ring;
  readonly inputs: Inputs;
  /** The network, if there is one. */
  readonly recurrent: Recurrent | undefined;
}

/** Builds an ensemble whose memory is `state`. Throws a `ZodError` for a configuration that its component refuses, `FORECAST_UNKNOWN` for a name that no component has. */
export function buildEnsemble(state: State, spec: EnsembleSpec): BuiltEnsemble {
  const {
    clock,
    horizon = 1,
    targets = 1,
    seasons = [],
    baselines = ['naive'],
    warmup = 0,
    output = 'mixture',
    seed = 1,
    components = FORECASTERS,
  } = spec;
  const { channels = targets, quantiles = [0.025, 0.1, 0.5, 0.9, 0.975] } = spec;
  const wanted = (spec.models ?? ['naive', 'linear', 'recurrent']).map((model) => {
    const type = typeof model === 'string' ? model : model.type;
    const component = components.find(({ name }) => name === type);
    if (!component)
      throw new TidecastError('FORECAST_UNKNOWN', { model: type, known: components.map(({ name }) => name).join(' ') });
    return typeof model === 'string'
      ? { component, config: component.config.parse({}), loaded: undefined }
      : { component, config: model.config, loaded: model.loaded };
  });
  if (!wanted.some(({ component }) => component.name === 'naive'))
    wanted.unshift({ component: components.find(({ name }) => name === 'naive')!, config: {}, loaded: undefined });
  const lookback = Math.max(horizon, ...wanted.map(({ component, config }) => component.lookback(config, { horizon, seasons })));
  const { lanes } = state;
  const ring = new Ring(lanes, { capacity: spec.ring ?? lookback + 1, channels });
  const inputs = new Inputs(lanes, ring, clock, {
    channels,
    targets,
    horizon,
    seasons,
    ...(spec.beside ? { beside: spec.beside } : {}),
  });
  const context: ForecasterContext = {
    state,
    lanes,
    ring,
    inputs,
    clock,
    targets,
    channels,
    horizon,
    seasons,
    season: seasons[0],
    quantiles,
    seed,
    beside: spec.beside,
  };
  const models = wanted.map(({ component, config, loaded }) => {
    const model = component.build(config, { ...context, loaded });
    // the naive forecaster is what is left when another fails: nothing stands in for it
    return component.name === 'naive' || FORECASTERS.includes(component)
      ? model
      : new Quarantine(model, context, spec.failed ?? (() => undefined));
  });
  const ensemble = new Ensemble(context, { models, output, baselines, warmup, scoreFrom: spec.scoreFrom });
  return { ensemble, ring, inputs, recurrent: models.find((model) => model instanceof Recurrent) };
}
