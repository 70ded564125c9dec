/** THE list of forecasters. A test compares it with this folder. */
import type { ForecasterComponent } from './forecaster.ts';
import boosted from './boosted.ts';
import holtWinters from './holt-winters.ts';
import linear from './linear.ts';
import naive from './naive.ts';
import readout from './readout.ts';
import recurrent from './recurrent.ts';
import ridge from './ridge.ts';
import seasonalNaive from './seasonal-naive.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
export const FORECASTERS: readonly ForecasterComponent<any>[] = [
  naive,
  seasonalNaive,
  holtWinters,
  linear,
  ridge,
  boosted,
  recurrent,
  readout,
];
