/** Forecasts as plain lines, for a first look and for pipes. */
import { once } from 'node:events';
import { z } from 'zod';
import type { ForecastBatch } from '../src/core/batch.ts';
import { defineSink } from '../src/core/component.ts';
import type { Sink, SinkContext } from '../src/core/connector.ts';
import { short } from '../src/core/lanes.ts';
import { writeFault } from './formats/file-fault.ts';

const config = z.strictObject({
  every: z.int().min(1).default(1).describe('Print the forecasts of every n-th row.'),
  steps: z.array(z.int().min(1)).min(1).default([1]).describe('Which steps ahead to print.'),
  stream: z.enum(['stdout', 'stderr']).default('stdout').describe('Where to.'),
});

type Config = z.infer<typeof config>;

export default defineSink<Config>({
  name: 'console',
  status: 'stable',
  summary: 'Prints forecasts, a line each: time, series, target, step, mean, interval, naive.',
  config,
  example: 'every: 100',
  guarantees: [
    'A line reads `2014-07-01T00:30:00.000Z nyc_taxi value +1 8100.5 [7000.1, 9200.9] naive 10844`: the time forecast for, the outermost quantiles, and what the naive forecaster says.',
    'At least once: after a restart the lines since the last checkpoint are printed again.',
    'Control characters in names are escaped and names cut to 80 characters. When the reader of a pipe goes away, lines are dropped in silence.',
  ],
  build: (settings) => new ConsoleSink(settings),
});

class ConsoleSink implements Sink {
  readonly #config: Config;
  readonly #stream: NodeJS.WriteStream;
  #context: SinkContext | undefined;
  #row = 0;
  #fault: NodeJS.ErrnoException | undefined;

  constructor(settings: Config) {
    this.#config = settings;
    this.#stream = process[settings.stream];
  }

  async open(context: SinkContext): Promise<void> {
    this.#context = context;
    this.#row = context.from;
    this.#stream.on('error', this.#onError);
  }

  async write(batch: ForecastBatch): Promise<void> {
    const { every } = this.#config;
    const lines: string[] = [];
    for (let row = 0; row < batch.length; row++, this.#row++) if (this.#row % every === 0) this.#print(batch, row, lines);
    if (lines.length === 0 || this.#fault) return this.#check();
    if (!this.#stream.write(lines.join('')) && !this.#fault)
      await Promise.race([once(this.#stream, 'drain'), once(this.#stream, 'close')]).catch(() => undefined);
    this.#check();
  }

  async flush(): Promise<void> {
    this.#check();
  }

  async close(): Promise<void> {
    this.#stream.off('error', this.#onError);
  }

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    this.#fault = error;
  };

  #check(): void {
    if (this.#fault && this.#fault.code !== 'EPIPE') throw writeFault(this.#config.stream, this.#fault);
  }

  #print(batch: ForecastBatch, row: number, lines: string[]): void {
    const { horizon, targets, quantileCount, quantiles } = batch;
    const series = name(batch.keys[batch.lanes[row]!] ?? '');
    for (let target = 0; target < targets; target++) {
      for (const step of this.#config.steps) {
        if (step > horizon) continue;
        const at = (row * targets + target) * horizon + step - 1;
        const time = batch.validTimes[row * horizon + step - 1]!;
        if (Number.isNaN(time) || Number.isNaN(batch.mean[at]!)) continue;
        const interval =
          quantileCount > 0
            ? ` [${number(quantiles[at * quantileCount]!)}, ${number(quantiles[(at + 1) * quantileCount - 1]!)}]`
            : '';
        lines.push(
          `${new Date(time).toISOString()} ${series} ${name(this.#context!.targets[target]!)} +${step} ${number(batch.mean[at]!)}${interval} naive ${number(batch.naive[at]!)}\n`,
        );
      }
    }
  }
}

function name(text: string): string {
  // `short` leaves the control characters above 0x7e, which terminals obey as well
  return short(text).replace(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function number(value: number): string {
  return String(Number(value.toPrecision(6)));
}
