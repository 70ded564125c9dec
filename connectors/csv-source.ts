/** Ticks from CSV files, streamed. */
import { createReadStream, openSync, readSync, closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { z } from 'zod';
import type { SourceBatch } from '../src/core/batch.ts';
import { defineSource } from '../src/core/component.ts';
import type { ConnectorContext, Source } from '../src/core/connector.ts';
import { TidecastError } from '../src/core/errors.ts';
import type { Position } from '../src/core/position.ts';
import { listed, position, timePosition } from './formats/column-names.ts';
import { CsvRows, isMissing, parseNumber, type CsvColumns } from './formats/csv-rows.ts';
import { fileFault, refusePipe } from './formats/file-fault.ts';
import { resolvePaths } from './formats/paths.ts';
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
    .describe('For times that are numbers: what they count since 1970. Without it times are ISO 8601 texts.'),
  time_zone: z
    .string()
    .refine(knownZone, 'is not a known time zone')
    .default('UTC')
    .describe('The IANA zone in which texts without a zone are meant. An hour that occurs twice means its first.'),
  series: z.string().optional().describe('The column of series names. Default: `series` if there is one and no `name` is given.'),
  name: z
    .string()
    .min(1)
    .optional()
    .describe('The series name of all rows, where no column has it. Default: the file name without its ending.'),
  values: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('The value columns, in order. Default: every other column whose first rows are numbers.'),
  id: z.string().optional().describe('A column that tells apart ticks of one series at one time.'),
  delimiter: z.string().length(1).default(',').describe('What separates the fields.'),
  quote: z
    .string()
    .length(1)
    .default('"')
    .describe('What encloses fields that hold delimiters or line ends; doubled, it stands for itself.'),
  allow_any_time: z
    .boolean()
    .default(false)
    .describe('Accept times outside 1980 to 2200, which otherwise count as a wrong unit.'),
});

type Config = z.infer<typeof config>;

const BATCH = 8192;
const SAMPLE = 65_536;

export default defineSource<Config>({
  name: 'csv',
  status: 'beta',
  summary: 'Reads ticks from CSV files with a header.',
  config,
  example: 'path: data/taxi.csv',
  guarantees: [
    'Order: file by file, row by row.',
    'Position: the number of the row over all files, headers not counted. A restart reads the rows before it and drops them.',
    'Memory: flat, whatever the size of the files.',
    'UTF-8 with or without a byte order mark; line ends of any kind; quoted fields. A field that is empty, `NA`, `N/A`, `NaN` or `null` is missing.',
    'A row with a wrong number of fields, an unreadable time or an unreadable number is rejected (`undecodable`) with its text; one without a series name likewise (`no-series`). The others go on.',
    'Refused before the first row of a file: a missing file, missing columns, no rows. Refused where it stands: a quote that is never closed, a record longer than a megabyte.',
    'Times in a wrong unit are refused: the first time of every file must lie in 1980 to 2200, unless `allow_any_time` is set.',
  ],
  build: (settings, context) => new CsvSource(settings, context),
});

class CsvSource implements Source {
  readonly bounded = true;
  readonly #config: Config;
  readonly #context: ConnectorContext;
  #channels: readonly string[] | undefined;

  constructor(settings: Config, context: ConnectorContext) {
    this.#config = settings;
    this.#context = context;
    this.#channels = settings.values;
  }

