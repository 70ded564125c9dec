/** Runs a pipeline over rows written in a test, in place of its source: what `tidecast test` compares. */
import { lastValueFrom } from 'rxjs';
import type { Reject, SourceBatch } from '../core/batch.ts';
import { ManualClock } from '../core/clock.ts';
import type { Source } from '../core/connector.ts';
import { EventBus } from '../core/events.ts';
import { State } from '../core/state.ts';
import { FORECASTERS } from '../forecast/index.ts';
import { buildLine } from './build.ts';
import { loadForecasters } from './load-forecasters.ts';
import type { GivenRows, Outcome, OutcomeRow, RunRows } from './test-case.ts';

/** Without sinks, retraining or pacing; bars and gaps are as in the pipeline. */
export const runRows: RunRows = async (spec, given, forecasters = FORECASTERS): Promise<Outcome> => {
  const state = new State({ maxLanes: spec.state.max_lanes });
  const bars: OutcomeRow[] = [];
  const rejects: Reject[] = [];
  const forecasts = { count: 0, horizon: spec.forecast.horizon, finite: true };
  const line = buildLine(spec, {
    state,
    source: givenSource(given),
    sinks: [
      {
        open: async () => undefined,
        write: ({ length, mean, quantiles }) => {
          forecasts.count += length;
          forecasts.finite &&= mean.every(Number.isFinite) && quantiles.every(Number.isFinite);
        },
        reject: (some) => void rejects.push(...some),
        flush: async () => undefined,
        close: async () => undefined,
      },
    ],
    forecasters,
    loaded: await loadForecasters(spec, forecasters),
    clock: new ManualClock(),
    events: new EventBus(),
    signal: new AbortController().signal,
    exact: true,
    paced: false,
    rows: ({ length, lanes, times, values, channels }) => {
      for (let i = 0; i < length; i++) {
        bars.push({
          series: state.lanes.keys[lanes[i]!]!,
          time: times[i]!,
          values: [...values.subarray(i * channels, (i + 1) * channels)],
        });
      }
    },
  });
  await lastValueFrom(line.forecasts$, { defaultValue: undefined });
  await line.delivery.room();
  return {
    bars,
    forecasts,
    rejects: rejects.map(({ series, time, reason }) => ({ series: series ?? '', time: time ?? NaN, reason })),
  };
};

function givenSource({ channels, series, times, ids, values }: GivenRows): Source {
  return {
    channels,
    bounded: true,
    async *read(): AsyncIterable<SourceBatch> {
      if (times.length === 0) return;
      const names = [...new Set(series)];
      yield {
        partition: 0,
        series: names,
        codes: Int32Array.from(series, (name) => names.indexOf(name)),
        times: Float64Array.from(times),
        channels: channels.map((_, c) => Float64Array.from(values, (row) => row[c]!)),
        offsets: Float64Array.from(times, (_, i) => i),
        ids: ids && Float64Array.from(ids),
      };
    },
    close: async () => undefined,
  };
}
