/** THE list of forecasters. A test compares it with this folder. */
import type { ForecasterComponent } from './forecaster.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
export const FORECASTERS: readonly ForecasterComponent<any>[] = [];
