/** Rows a second through the whole line, from an Arrow file to a sink that discards, with the network alone. */
import { join } from 'node:path';
import { median, whole, type Emit } from './figure.ts';
import { inFolder, NETWORK, pipeline, timed, writeTicks } from './workload.ts';

const RUNS = 3;
/** Series, rows, and the rows a second that are promised. */
const CASES = [
  [1, 1_000_000, 250_000],
  [1000, 2_000_000, 400_000],
] as const;

/** The two promised figures. */
export async function lineBench(emit: Emit): Promise<void> {
  for (const [series, rows, bar] of CASES) {
    await inFolder(async (folder) => {
      const path = join(folder, 'ticks.arrow');
      await writeTicks(path, series, rows);
      const spec = pipeline(folder, {
        source: { type: 'arrow', path, time: 'time', series: 'series', values: ['value'] },
        retrain: { every: 'never' },
        forecast: NETWORK,
      });
      const rates: number[] = [];
      for (let n = 0; n < RUNS; n++) {
        const run = await timed(spec);
        if (run.rows !== rows) throw new Error(`${run.rows} rows went through, not ${rows}`);
        rates.push((run.rows / run.milliseconds) * 1000);
      }
      const rate = median(rates);
      emit({
        keys: {
          bench: 'line',
          peer: 'tidecast',
          model: 'gru32',
          series,
          rows,
          threads: 1,
          rows_per_s: Math.round(rate),
          best_rows_per_s: Math.round(Math.max(...rates)),
        },
        what: `${whole(series)} series, ${whole(rows)} rows`,
        shown: `${whole(rate)} rows/s`,
        bar: `at least ${whole(bar)}`,
        pass: rate >= bar,
      });
    });
  }
}
