/** The operators of the default mixture over one state, fed by hand, so that a single step can be looked at. */
import { Subject } from 'rxjs';
import type { TickBatch } from '../../src/core/batch.ts';
import { State } from '../../src/core/state.ts';
import { buildEnsemble } from '../../src/forecast/build-ensemble.ts';
import { clean } from '../../src/stream/clean.ts';
import { forecast } from '../../src/stream/forecast.ts';
import { window } from '../../src/stream/window.ts';
import { calendar } from '../../src/window/calendar.ts';
import { MINUTE, START, values } from './series.ts';

/** `feed` sends the next rows of a series through, in one batch. */
export function handFed(): { readonly state: State; feed(series: string, rows: number): void } {
  const state = new State();
  const clock = calendar({ interval: MINUTE });
  const { ensemble } = buildEnsemble(state, {
    clock,
    seasons: [24],
    models: ['naive', 'seasonal-naive', 'holt-winters', 'linear', 'recurrent'],
  });
  const ticks = new Subject<TickBatch>();
  ticks.pipe(clean(state, { targets: 1 }), window(state, { grid: 'rows', channels: 1, clock }), forecast(ensemble)).subscribe();
  const seen = new Map<string, number>();
  const value = values(1);
  return {
    state,
    feed(series, rows) {
      const lane = state.lanes.lane(series);
      const from = seen.get(series) ?? 0;
      seen.set(series, from + rows);
      ticks.next({
        partition: 0,
        lanes: new Int32Array(rows).fill(lane),
        times: Float64Array.from({ length: rows }, (_, i) => START + (from + i) * MINUTE),
        channels: [Float64Array.from({ length: rows }, (_, i) => value(0, from + i))],
        offsets: Float64Array.from({ length: rows }, (_, i) => from + i),
      });
    },
  };
}
