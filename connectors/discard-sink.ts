/** Drops everything: for benchmarks, and for runs whose scores on the console are all that is wanted. */
import { z } from 'zod';
import { defineSink } from '../src/core/component.ts';
import type { ForecastBatch, Reject } from '../src/core/batch.ts';
import type { Sink } from '../src/core/connector.ts';

const config = z.strictObject({});

export default defineSink<z.infer<typeof config>>({
  name: 'discard',
  status: 'stable',
  summary: 'Drops forecasts and dead letters, and counts them.',
  config,
  example: '{}',
  guarantees: ['Nothing is kept. `rows` and `rejects` of the built sink say how much came.'],
  build: () => new DiscardSink(),
});

/** A sink that counts. */
export class DiscardSink implements Sink {
  /** Rows of all batches since it was opened. */
  rows = 0;
  rejects = 0;

  async open(): Promise<void> {
    this.rows = 0;
    this.rejects = 0;
  }

  write(batch: ForecastBatch): void {
    this.rows += batch.length;
  }

  reject(rejects: readonly Reject[]): void {
    this.rejects += rejects.length;
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}
