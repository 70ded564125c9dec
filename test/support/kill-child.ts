/**
 * A run that kills itself with SIGKILL at a chosen moment of a chosen phase: `kill-child.js PIPELINE PHASE NTH VARIANT [live]`, PHASE
 * `none` to run to the end, or to SIGTERM, `history only` to do so without a training that is not recorded yet. Prints the result as JSON when it comes so far. `live`: as `tidecast run` would, else `--fast`.
 */
import { appendFileSync, writeSync } from 'node:fs';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import type { Sink, Source } from '../../src/core/connector.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { RecordLog } from '../../src/pipeline/record-log.ts';
import { FolderStore } from '../../src/pipeline/state-store.ts';
import { TrainingWorker } from '../../src/train/worker.ts';

const [file, phase, nth, variantText, live] = process.argv.slice(2);
const variant = Number(variantText);
let left = Number(nth);

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // the signal is delivered before the next statement, but the compiler cannot know
  for (;;);
}

/** Whether this is the moment. */
function now(of: string): boolean {
  return of === phase && --left === 0;
}

/** Dies before, a little into, or right after some work. */
async function around<T>(of: string, work: () => Promise<T>): Promise<T> {
  if (!now(of)) return work();
  if (variant % 3 === 0) die();
  if (variant % 3 === 1) {
    const ticking = (steps: number): void => void setImmediate(() => (steps === 0 ? die() : ticking(steps - 1)));
    ticking(variant % 7);
  }
  const result = await work();
  return variant % 3 === 2 ? die() : result;
}

const { save } = FolderStore.prototype;
FolderStore.prototype.save = function (state) {
  return around('state save', () => save.call(this, state));
};

if (phase === 'history only') TrainingWorker.prototype.run = () => new Promise(() => undefined);

// of swaps and of promotions
const { append } = RecordLog.prototype;
RecordLog.prototype.append = function (record) {
  if (now('swap record')) {
    // what it speaks of, such as weights, is durable
    if (variant % 3 === 0) die();
    if (variant % 3 === 1) {
      appendFileSync(this.file, JSON.stringify(record).slice(0, 20 + (variant % 40)));
      die();
    }
    append.call(this, record);
    die();
  }
  append.call(this, record);
};

const spec = loadPipeline(file!, { env: process.env, sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS });
const sinks = SINKS.map((component) => ({
  ...component,
  build: (...args: Parameters<typeof component.build>): Sink => {
    const sink = component.build(...args);
    const flush = sink.flush.bind(sink);
    sink.flush = (cut) => around('sink write', () => flush(cut));
    return sink;
  },
}));
const sources = SOURCES.map((component) => ({
  ...component,
  build: (...args: Parameters<typeof component.build>): Source => {
    const source = component.build(...args);
    const commit = source.commit?.bind(source);
    if (commit) source.commit = (position) => around('commit', () => commit(position));
    return source;
  },
}));
const events = new EventBus();
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
events.on('training.started', () => {
  if (now('training')) setTimeout(die, variant % 25);
});
events.on('ticks.ingested', ({ total }) => {
  if (phase === 'anywhere' && total >= Number(nth)) die();
});
try {
  const result = await runPipeline(spec, {
    sources,
    sinks,
    forecasters: FORECASTERS,
    events,
    signal: stop.signal,
    fast: live === undefined,
    fresh: false,
  });
  writeSync(1, JSON.stringify({ stateHash: result.stateHash, total: result.total, scores: result.scores }));
  process.exit(0);
} catch (error) {
  writeSync(2, `${String(error)}\n`);
  process.exit(error instanceof TidecastError ? error.exit : 70);
}
