/** What forecasters need from outside, fetched before the line is built: from then on a step never waits. */
import type { ForecasterComponent } from '../forecast/forecaster.ts';
import type { LoadedSpec } from './load.ts';

/** By place in `forecast.models`; undefined where a forecaster needs nothing. Throws what a forecaster's `load` throws. */
export function loadForecasters(
  { forecast, folder }: LoadedSpec,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  components: readonly ForecasterComponent<any>[],
): Promise<readonly unknown[]> {
  return Promise.all(
    forecast.models.map(({ type, config }) => components.find(({ name }) => name === type)?.load?.(config, folder)),
  );
}
