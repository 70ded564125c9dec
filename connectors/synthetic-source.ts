/** Made-up series, the same on every machine for the same seed. */
import { z } from 'zod';
import type { SourceBatch } from '../src/core/batch.ts';
import { defineSource } from '../src/core/component.ts';
import type { Source } from '../src/core/connector.ts';
import { DURATION_PATTERN, milliseconds } from '../src/core/duration.ts';
import { TidecastError } from '../src/core/errors.ts';
import type { Position } from '../src/core/position.ts';
import { Random, seedOf } from '../src/core/random.ts';
import { Session } from './formats/session.ts';
import { generator, type Generator, type SeriesOptions } from './formats/synthetic-series.ts';
import { knownZone, parseTime, WallClock } from './formats/time.ts';

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must look like 09:30');

const session = z
  .strictObject({
    open: clockTime.default('09:30').describe('Opening time, HH:MM.'),
    close: clockTime.default('16:00').describe('Closing time, HH:MM, later than `open`.'),
    days: z.array(z.enum(DAYS)).min(1).default(['mon', 'tue', 'wed', 'thu', 'fri']).describe('Days on which the market opens.'),
    time_zone: z
      .string()
      .refine(knownZone, 'is not a known time zone')
      .default('America/New_York')
      .describe('The IANA zone of these times.'),
  })
  .refine(({ open, close }) => open < close, 'close must be later than open');

const config = z.strictObject({
  kind: z
    .enum(['seasonal', 'random-walk', 'regime-shift', 'irregular', 'trades'])
    .describe(
      '`seasonal`: a season with trend and noise. `random-walk`. `regime-shift`: an autoregression whose level and noise change at random times. `irregular`: a season seen at random times, with long gaps. `trades`: `price` and `size`, several a millisecond, only while the market is open, with ids.',
    ),
  series: z.int().min(1).max(10_000_000).default(1).describe('Number of series, called `<kind>-0`, `<kind>-1` and so on.'),
  rows: z.int().min(1).default(10_000).describe('Rows in all, over all series.'),
  start: z
    .string()
    .refine((text) => !Number.isNaN(parseTime(text, new WallClock())), 'is not an ISO time')
    .default('2024-01-01T00:00:00Z')
    .describe('Time of the first row, ISO 8601; UTC where it has no zone.'),
  interval: z
    .string()
    .regex(DURATION_PATTERN, 'must look like 500ms, 30s, 5m, 1h')
    .default('30m')
    .describe('Time from row to row of a series; the mean for `irregular` and, while the market is open, `trades`.'),
  noise: z
    .number()
    .min(0)
    .default(1)
    .describe('Standard deviation of the noise; of a step for `random-walk`; in cents for `trades`.'),
  period: z.number().positive().default(48).describe('Rows a season (`seasonal`, `irregular`).'),
  amplitude: z.number().default(10).describe('Height of the season, or of a change of regime.'),
  level: z.number().default(100).describe('Mean level, or first value.'),
  trend: z.number().default(0).describe('Change of the level a row.'),
  regime: z.number().positive().default(500).describe('Mean number of rows of a regime (`regime-shift`).'),
  missing: z.number().min(0).max(1).default(0).describe('Share of values that are missing.'),
  session: session.default(session.parse({})).describe('When the market of `trades` is open.'),
  seed: z.int().min(0).optional().describe('Seed of the draws. Default: the pipeline’s.'),
});

type Config = z.infer<typeof config>;

const BATCH = 4096;

export default defineSource<Config>({
  name: 'synthetic',
  status: 'beta',
  summary: 'Makes up series from a seed: seasons, random walks, regime shifts, irregular ticks, trades.',
  config,
  example: 'kind: seasonal\nseries: 3\nrows: 5000',
  guarantees: [
    'Every row is a function of seed, kind and series number; other series, batches and restarts do not change it, nor does the machine.',
    'Order: by time over all series, equal times in the order of the series; within `trades` a series’ own order.',
    'Position: the number of the row. A restart makes the rows before it again and drops them.',
    'Memory: a few hundred bytes a series.',
  ],
  build: (settings, context) => new SyntheticSource(settings, settings.seed ?? context.seed),
});