  /** Looks into the first file where the configuration does not name the values. */
  get channels(): readonly string[] {
    if (!this.#channels) {
      const [path] = resolvePaths(this.#context.folder, this.#config.path) as [string];
      this.#channels = this.#numericColumns(path);
    }
    return this.#channels;
  }

  async *read(from: Position | undefined, signal: AbortSignal): AsyncGenerator<SourceBatch> {
    const { path, time_zone, delimiter, quote } = this.#config;
    const clock = new WallClock(time_zone);
    const channels = this.channels;
    const start = from?.['0'] ?? 0;
    const { parse } = await import('csv-parse');
    let row = 0;
    for (const file of resolvePaths(this.#context.folder, path)) {
      const first = row;
      let rows: CsvRows | undefined;
      let width = 0;
      const input = createReadStream(file);
      const parser = parse({
        bom: true,
        delimiter,
        quote,
        relax_column_count: true,
        relax_quotes: true,
        skip_empty_lines: true,
        max_record_size: 1_048_576,
      });
      // pipe does not carry errors on
      input.on('error', (error) => parser.destroy(error));
      try {
        for await (const record of input.pipe(parser) as AsyncIterable<string[]>) {
          if (signal.aborted) return;
          if (!rows) {
            width = record.length;
            rows = new CsvRows(file, this.#bind(file, record), clock, this.#config, this.#name(file));
            continue;
          }
          const offset = row++;
          if (offset < start) continue;
          if (record.length === width) rows.add(record, offset);
          else rows.reject(record, offset);
          if (rows.length >= BATCH) yield rows.take(channels.length);
        }
      } catch (error) {
        if (error instanceof TidecastError) throw error;
        if ((error as NodeJS.ErrnoException).syscall) throw fileFault(file, error);
        throw damaged(file, error);
      } finally {
        input.destroy();
      }
      if (row === first) throw new TidecastError('SOURCE_NO_ROWS', { file });
      if (rows && rows.length > 0) yield rows.take(channels.length);
    }
    if (start > row) throw new TidecastError('SOURCE_POSITION', { rows: row, position: start });
  }

  async close(): Promise<void> {}

  #name(file: string): string {
    return this.#config.name ?? basename(file).replace(/\.[^.]+$/, '');
  }

  #bind(file: string, header: readonly string[]): CsvColumns {
    const names = header.map((name) => name.trim());
    const { time, series, id, name } = this.#config;
    const seriesAt = series !== undefined ? position(file, names, series) : name === undefined ? names.indexOf('series') : -1;
    return {
      delimiter: this.#config.delimiter,
      time: timePosition(file, names, time),
      series: seriesAt,
      values: this.channels.map((each) => position(file, names, each)),
      id: id === undefined ? -1 : position(file, names, id),
    };
  }

  #numericColumns(file: string): string[] {
    const { time, series, id, name, delimiter, quote } = this.#config;
    // the pipeline asks for the channels before it reads, and that question has no promise
    const { parse } = createRequire(import.meta.url)('csv-parse/sync') as typeof import('csv-parse/sync');
    const text = head(file);
    const records = (): string[][] => {
      try {
        return parse(text, {
          bom: true,
          delimiter,
          quote,
          relax_column_count: true,
          relax_quotes: true,
          skip_empty_lines: true,
          to: 100,
        }) as string[][];
      } catch (error) {
        throw damaged(file, error);
      }
    };
    const [header, ...rows] = records();
    if (!header) throw new TidecastError('SOURCE_NO_ROWS', { file });
    const names = header.map((each) => each.trim());
    const taken = new Set([
      timePosition(file, names, time),
      series === undefined ? (name === undefined ? names.indexOf('series') : -1) : position(file, names, series),
      id === undefined ? -1 : position(file, names, id),
    ]);
    const numeric = names.filter(
      (_, at) =>
        !taken.has(at) &&
        rows.some((row) => !isMissing(row[at] ?? '')) &&
        rows.every((row) => isMissing(row[at] ?? '') || !Number.isNaN(parseNumber(row[at]!))),
    );
    if (numeric.length === 0)
      throw new TidecastError(rows.length === 0 ? 'SOURCE_NO_ROWS' : 'SOURCE_NO_VALUES', { file, columns: listed(names) });
    return numeric;
  }
}

/** What the parser says, with its place. */
function damaged(file: string, cause: unknown): TidecastError {
  const { lines, code } = cause as { lines?: number; code?: string };
  return new TidecastError('CSV_DAMAGED', { file, line: lines, problem: code ?? String(cause) }, { cause });
}

/** The first complete lines of a file. */
function head(path: string): string {
  refusePipe(path, 'it is a pipe, which can be read only once: name its columns with `values`');
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const bytes = Buffer.alloc(SAMPLE);
    const n = readSync(file, bytes, 0, SAMPLE, 0);
    const text = bytes.toString('utf8', 0, n);
    return n < SAMPLE ? text : text.slice(0, text.lastIndexOf('\n') + 1);
  } catch (error) {
    throw fileFault(path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
