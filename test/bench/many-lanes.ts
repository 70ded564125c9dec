/** Memory and pauses with 100,000 series: the whole line, checkpoints written while it runs. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { COMPONENTS } from '../../src/cli/components.ts';
import type { SourceBatch } from '../../src/core/batch.ts';
import { defineSource } from '../../src/core/component.ts';
import { EventBus } from '../../src/core/events.ts';
import { median, whole, round, type Emit } from './figure.ts';
import { MINUTE, START, values } from './series.ts';
import { inFolder, pipeline, timed } from './workload.ts';

const SERIES = 100_000;
const RING = 128;
/** A few rows more than the ring holds. */
const ROWS = 132;
const BATCH = 10_000;
const GIGABYTE = 1e9;

/** In memory, so that only the line's own memory is seen. */
const memory = defineSource({
  name: 'memory',
  status: 'experimental',
  summary: 'Rows made up as they are read.',
  config: z.strictObject({}),
  example: '{}',
  guarantees: [],
  build: () => ({
    channels: ['value'],
    bounded: true,
    async *read() {
      yield* rounds();
    },
    close: async () => undefined,
  }),
});

function* rounds(): Generator<SourceBatch> {
  const value = values(1);
  const parts = Array.from({ length: SERIES / BATCH }, (_, part) =>
    Array.from({ length: BATCH }, (_, i) => `series ${part * BATCH + i}`),
  );
  const codes = Int32Array.from({ length: BATCH }, (_, i) => i);
  for (let row = 0; row < ROWS; row++) {
    const times = new Float64Array(BATCH).fill(START + row * MINUTE);
    for (const [part, series] of parts.entries()) {
      const first = (row * parts.length + part) * BATCH;
      const channel = Float64Array.from(codes, (i) => value(part * BATCH + i, row));
      yield { partition: 0, series, codes, times, channels: [channel], offsets: Float64Array.from(codes, (i) => first + i) };
    }
  }
}

/** Peak resident memory of this process, and the longest pause at a cut. */
export async function lanesBench(emit: Emit): Promise<void> {
  await inFolder(async (folder) => {
    const components = { ...COMPONENTS, sources: [...COMPONENTS.sources, memory] };
    const spec = pipeline(
      folder,
      {
        source: { type: 'memory' },
        window: { grid: 'rows', interval: '1m', ring: RING },
        retrain: { every: 'never' },
        forecast: {
          horizon: 1,
          quantiles: [0.1, 0.5, 0.9],
          models: ['naive', { type: 'recurrent', cell: 'gru', hidden: 32, rebuild: RING - 1 }],
          output: 'recurrent',
        },
        state: { path: `${folder}/state`, checkpoint: '2s' },
      },
      components,
    );
    const pauses: number[] = [];
    let bytes = 0;
    const events = new EventBus();
    events.on('checkpoint.saved', (saved) => {
      pauses.push(saved.pauseMilliseconds);
      bytes = saved.bytes;
    });
    const run = await timed(spec, { ...components, events });
    const peak = peakBytes();
    const keys = { bench: 'lanes', peer: 'tidecast', model: 'gru32', series: SERIES, threads: 1 };
    emit({
      keys: { ...keys, peak_bytes: peak, rows: run.rows },
      what: `peak resident memory, ${whole(run.rows)} rows`,
      shown: `${Math.round(peak / 1e6)} MB`,
      bar: 'under 1,000',
      pass: peak < GIGABYTE,
    });
    const longest = Math.max(...pauses);
    emit({
      keys: {
        ...keys,
        pause_max_ms: round(longest),
        pause_p50_ms: round(median(pauses)),
        cuts: pauses.length,
        state_bytes: bytes,
      },
      what: `longest of ${pauses.length} pauses at a cut, ${Math.round(bytes / 1e6)} MB each`,
      shown: `${Math.round(longest)} ms`,
      bar: 'under 1,000',
      pass: longest < 1000,
    });
    const rate = (run.rows / run.milliseconds) * 1000;
    emit({ keys: { ...keys, rows_per_s: Math.round(rate) }, what: 'rows a second, checkpoints included', shown: whole(rate) });
  });
}

function peakBytes(): number {
  try {
    // what getrusage says begins with the memory of the process that forked this one
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
