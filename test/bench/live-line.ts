/**
 * A run of a pipeline in a process of its own: `live-line.js PIPELINE`, forked. It says `up` when it runs; told `measure`, it begins a span
 * and at `report` sends what happened in it ({@link Span}); at `stop` it ends.
 */
import { GroupMember } from '../../connectors/kafka/member.ts';
import { COMPONENTS } from '../../src/cli/components.ts';
import type { SourceBatch } from '../../src/core/batch.ts';
import type { Source } from '../../src/core/connector.ts';
import { EventBus } from '../../src/core/events.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';

/** What happened in a span. */
export interface Span {
  /** Milliseconds from the client handing over a message until its forecast left the line for the sinks, one a message. */
  readonly delays: readonly number[];
  readonly trainings: number;
  readonly checkpoints: number;
}

const arrivals = new Map<number, { end: number; at: number }[]>();
let delays: number[] = [];
let trainings = 0;
let checkpoints = 0;
let emitted = 0;

const { fetched } = GroupMember.prototype;
GroupMember.prototype.fetched = function (partition, messages, first, end) {
  const at = performance.now();
  const known = arrivals.get(partition) ?? [];
  arrivals.set(partition, known);
  const taken = fetched.call(this, partition, messages, first, end);
  if (taken) known.push({ end, at });
  return taken;
};

/** The next batch is asked for when the forecasts of the last one are out. */
async function* watched(batches: AsyncIterable<SourceBatch>): AsyncGenerator<SourceBatch> {
  for await (const batch of batches) {
    const { partition, offsets } = batch;
    yield batch;
    const waiting = arrivals.get(partition) ?? [];
    for (const offset of offsets) {
      while (waiting.length > 0 && waiting[0]!.end <= offset) waiting.shift();
      delays.push(emitted - waiting[0]!.at);
    }
  }
}

const stop = new AbortController();
const events = new EventBus();
events.on('run.started', () => process.send!('up'));
events.on('training.finished', () => void trainings++);
events.on('checkpoint.saved', () => void checkpoints++);
// never longer than whoever started it
process.once('disconnect', () => stop.abort());
process.on('message', (said) => {
  if (said === 'stop') stop.abort();
  if (said === 'report') process.send!({ delays, trainings, checkpoints } satisfies Span);
  if (said === 'measure') {
    delays = [];
    trainings = checkpoints = 0;
  }
});
await runPipeline(loadPipeline(process.argv[2]!, { ...COMPONENTS, env: process.env }), {
  ...COMPONENTS,
  events,
  signal: stop.signal,
  fast: false,
  fresh: true,
  wrap: (source) => {
    const read = source.read.bind(source);
    const wrapped: Source = source;
    wrapped.read = (from, signal) => watched(read(from, signal));
    return wrapped;
  },
  watch: () => void (emitted = performance.now()),
});
process.disconnect();
