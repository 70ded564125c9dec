/** A source that never ends and a sink that takes everything, for tests of long runs: rows come when the test says so. */
import { z } from 'zod';
import { defineSink, defineSource } from '../../src/core/component.ts';
import type { SourceBatch } from '../../src/core/batch.ts';
import type { ConnectorContext, Health } from '../../src/core/connector.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';

/** What the test decides. */
export class LiveEnds {
  context: ConnectorContext | undefined;
  health: { source: Health; sink: Health } = {
    source: { ok: true, detail: 'connected' },
    sink: { ok: true, detail: 'connected' },
  };
  failure: unknown;
  #rows = 0;
  #asked = 0;
  #wake = () => {};

  /** So many rows come, a minute apart, over so many series. */
  send(rows: number): void {
    this.#asked += rows;
    this.#wake();
  }

  fail(error: unknown): void {
    this.failure = error;
    this.#wake();
  }

  /** The components, as a run wants them. */
  components(series = 1) {
    const password = z.string().meta({ secret: true }).optional().describe('The password.');
    const config = z.strictObject({ password });
    const live = defineSource<z.infer<typeof config>>({
      name: 'live',
      status: 'stable',
      summary: 'Rows as the test sends them.',
      config,
      example: '{}',
      guarantees: ['It is only for tests.'],
      build: (_, context) => {
        this.context = context;
        return {
          channels: ['value'],
          bounded: false,
          read: (_from, signal) => this.#read(series, signal),
          health: () => this.health.source,
          close: async () => {},
        };
      },
    });
    const taking = defineSink<z.infer<typeof config>>({
      name: 'taking',
      status: 'stable',
      summary: 'Takes everything.',
      config,
      example: '{}',
      guarantees: ['It is only for tests.'],
      build: () => ({
        open: async () => {},
        write: () => {},
        flush: async () => {},
        health: () => this.health.sink,
        close: async () => {},
      }),
    });
    return { sources: [live], sinks: [taking], forecasters: FORECASTERS };
  }

  async *#read(series: number, signal: AbortSignal): AsyncGenerator<SourceBatch> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    const names = Array.from({ length: series }, (_, i) => `canary-series-${i}`);
    for (;;) {
      if (this.failure) throw this.failure;
      if (signal.aborted) return;
      const n = this.#asked - this.#rows;
      if (n === 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      const at = this.#rows;
      this.#rows += n;
      yield {
        partition: 0,
        series: names,
        codes: Int32Array.from({ length: n }, (_, i) => (at + i) % series),
        times: Float64Array.from({ length: n }, (_, i) => 1_700_000_000_000 + Math.floor((at + i) / series) * 60_000),
        channels: [Float64Array.from({ length: n }, (_, i) => (at + i) % 7)],
        offsets: Float64Array.from({ length: n }, (_, i) => at + i),
      };
    }
  }
}
