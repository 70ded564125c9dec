/** Ticks from Arrow IPC files (file and stream form; what pandas, polars and pyarrow write), in flat memory. */
import { basename } from 'node:path';
import { z } from 'zod';
import type { Reject, SourceBatch } from '../src/core/batch.ts';
import { defineSource } from '../src/core/component.ts';
import type { ConnectorContext, Source } from '../src/core/connector.ts';
import { TidecastError } from '../src/core/errors.ts';
import type { Position } from '../src/core/position.ts';
import { mergedTicks, indexRuns } from './formats/arrow-merge.ts';
import { peekSchema } from './formats/arrow-index.ts';
import { TickFile, valueNames, type TickColumns, type Ticks } from './formats/arrow-ticks.ts';
import { TextTable } from './formats/arrow-text.ts';
import { resolvePaths } from './formats/paths.ts';
import { SeriesCodes } from './formats/series-codes.ts';
import { knownZone, WallClock } from './formats/time.ts';

const config = z.strictObject({
  path: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe(
      'The file, a pattern with `*`, `?` or `**` (read in the order of the names), or a list of both. Relative to the pipeline file.',
    ),
  time: z.string().optional().describe('The column of event times. Default: the one called `time`, `timestamp`, `ts` or `date`.'),
  unit: z
    .enum(['s', 'ms', 'us', 'ns'])
    .optional()
    .describe('What the numbers of a time column without a time type count since 1970; required there.'),
  time_zone: z
    .string()
    .refine(knownZone, 'is not a known time zone')
    .default('UTC')
    .describe(
      'The IANA zone in which timestamps without a zone, and dates, are meant. An hour that occurs twice means its first.',
    ),
  series: z
    .string()
    .optional()
    .describe(
      'The column of series names (text, dictionary or integers). Default: `series` if there is one and no `name` is given.',
    ),
  name: z
    .string()
    .min(1)
    .optional()
    .describe('The series name of all rows, where no column has it. Default: the file name without its ending.'),
  values: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('The value columns, in order. Default: every integer, float or decimal column that is not time, series or id.'),
  id: z.string().optional().describe('A column that tells apart ticks of one series at one time.'),
  order: z
    .enum(['as-is', 'merge'])
    .default('as-is')
    .describe(
      '`as-is`: file by file, row by row. `merge`: all rows of all files by time; for one file a series, and for files sorted by series.',
    ),
  expect_rows: z
    .int()
    .positive()
    .optional()
    .describe('Rows in all; any other number is refused. A stream without its end mark is accepted only with it.'),
  allow_any_time: z
    .boolean()
    .default(false)
    .describe('Accept times outside 1980 to 2200, which otherwise count as a wrong unit.'),
});

type Config = z.infer<typeof config>;

/** Rows decoded at once. */
const WINDOW = 65_536;

export default defineSource<Config>({
  name: 'arrow',
  status: 'beta',
  summary: 'Reads ticks from Arrow IPC and Feather files.',
  config,
  example: 'path: data/nyc_taxi.arrow',
  guarantees: [
    'Order: `as-is` gives the rows as the files have them, `merge` all rows by time (equal times in file order).',
    'Position: the number of the row over all files. A restart continues at that row without decoding earlier record batches (`as-is`).',
    'Memory: flat, whatever the size of the files. A compressed record batch is decoded whole, so its used columns must fit; `merge` adds a few numbers a sorted run.',
    'Compression: LZ4 and Zstandard bodies as pandas, pyarrow and polars write them.',
    'Refused before the first row: files that are empty, foreign, cut off, or damaged in their framing or metadata; missing or wrongly typed columns; files without rows; a stream without its end mark (unless `expect_rows` is met).',
    'Refused when it is reached, with the number of the record batch, after the rows before it were read: damage inside a body that shows (compression, dictionary indices, text lengths).',
    'Not seen: flipped bits in values. Arrow IPC has no checksums.',
    'Nulls are NaN; a row without a series name is rejected (`no-series`); a null time is left to the cleaning station.',
    '64-bit integers are rounded to the nearest double (exact up to 2^53); decimals to the nearest double of their digits over a power of ten; times keep fractions of a millisecond to 0.2 microseconds.',
    'Times in a wrong unit are refused: the first time of every file must lie in 1980 to 2200, unless `allow_any_time` is set.',
  ],
  build: (settings, context) => new ArrowSource(settings, context),
});

class ArrowSource implements Source {
  readonly bounded = true;
  readonly #config: Config;
  readonly #context: ConnectorContext;
  readonly #columns: TickColumns;
  readonly #table = new TextTable();
  readonly #compact = new SeriesCodes();
  #channels: readonly string[] | undefined;
  #files: Promise<TickFile[]> | undefined;

