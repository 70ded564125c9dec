/** Text: a character is a tick. */
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import type { SourceBatch } from '../src/core/batch.ts';
import { defineSource } from '../src/core/component.ts';
import type { ConnectorContext, Source } from '../src/core/connector.ts';
import { TidecastError } from '../src/core/errors.ts';
import type { Position } from '../src/core/position.ts';
import { fileFault } from './formats/file-fault.ts';
import { LineLabel } from './formats/line-label.ts';
import { resolvePaths } from './formats/paths.ts';

const fields = z.strictObject({
  path: z.string().min(1).describe('The file, UTF-8. Relative to the pipeline file.'),
  by: z
    .enum(['file', 'line', 'pair'])
    .default('file')
    .describe(
      '`file`: all of it is one series. `line`: every line is a series, `line-1` and so on, its line end the last tick. `pair`: every line is a series; what stands behind its first tab is in the channel `answer`; tab and line end are in neither.',
    ),
  labels: z
    .array(z.string().regex(/^[^\t\r\n]{1,200}$/, { error: 'must be 1 to 200 characters, without tabs and line ends' }))
    .min(2)
    .max(1000)
    .optional()
    .describe(
      'With `by: line`: every line begins with one of these labels and a tab, which are no ticks. The channel `label` is its number, 0 for the first, at every character of the line.',
    ),
  skip: z.int().min(0).default(0).describe('Characters that are left out at the beginning.'),
  take: z.int().min(1).optional().describe('Characters that are read at most. Default: all.'),
});

const config = fields.refine(({ labels, by }) => !labels || by === 'line', { path: ['labels'], error: 'goes with by: line' });

type Config = z.infer<typeof config>;

const BATCH = 4096;
const INTERVAL = 1000;
const START = 946_684_800_000; // 2000-01-01
const NEWLINE = 10;
const TAB = 9;

export default defineSource<Config>({
  name: 'text',
  status: 'beta',
  summary: 'Reads text as ticks, a character each: the channel `character` is its number in Unicode.',
  config,
  example: 'path: data/book.txt',
  guarantees: [
    'Order: as in the file; a character is a second after the one before it.',
    'A byte order mark is dropped and a carriage return before a line feed too; bytes that are no UTF-8 become U+FFFD.',
    'A label that is none of those listed ends the run, with file and line (SOURCE_LABEL).',
    'Position: the number of the character. A restart reads the ones before it and drops them.',
    'Memory: flat, whatever the size of the file.',
  ],
  build: (settings, context) => new TextSource(settings, context),
});

class TextSource implements Source {
  readonly channels: readonly string[];
  readonly bounded = true;
  readonly #config: Config;
  readonly #context: ConnectorContext;

  constructor(settings: Config, context: ConnectorContext) {
    this.#config = settings;
    this.#context = context;
    this.channels = ['character', ...(settings.labels ? ['label'] : settings.by === 'pair' ? ['answer'] : [])];
  }

  async *read(from: Position | undefined, signal: AbortSignal): AsyncGenerator<SourceBatch> {
    const { by, skip, take = Infinity, labels } = this.#config;
    const [path] = resolvePaths(this.#context.folder, this.#config.path) as [string];
    const start = from?.['0'] ?? 0;
    const name = basename(path).replace(/\.[^.]*$/, '');
    const rows = new Rows(this.channels.length);
    const label = labels && new LineLabel(path, labels);
    let line = 1;
    let side = 0;
    let at = -skip;
    for await (const character of charactersOf(path, signal)) {
      if (at >= take) break;
      const between = by === 'pair' && (character === NEWLINE || (character === TAB && side === 0));
      const letter = between ? NaN : character;
      const taken = label?.takes(character) ?? false;
      const values = side === 0 ? [letter, label?.value ?? NaN] : [NaN, letter];
      if (!taken && at >= start) rows.add(by === 'file' ? name : `line-${line}`, values, at);
      if (between) side = character === TAB ? 1 : 0;
      if (at >= 0 && character === NEWLINE) line++;
      at++;
      if (rows.length === BATCH) yield rows.take();
    }
    if (signal.aborted) return;
    if (at < take) label?.end();
    if (rows.length > 0) yield rows.take();
    if (at <= 0) throw new TidecastError('SOURCE_NO_ROWS', { file: path });
    if (start > at) throw new TidecastError('SOURCE_POSITION', { rows: at, position: start });
  }

  async close(): Promise<void> {}
}

/** Unicode numbers, one by one. */
async function* charactersOf(path: string, signal: AbortSignal): AsyncGenerator<number> {
  let first = true;
  let held = false;
  try {
    for await (const chunk of createReadStream(path, { encoding: 'utf8' }) as AsyncIterable<string>) {
      if (signal.aborted) return;
      for (const letter of chunk) {
        const character = letter.codePointAt(0)!;
        const mark = first && character === 0xfeff;
        first = false;
        // a carriage return waits until it is known whether a line feed follows
        if (held && character !== NEWLINE) yield 13;
        held = character === 13;
        if (!held && !mark) yield character;
      }
    }
    if (held) yield 13;
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall ? fileFault(path, error) : error;
  }
}

/** Characters on their way into a batch. */
class Rows {
  #series: string[] = [];
  readonly #codes: number[] = [];
  readonly #values: readonly number[][];
  readonly #offsets: number[] = [];

  constructor(channels: number) {
    this.#values = Array.from({ length: channels }, () => []);
  }

  get length(): number {
    return this.#codes.length;
  }

  add(series: string, values: readonly number[], offset: number): void {
    if (this.#series.at(-1) !== series) this.#series.push(series);
    this.#codes.push(this.#series.length - 1);
    this.#values.forEach((column, c) => column.push(values[c]!));
    this.#offsets.push(offset);
  }

  take(): SourceBatch {
    const [series, codes, values, offsets] = [this.#series, this.#codes, this.#values, this.#offsets];
    const batch = {
      partition: 0,
      series,
      codes: Int32Array.from(codes),
      times: Float64Array.from(offsets, (offset) => START + INTERVAL * offset),
      channels: values.map((each) => Float64Array.from(each)),
      offsets: Float64Array.from(offsets),
    };
    this.#series = [];
    codes.length = offsets.length = 0;
    for (const each of values) each.length = 0;
    return batch;
  }
}