class SyntheticSource implements Source {
  readonly channels: readonly string[];
  readonly bounded = true;
  readonly #config: Config;
  readonly #seed: number;

  constructor(settings: Config, seed: number) {
    this.#config = settings;
    this.#seed = seed;
    this.channels = settings.kind === 'trades' ? ['price', 'size'] : ['value'];
  }

  async rows(): Promise<number> {
    return this.#config.rows;
  }

  async *read(from: Position | undefined, signal: AbortSignal): AsyncGenerator<SourceBatch> {
    const { rows, kind } = this.#config;
    const start = from?.['0'] ?? 0;
    if (start > rows) throw new TidecastError('SOURCE_POSITION', { rows, position: start });
    const line = new Line(this.#config, this.#seed);
    for (let row = 0; row < start; row++) {
      line.skip();
      // a long way back must not block the process
      if (row % 65_536 === 65_535) await new Promise(setImmediate);
      if (signal.aborted) return;
    }
    for (let row = start; row < rows; row += BATCH) {
      if (signal.aborted) return;
      yield line.take(row, Math.min(BATCH, rows - row), this.channels.length, kind === 'trades');
    }
  }

  async close(): Promise<void> {}
}

/** All series by time: a binary heap, equal times by series number. */
class Line {
  readonly #generators: Generator[];
  readonly #holes: Random[];
  readonly #heap: Int32Array;
  readonly #kind: string;
  readonly #missing: number;

  constructor(config: Config, seed: number) {
    const { open, close, days, time_zone } = config.session;
    const ofDay = (text: string) => (Number(text.slice(0, 2)) * 60 + Number(text.slice(3))) * 60_000;
    const options: SeriesOptions = {
      ...config,
      start: parseTime(config.start, new WallClock()),
      interval: milliseconds(config.interval),
      session: new Session(
        ofDay(open),
        ofDay(close),
        days.map((day) => DAYS.indexOf(day)),
        time_zone,
      ),
    };
    this.#kind = config.kind;
    this.#missing = config.missing;
    this.#generators = Array.from({ length: config.series }, (_, i) =>
      generator(config.kind, seedOf(seed, config.kind, i), options),
    );
    this.#holes =
      config.missing > 0
        ? Array.from({ length: config.series }, (_, i) => new Random(seedOf(seed, config.kind, i, 'missing')))
        : [];
    this.#heap = Int32Array.from({ length: config.series }, (_, i) => i);
    for (let i = (config.series >> 1) - 1; i >= 0; i--) this.#down(i);
  }

  /** Moves on by one row. */
  skip(): void {
    const top = this.#heap[0]!;
    if (this.#missing > 0) for (let c = 0; c < this.#generators[top]!.values.length; c++) this.#holes[top]!.uniform();
    this.#generators[top]!.next();
    this.#down(0);
  }

  take(first: number, n: number, width: number, withIds: boolean): SourceBatch {
    const codes = new Int32Array(n);
    const times = new Float64Array(n);
    const offsets = Float64Array.from({ length: n }, (_, i) => first + i);
    const channels = Array.from({ length: width }, () => new Float64Array(n));
    const ids = withIds ? new Float64Array(n) : undefined;
    const series: string[] = [];
    const seen = new Map<number, number>();
    for (let i = 0; i < n; i++) {
      const top = this.#heap[0]!;
      const row = this.#generators[top]!;
      let code = seen.get(top);
      if (code === undefined) {
        seen.set(top, (code = series.length));
        series.push(`${this.#kind}-${top}`);
      }
      codes[i] = code;
      times[i] = row.time;
      for (let c = 0; c < width; c++) {
        const hole = this.#missing > 0 && this.#holes[top]!.uniform() < this.#missing;
        channels[c]![i] = hole ? NaN : row.values[c]!;
      }
      if (ids) ids[i] = row.id;
      row.next();
      this.#down(0);
    }
    return { partition: 0, series, codes, times, channels, ids, offsets };
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#generators[a]!.time, this.#generators[b]!.time];
    return x < y || (x === y && a < b);
  }

  #down(place: number): void {
    const heap = this.#heap;
    const item = heap[place]!;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, item)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = item;
  }
}
