/**
 * What cleaning and windowing cost a row: 1,000 interleaved series, batches of 4,096 ticks.
 * `npm run build && node dist/test/bench/window.js`
 */
import { Subject } from 'rxjs';
import type { TickBatch } from '../../src/core/batch.ts';
import { State } from '../../src/core/state.ts';
import { clean, type CleanOptions } from '../../src/stream/clean.ts';
import { window, type WindowOptions } from '../../src/stream/window.ts';
import { calendar } from '../../src/window/calendar.ts';

const SERIES = 1000;
const ROWS = 4096;
const BATCHES = 400;
const MINUTE = 60_000;

function batches(channels: number): TickBatch[] {
  return Array.from({ length: BATCHES }, (_, b) => {
    const at = Float64Array.from({ length: ROWS }, (_, i) => b * ROWS + i);
    return {
      partition: 0,
      lanes: Int32Array.from(at, (n) => (n * 7919) % SERIES),
      times: at.map((n) => 1.7e12 + Math.floor(n / SERIES) * MINUTE),
      channels: Array.from({ length: channels }, () => at.map((n) => (n * 31) % 97)),
      offsets: at,
    };
  });
}

function measure(
  name: string,
  channels: number,
  cleanOptions: Partial<CleanOptions>,
  windowOptions: Omit<WindowOptions, 'channels'>,
): void {
  const input = batches(channels);
  let best = Infinity;
  let rows = 0;
  for (let run = 0; run < 7; run++) {
    const state = new State();
    for (let s = 0; s < SERIES; s++) state.lanes.lane(`series ${s}`);
    const source = new Subject<TickBatch>();
    rows = 0;
    source
      .pipe(clean(state, { targets: 1, channels, ...cleanOptions }), window(state, { channels, ...windowOptions }))
      .subscribe((batch) => {
        rows += batch.length;
      });
    const start = performance.now();
    for (const batch of input) source.next(batch);
    best = Math.min(best, performance.now() - start);
  }
  console.log(`${name.padEnd(44)} ${((best * 1e6) / (ROWS * BATCHES)).toFixed(1).padStart(7)} ns a tick, ${rows} rows`);
}

const minutes = calendar({ interval: '1m' });
const fives = calendar({ interval: '5m', bars: true });
const session = { open: '09:30', close: '16:00', time_zone: 'America/New_York' };
const market = calendar({ interval: '5m', bars: true, session });
const ohlc = (['open', 'high', 'low', 'close', 'mean'] as const).map((of) => ({ name: of, channel: 0, of }));

measure('rows, lateness 0', 1, {}, { grid: 'rows', clock: minutes });
measure('rows, 3 channels, all targets', 3, { targets: 3 }, { grid: 'rows', clock: minutes });
measure('rows, 3 channels, 2 covariates', 3, {}, { grid: 'rows', clock: minutes });
measure('rows, max_jump', 1, { maxJump: 1000 }, { grid: 'rows', clock: minutes });
measure('rows, forward-fill', 1, {}, { grid: 'rows', clock: minutes, gaps: { policy: 'forward-fill' } });
measure('rows, lateness 5m', 1, { lateness: '5m' }, { grid: 'rows', clock: minutes });
measure('bars 5m, close', 1, {}, { grid: '5m', clock: fives });
measure('bars 5m, open high low close mean', 1, {}, { grid: '5m', clock: fives, fields: ohlc });
measure('bars 5m, session in New York', 1, {}, { grid: '5m', clock: market, fields: ohlc });
measure('bars 1h every 5m', 1, {}, { grid: '1h', slide: '5m', clock: fives, fields: ohlc });
