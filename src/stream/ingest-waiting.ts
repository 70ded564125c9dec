/** How ingest waits: for a pace, and for a source that has nothing yet. */
import type { SourceBatch } from '../core/batch.ts';
import type { Clock } from '../core/clock.ts';

/** Between two looks at what else there is to do while no batch comes. */
const IDLE_MS = 100;

/** Passes batches on; while none comes, calls `idle` now and then. */
export async function* patiently(
  read: (signal: AbortSignal) => AsyncIterable<SourceBatch>,
  signal: AbortSignal,
  clock: Clock,
  idle: () => Promise<void>,
): AsyncGenerator<SourceBatch> {
  const over = new AbortController();
  const iterator = read(AbortSignal.any([signal, over.signal]))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = iterator.next();
      let come = false;
      const arrival = next.then(
        () => void (come = true),
        () => void (come = true),
      );
      await new Promise<void>((resolve) => setImmediate(resolve));
      while (!come) {
        const stop = new AbortController();
        await Promise.race([arrival, clock.sleep(IDLE_MS, stop.signal)]);
        stop.abort();
        if (!come) await idle();
      }
      const result = await next;
      if (result.done) return;
      yield result.value;
    }
  } finally {
    // while it waits for its next batch it answers to nothing else
    over.abort();
    await iterator.return?.();
  }
}

/** A batch that stays when the source uses its arrays again. */
export function copyOf(batch: SourceBatch): SourceBatch {
  const { codes, times, channels, offsets, ids } = batch;
  return {
    ...batch,
    codes: codes.slice(),
    times: times.slice(),
    channels: channels.map((channel) => channel.slice()),
    offsets: offsets.slice(),
    ids: ids?.slice(),
  };
}

/** Rows a second, kept over the whole run. */
export function pacer(clock: Clock, rowsPerSecond: number | undefined) {
  if (rowsPerSecond === undefined) return { most: () => Infinity, wait: async () => undefined };
  const start = clock.elapsed();
  let rows = 0;
  return {
    most: () => Math.max(1, Math.ceil(rowsPerSecond / 20)),
    wait: async (n: number, signal: AbortSignal) => {
      rows += n;
      const ahead = (rows / rowsPerSecond) * 1000 - (clock.elapsed() - start);
      if (ahead > 0) await clock.sleep(ahead, signal);
    },
  };
}
