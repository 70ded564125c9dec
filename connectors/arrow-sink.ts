/** Forecasts, scores and dead letters as Arrow files: a folder of segments, one a checkpoint, and one file of all at the end. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { ForecastBatch, Reject } from '../src/core/batch.ts';
import { defineSink } from '../src/core/component.ts';
import type { ConnectorContext, Cut, Sink, SinkContext } from '../src/core/connector.ts';
import { TidecastError } from '../src/core/errors.ts';
import { readTable, segmentName, segments, tableBlocks, type ReadTable } from './formats/arrow-segments.ts';
import { syncFolder, TableWriter, temporaryName } from './formats/arrow-table.ts';
import { writeFault } from './formats/file-fault.ts';
import { addForecasts, addRejects, addScores, tableColumns, TABLES, type TableName } from './formats/forecast-tables.ts';

const config = z.strictObject({
  path: z.string().min(1).describe('The folder, made if it is not there. Relative to the pipeline file.'),
  merge: z
    .boolean()
    .default(true)
    .describe('When the input ended: also write all segments into one `forecasts.arrow` and one `scores.arrow`.'),
});

type Config = z.infer<typeof config>;

export default defineSink<Config>({
  name: 'arrow',
  status: 'beta',
  summary: 'Writes forecasts, scores and dead letters to a folder of Arrow files.',
  config,
  example: 'path: out/taxi',
  guarantees: [
    'Segments: every cut becomes `forecasts-<from>.arrow`, `scores-<from>.arrow` and `rejects-<from>.arrow`, `<from>` being its first row in 15 digits. A table without rows has no segment; all segments of a table in the order of their names are the table.',
    'Replay: writing a cut again replaces its segments. A start removes the segments at or after the row where it continues: they are written again.',
    'Atomic: a segment is written under a temporary name, synced and renamed, then the folder is synced. After a crash no final name holds half a table.',
    'The merged files are written when the input ended, always both, by the same steps; a start removes them, because they would be out of date.',
    'Forecasts are one row an origin, target and step; scores join them by series, target, step and time. Times are whole milliseconds UTC; rows without a forecast are left out.',
    'Memory: flat. Rows go to disk in blocks; only the distinct series names of a segment are kept.',
    'One process a folder: two runs into the same folder remove each other’s segments. With `state.shared` every partition has a folder of its own.',
    'Files are uncompressed Arrow IPC files (Feather version 2): `pandas.read_feather`, `polars.read_ipc`.',
  ],
  build: (settings, context) => new ArrowSink(settings, context),
});

class ArrowSink implements Sink {
  #folder: string;
  readonly #merge: boolean;
  readonly #pipeline: string;
  #context: SinkContext | undefined;
  /** The cut that is being filled, and the one that is being made durable meanwhile or is free. */
  #writers: Record<TableName, TableWriter> | undefined;
  #others: Record<TableName, TableWriter> | undefined;
  #writer: (table: TableName, name: string) => TableWriter = () => {
    throw new TidecastError('INTERNAL', { sink: 'arrow', problem: 'written to before it was opened' });
  };

  constructor(settings: Config, context: ConnectorContext) {
    this.#folder = resolve(context.folder, settings.path);
    this.#merge = settings.merge;
    this.#pipeline = context.pipeline;
  }

  async open(context: SinkContext): Promise<void> {
    const arrow = await import('apache-arrow');
    this.#context = context;
    if (context.partition !== undefined) this.#folder = join(this.#folder, `partition-${context.partition}`);
    const metadata = new Map([
      ['tidecast.pipeline', this.#pipeline],
      ['tidecast.interval_ms', String(context.interval)],
    ]);
    this.#writer = (table, name) => {
      const path = temporaryName(join(this.#folder, name));
      return new TableWriter(arrow, path, tableColumns(table, context.quantiles), metadata, table === 'rejects' ? 4096 : 32_768);
    };
    try {
      await mkdir(this.#folder, { recursive: true });
      await this.#clear(context.from);
    } catch (error) {
      throw new TidecastError(
        'SINK_FOLDER',
        { folder: this.#folder, problem: (error as NodeJS.ErrnoException).code ?? String(error) },
        { cause: error },
      );
    }
    const writers = (name: string) => ({
      forecasts: this.#writer('forecasts', `forecasts-${name}`),
      scores: this.#writer('scores', `scores-${name}`),
      rejects: this.#writer('rejects', `rejects-${name}`),
    });
    this.#writers = writers('one');
    this.#others = writers('other');
  }

  write(batch: ForecastBatch): void | Promise<void> {
    const { forecasts, scores } = this.#open();
    addForecasts(forecasts, batch, this.#context!);
    addScores(scores, batch, this.#context!);
    if (forecasts.waiting || scores.waiting) return this.#drain();
  }

  reject(rejects: readonly Reject[]): void | Promise<void> {
    const { rejects: table } = this.#open();
    addRejects(table, rejects);
    if (table.waiting) return table.drain();
  }

  async flush(cut: Cut): Promise<void> {
    const writers = this.#open();
    // what is written from here on, while this cut goes to disk, belongs to the next
    this.#writers = this.#others;
    this.#others = writers;
    for (const table of TABLES) {
      const path = join(this.#folder, segmentName(table, cut.from));
      if (writers[table].rows > 0) await writers[table].finish(path);
      else await rm(path, { force: true });
    }
    await syncFolder(this.#folder);
  }

  async close(complete: boolean): Promise<void> {
    const writers = this.#writers;
    if (!writers) return;
    this.#writers = undefined;
    for (const table of TABLES) {
      await writers[table].discard();
      await this.#others![table].discard();
    }
    if (complete && this.#merge) await this.#mergeAll();
  }

  #open(): Record<TableName, TableWriter> {
    if (!this.#writers) throw new TidecastError('INTERNAL', { sink: 'arrow', problem: 'used while it is not open' });
    return this.#writers;
  }

  async #drain(): Promise<void> {
    await this.#open().forecasts.drain();
    await this.#open().scores.drain();
  }

  /** Removes what an unfinished run left: temporary files, merged files, and segments that will be written again. */
  async #clear(from: number): Promise<void> {
    const stale = (name: string) =>
      /^\.(forecasts|scores|rejects).*\.partial$/.test(name) ||
      name === 'forecasts.arrow' ||
      name === 'scores.arrow' ||
      Number(/^(?:forecasts|scores|rejects)-(\d{15})\.arrow$/.exec(name)?.[1] ?? -1) >= from;
    for (const name of await readdir(this.#folder)) if (stale(name)) await rm(join(this.#folder, name), { force: true });
    await syncFolder(this.#folder);
  }

  async #mergeAll(): Promise<void> {
    for (const table of ['forecasts', 'scores'] as const) {
      const path = join(this.#folder, `${table}.arrow`);
      const writer = this.#writer(table, `${table}.arrow`);
      try {
        for (const file of await segments(this.#folder, table)) {
          for await (const rows of tableBlocks(file, writer.columns)) {
            append(writer, rows);
            await writer.drain();
          }
        }
        await writer.finish(path);
      } catch (error) {
        await writer.discard();
        throw writeFault(path, error);
      }
    }
    await syncFolder(this.#folder);
  }
}

function append(writer: TableWriter, rows: ReadTable): void {
  const codes = Object.fromEntries(
    Object.entries(rows.texts).map(([name, { names }]) => [name, names.map((each) => writer.code(name, each))]),
  );
  for (let row = 0; row < rows.length;) {
    const block = writer.block;
    const n = Math.min(rows.length - row, block.capacity - block.rows);
    for (const [name, kind] of Object.entries(writer.columns)) {
      if (kind === 'name') {
        const from = rows.texts[name]!.codes;
        for (let i = 0; i < n; i++) block.ints[name]![block.rows + i] = codes[name]![from[row + i]!]!;
      } else (block.ints[name] ?? block.floats[name])!.set(rows.numbers[name]!.subarray(row, row + n), block.rows);
    }
    block.rows += n;
    row += n;
  }
}

/** All forecasts of a folder, in the order in which they were issued. */
export function readForecasts(folder: string): Promise<ReadTable> {
  return readTable(folder, 'forecasts');
}

/** All scores of a folder. */
export function readScores(folder: string): Promise<ReadTable> {
  return readTable(folder, 'scores');
}

/** All dead letters of a folder. */
export function readRejects(folder: string): Promise<ReadTable> {
  return readTable(folder, 'rejects');
}