  constructor(settings: Config, context: ConnectorContext) {
    this.#config = settings;
    this.#context = context;
    const { time, unit, series, values, id } = settings;
    this.#columns = {
      time,
      unit,
      series,
      values,
      id,
      allowAnyTime: settings.allow_any_time,
      findSeries: settings.name === undefined,
    };
    this.#channels = values;
  }

  /** Looks into the first file where the configuration does not name the values. */
  get channels(): readonly string[] {
    if (this.#channels) return this.#channels;
    const [path] = resolvePaths(this.#context.folder, this.#config.path) as [string];
    this.#channels = valueNames(path, peekSchema(path), this.#columns);
    return this.#channels;
  }

  async rows(): Promise<number> {
    return total(await this.#open());
  }

  async *read(from: Position | undefined, signal: AbortSignal): AsyncGenerator<SourceBatch> {
    const start = from?.['0'] ?? 0;
    const files = await this.#open();
    const rows = total(files);
    if (start > rows) throw new TidecastError('SOURCE_POSITION', { rows, position: start });
    if (this.#config.order === 'merge') {
      const runs = await indexRuns(files, WINDOW, signal);
      let at = start;
      for await (const ticks of mergedTicks(files, runs, start, signal, (file) => this.#constantCode(file))) {
        yield this.#batch(ticks, ticks.codes!, at);
        at += ticks.times.length;
      }
      return;
    }
    let first = 0;
    for (const file of files) {
      for await (const { ticks, row } of windows(file, Math.max(0, start - first), signal)) {
        yield this.#batch(ticks, ticks.codes ?? new Int32Array(ticks.times.length).fill(this.#constantCode(file)), first + row);
      }
      first += file.file.rows;
    }
  }

  async close(): Promise<void> {
    const files = this.#files;
    this.#files = undefined;
    // a file that could not be opened was reported by read
    for (const file of (await files?.catch(() => [])) ?? []) await file.close();
  }

  #open(): Promise<TickFile[]> {
    this.#files ??= this.#openAll();
    return this.#files;
  }

  async #openAll(): Promise<TickFile[]> {
    const { path, time_zone, expect_rows } = this.#config;
    const clock = new WallClock(time_zone);
    const columns = { ...this.#columns, values: this.channels };
    const files: TickFile[] = [];
    try {
      for (const file of resolvePaths(this.#context.folder, path)) {
        files.push(await TickFile.open(file, columns, clock, this.#table, expect_rows !== undefined));
      }
      const rows = total(files);
      if (expect_rows !== undefined && rows !== expect_rows) throw new TidecastError('SOURCE_ROWS', { rows, expect_rows });
    } catch (error) {
      for (const file of files) await file.close();
      this.#files = undefined;
      throw error;
    }
    return files;
  }

  #constantCode(file: TickFile): number {
    const name = new TextEncoder().encode(this.#config.name ?? basename(file.file.path).replace(/\.[^.]+$/, ''));
    return this.#table.code(name, 0, name.length);
  }

  #batch(ticks: Ticks, codes: Int32Array, first: number): SourceBatch {
    const n = codes.length;
    const offsets = new Float64Array(n);
    for (let i = 0; i < n; i++) offsets[i] = first + i;
    if (!codes.includes(-1)) {
      const { times, channels, ids } = ticks;
      return { partition: 0, times, channels, ids, offsets, ...this.#compact.compact(codes, this.#table.texts) };
    }
    const named = Int32Array.from(codes.keys()).filter((row) => codes[row] !== -1);
    const pick = (column: Float64Array) => Float64Array.from(named, (row) => column[row]!);
    const rejects: Reject[] = [];
    codes.forEach((code, row) => {
      if (code !== -1) return;
      rejects.push({
        partition: 0,
        offset: first + row,
        reason: 'no-series',
        time: ticks.times[row]!,
        values: ticks.channels.map((channel) => channel[row]!),
      });
    });
    return {
      partition: 0,
      times: pick(ticks.times),
      channels: ticks.channels.map(pick),
      ids: ticks.ids && pick(ticks.ids),
      offsets: pick(offsets),
      rejects,
      ...this.#compact.compact(
        Int32Array.from(named, (row) => codes[row]!),
        this.#table.texts,
      ),
    };
  }
}

/** The rows of a file from `start` on, in windows that do not cross record batches. */
async function* windows(
  file: TickFile,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<{ readonly ticks: Ticks; readonly row: number }> {
  for (let batch = 0; batch < file.file.batches.length; batch++) {
    const { first, rows } = file.file.batches[batch]!;
    if (first + rows <= start) continue;
    if (signal.aborted) return;
    const body = await file.body(batch);
    for (let from = Math.max(0, start - first); from < rows; from += WINDOW) {
      if (signal.aborted) return;
      const to = Math.min(rows, from + WINDOW);
      yield { ticks: await file.ticks({ body, batch, from, to }), row: first + from };
    }
  }
}

function total(files: readonly TickFile[]): number {
  return files.reduce((sum, { file }) => sum + file.rows, 0);
}
