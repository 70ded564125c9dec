/** Runs one forecaster over one series, for tests and benches: no line, no intervals. */
import { State } from '../../src/core/state.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import type { GridClock } from '../../src/forecast/forecaster.ts';
import { Inputs } from '../../src/forecast/inputs.ts';
import { Ring } from '../../src/window/ring.ts';

/** What a replay is over. */
export interface Replay {
  readonly values: ArrayLike<number>;
  readonly times?: ArrayLike<number>;
  readonly flags?: ArrayLike<number>;
  readonly config?: object;
  readonly horizon?: number;
  readonly seasons?: readonly number[];
  readonly clock?: GridClock;
}

const hourly: GridClock = {
  interval: 3_600_000,
  offset: () => 0,
  after: (time, steps) => time + steps * 3_600_000,
  phases: (_, into, at) => into.fill(0, at, at + 4),
};

/** Means, `rows x horizon`, and the state that was left. */
export function replay(name: string, over: Replay): { readonly mean: Float64Array; readonly state: State } {
  const component = FORECASTERS.find((each) => each.name === name)!;
  const horizon = over.horizon ?? 1;
  const seasons = over.seasons ?? [];
  const state = new State();
  const config = component.config.parse(over.config ?? {});
  const ring = new Ring(state.lanes, { capacity: component.lookback(config, { horizon, seasons }), channels: 1 });
  const inputs = new Inputs(state.lanes, ring, over.clock ?? hourly, { channels: 1, targets: 1, horizon, seasons });
  const forecaster = component.build(config, {
    state,
    lanes: state.lanes,
    ring,
    inputs,
    clock: over.clock ?? hourly,
    targets: 1,
    channels: 1,
    horizon,
    season: seasons[0],
    seasons,
    quantiles: [],
    seed: 1,
  });
  const lane = state.lanes.lane('series');
  const rows = over.values.length;
  const mean = new Float64Array(rows * horizon);
  const outlook = { mean: new Float64Array(horizon), quantiles: new Float64Array(0) };
  const wave = {
    rows: 1,
    lanes: Int32Array.of(lane),
    times: new Float64Array(1),
    values: new Float64Array(1),
    channels: 1,
    elapsed: Float64Array.of((over.clock ?? hourly).interval),
    flags: new Uint8Array(1),
  };
  for (let row = 0; row < rows; row++) {
    wave.times[0] = over.times?.[row] ?? row * hourly.interval;
    wave.values[0] = over.values[row]!;
    wave.flags[0] = over.flags?.[row] ?? 0;
    ring.push(lane, wave.times[0], wave.values, 0, wave.flags[0]);
    inputs.follow(wave);
    forecaster.step(wave, outlook);
    mean.set(outlook.mean, row * horizon);
  }
  return { mean, state };
}
