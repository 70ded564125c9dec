/** For `check`: whether the models that a pipeline begins with fit it. */
import { existsSync } from 'node:fs';
import { systemClock } from '../core/clock.ts';
import { EventBus } from '../core/events.ts';
import { State, type StateSnapshot } from '../core/state.ts';
import { buildLine } from './build.ts';
import { givenFolder, seasonsOfModel } from './given-weights.ts';
import type { LoadedSpec } from './load.ts';
import { loadForecasters } from './load-forecasters.ts';
import { connectorContext, type RunOptions } from './run.ts';
import { withSeasons } from './season-search.ts';
import { readNewest } from './state-store.ts';

/**
 * Builds the line as a run would, and throws what it would throw: `MODEL_MISFIT`, `NN_MODEL_*`. Nothing is read but the models, and the
 * head of a source that is a file. A state that was retrained has weights of its own: then, as where none are given, nothing is looked at.
 */
export async function checkModel(spec: LoadedSpec, { sources, forecasters }: Pick<RunOptions, 'sources' | 'forecasters'>) {
  const { weights, findSeasons } = spec.forecast;
  if ((weights ?? spec.shadow?.forecast.weights) === undefined) return;
  const saved = (existsSync(spec.state.path) ? readNewest(spec.state.path)?.state : undefined) as StateSnapshot | undefined;
  if (saved?.parts['retraining'] !== undefined) return;
  const seasons = weights === undefined ? undefined : seasonsOfModel(givenFolder(spec.folder, weights));
  // what fits depends on seasons that are yet to be found
  if (findSeasons && !seasons && (weights === undefined || findSeasons === 'asked')) return;
  const events = new EventBus();
  const source = sources
    .find(({ name }) => name === spec.source.type)!
    .build(spec.source.config, connectorContext(spec, { events, fresh: true }));
  try {
    const given = withSeasons({ ...spec, sinks: [] }, seasons && { seasons });
    const shadowLoaded = given.shadow && (await loadForecasters({ ...given, forecast: given.shadow.forecast }, forecasters));
    buildLine(given, {
      ...{ state: new State(), source, sinks: [], forecasters, loaded: await loadForecasters(given, forecasters) },
      ...(shadowLoaded ? { shadowLoaded } : {}),
      ...{ clock: systemClock, events, signal: new AbortController().signal, exact: true, paced: false, folder: spec.folder },
    });
  } finally {
    await source.close().catch(() => undefined);
  }
}
