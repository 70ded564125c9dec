/** What the benchmarks of the whole line run on: a seeded file of ticks, a pipeline over it, and one timed run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TableWriter } from '../../connectors/formats/arrow-table.ts';
import { COMPONENTS } from '../../src/cli/components.ts';
import { EventBus } from '../../src/core/events.ts';
import type { PipelineComponents } from '../../src/pipeline/check.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline, type RunOptions } from '../../src/pipeline/run.ts';
import { MINUTE, START, values } from './series.ts';

/** A folder that is gone afterwards. */
export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-bench-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes `rows` ticks of `series` interleaved series, one a minute each, as an Arrow file. */
export async function writeTicks(path: string, series: number, rows: number): Promise<void> {
  const arrow = await import('apache-arrow');
  const writer = new TableWriter(arrow, `${path}.partial`, { time: 'time', series: 'name', value: 'float64' }, new Map());
  const codes = Array.from({ length: series }, (_, i) => writer.code('series', `series ${i}`));
  const value = values(1);
  for (let row = 0; row < rows; row++) {
    const { block } = writer;
    const one = row % series;
    const n = Math.floor(row / series);
    block.floats['time']![block.rows] = START + n * MINUTE;
    block.ints['series']![block.rows] = codes[one]!;
    block.floats['value']![block.rows] = value(one, n);
    block.rows++;
    if (writer.waiting) await writer.drain();
  }
  await writer.finish(path);
}

/** A pipeline as its file would say it: what is not named has the default that a user gets. */
export function pipeline(
  folder: string,
  sections: Readonly<Record<string, unknown>>,
  components: PipelineComponents = COMPONENTS,
): LoadedSpec {
  const file = join(folder, 'bench.yaml');
  const all = {
    window: { grid: 'rows', interval: '1m' },
    sinks: [{ type: 'discard' }],
    state: { path: join(folder, 'state') },
    ...sections,
  };
  writeFileSync(file, JSON.stringify(all));
  return loadPipeline(file, components);
}

/** The network alone, as far as a pipeline has sections for it. */
export const NETWORK = {
  horizon: 1,
  quantiles: [0.1, 0.5, 0.9],
  models: ['naive', { type: 'recurrent', cell: 'gru', hidden: 32 }],
  output: 'recurrent',
} as const;

/** The default mixture over a season of 24 rows. */
export const MIXTURE = {
  horizon: 1,
  season: 24,
} as const;

export interface Timing {
  readonly rows: number;
  /** From the first pull to the last row through the line: neither start-up nor the summary at the end. */
  readonly milliseconds: number;
  readonly events: EventBus;
}

/** Runs a pipeline afresh, as fast as it goes. */
export async function timed(spec: LoadedSpec, options: Partial<RunOptions> = {}): Promise<Timing> {
  const events = options.events ?? new EventBus();
  let started = 0;
  let ended = 0;
  let rows = 0;
  events.on('run.started', () => (started = performance.now()));
  events.on('ticks.ingested', ({ rows: more }) => {
    if (more === 0) return;
    rows += more;
    ended = performance.now();
  });
  await runPipeline(spec, { ...COMPONENTS, signal: new AbortController().signal, fast: true, fresh: true, ...options, events });
  return { rows, milliseconds: ended - started, events };
}
