/**
 * Writes an Arrow IPC file of any length in flat memory: under a temporary name, made durable, then renamed.
 *
 * Rows are filled column by column into blocks of typed arrays; a full block becomes a record batch. Dictionaries are written after
 * the last record batch, when they are complete (the file form allows that): so there is one of each and no deltas, which not every
 * reader understands.
 */
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Field, RecordBatch, Schema, Vector } from 'apache-arrow';
import { lateWriter, packLongs, packTexts, type Arrow, type LateWriter } from './arrow-writer.ts';
import { writeFault } from './file-fault.ts';

/** `name`: text from a small set, dictionary-coded. `text`: any text. `time`: epoch ms, null where NaN. `long`: whole numbers as int64. */
export type ColumnKind = 'name' | 'text' | 'int32' | 'long' | 'time' | 'float64';

export type TableColumns = Readonly<Record<string, ColumnKind>>;

/** Rows being filled: arrays of `capacity` elements. Names hold codes (see {@link TableWriter.code}), times and longs doubles. */
export interface TableBlock {
  rows: number;
  readonly capacity: number;
  readonly floats: Readonly<Record<string, Float64Array>>;
  readonly ints: Readonly<Record<string, Int32Array>>;
  readonly texts: Readonly<Record<string, (string | undefined)[]>>;
}

/** One table on its way to one file. */
export class TableWriter {
  readonly columns: TableColumns;
  readonly #arrow: Arrow;
  readonly #schema: Schema;
  readonly #temporary: string;
  readonly #capacity: number;
  readonly #codes = new Map<string, Map<string, number>>();
  #writer: LateWriter | undefined;
  #handle: FileHandle | undefined;
  #block: TableBlock | undefined;
  #full: TableBlock[] = [];
  readonly #spare: TableBlock[] = [];
  #rows = 0;

  constructor(arrow: Arrow, temporary: string, columns: TableColumns, metadata: ReadonlyMap<string, string>, capacity = 32_768) {
    this.#arrow = arrow;
    this.columns = columns;
    this.#temporary = temporary;
    this.#capacity = capacity;
    const fields = Object.entries(columns).map(([name, kind], id) => this.#field(name, kind, id));
    this.#schema = new arrow.Schema(fields, new Map(metadata));
    for (const [name, kind] of Object.entries(columns)) if (kind === 'name') this.#codes.set(name, new Map());
  }

  /** Rows written or filled so far. */
  get rows(): number {
    return this.#rows + this.#full.reduce((sum, block) => sum + block.rows, 0) + (this.#block?.rows ?? 0);
  }

  /** The block to fill: it has room for at least one row. Fill a row's columns, then count it in `rows`. */
  get block(): TableBlock {
    if (this.#block && this.#block.rows === this.#block.capacity) {
      this.#full.push(this.#block);
      this.#block = undefined;
    }
    return (this.#block ??= this.#spare.pop() ?? newBlock(this.columns, this.#capacity));
  }

  /** Whether blocks wait to be written: await {@link drain} before filling much more. */
  get waiting(): boolean {
    return this.#full.length > 0;
  }

  /** The code of a text in a `name` column. */
  code(column: string, text: string): number {
    const codes = this.#codes.get(column)!;
    let code = codes.get(text);
    if (code === undefined) codes.set(text, (code = codes.size));
    return code;
  }

  /** Writes the full blocks; throws `SINK_DISK_FULL` or `SINK_WRITE_FAILED`. */
  async drain(): Promise<void> {
    const full = this.#full;
    this.#full = [];
    for (const block of full) {
      await this.#writeBlock(block);
      block.rows = 0;
      this.#spare.push(block);
    }
  }

  /** Makes everything durable under its final name; the folder itself is the caller's to sync. The writer is empty afterwards. */
  async finish(path: string): Promise<void> {
    await this.drain();
    if (this.#block && this.#block.rows > 0) await this.#writeBlock(this.#block);
    try {
      const { handle, writer } = await this.#start();
      writer.end(this.#dictionaries());
      await writeAll(handle, writer.take());
      await handle.sync();
      await handle.close();
      this.#handle = undefined;
      await rename(this.#temporary, path);
    } catch (error) {
      throw writeFault(path, error);
    }
    this.#reset();
  }

  /** Lets go of everything that is not finished. */
  async discard(): Promise<void> {
    await this.#handle?.close().catch(() => undefined);
    this.#handle = undefined;
    await rm(this.#temporary, { force: true });
    this.#full = [];
    this.#reset();
  }

  #reset(): void {
    this.#writer = undefined;
    this.#rows = 0;
    if (this.#block) this.#block.rows = 0;
    for (const codes of this.#codes.values()) codes.clear();
  }

  async #start(): Promise<{ handle: FileHandle; writer: LateWriter }> {
    this.#handle ??= await open(this.#temporary, 'w');
    this.#writer ??= lateWriter(this.#arrow, this.#schema);
    return { handle: this.#handle, writer: this.#writer };
  }

  async #writeBlock(block: TableBlock): Promise<void> {
    try {
      const { handle, writer } = await this.#start();
      writer.write(this.#batch(block));
      await writeAll(handle, writer.take());
    } catch (error) {
      throw writeFault(this.#temporary, error);
    }
    this.#rows += block.rows;
  }

  #field(name: string, kind: ColumnKind, id: number): Field {
    const { Field, Dictionary, Utf8, Int32, Int64, Float64, TimestampMillisecond } = this.#arrow;
    switch (kind) {
      case 'name':
        return new Field(name, new Dictionary(new Utf8(), new Int32(), id), false);
      case 'text':
        return new Field(name, new Utf8(), true);
      case 'int32':
        return new Field(name, new Int32(), false);
      case 'long':
        return new Field(name, new Int64(), false);
      case 'time':
        return new Field(name, new TimestampMillisecond('UTC'), true);
      case 'float64':
        return new Field(name, new Float64(), false);
    }
  }

  #batch(block: TableBlock): RecordBatch {
    const { makeData, RecordBatch, Struct, Vector } = this.#arrow;
    const n = block.rows;
    const children = this.#schema.fields.map(({ name, type }) => {
      switch (this.columns[name]!) {
        case 'name':
          // the texts follow at the end; apache-arrow wants a dictionary here all the same
          return makeData({
            type,
            length: n,
            nullCount: 0,
            data: block.ints[name]!.subarray(0, n),
            dictionary: new Vector([makeData({ type: new this.#arrow.Utf8() })]),
          } as never);
        case 'int32':
          return makeData({ type, length: n, nullCount: 0, data: block.ints[name]!.subarray(0, n) } as never);
        case 'float64':
          return makeData({ type, length: n, nullCount: 0, data: block.floats[name]!.subarray(0, n) } as never);
        case 'text':
          return makeData({ type, length: n, ...packTexts(block.texts[name]!.slice(0, n)) } as never);
        case 'long':
        case 'time':
          return makeData({ type, length: n, ...packLongs(block.floats[name]!.subarray(0, n)) } as never);
      }
    });
    return new RecordBatch(
      this.#schema,
      makeData({ type: new Struct(this.#schema.fields), length: n, nullCount: 0, children } as never) as never,
    );
  }

  #dictionaries(): Map<number, Vector> {
    const { makeData, Utf8, Vector, Dictionary } = this.#arrow;
    const dictionaries = new Map<number, Vector>();
    for (const { name, type } of this.#schema.fields) {
      if (!(type instanceof Dictionary)) continue;
      const texts = [...this.#codes.get(name)!.keys()];
      dictionaries.set(type.id, new Vector([makeData({ type: new Utf8(), length: texts.length, ...packTexts(texts) })]));
    }
    return dictionaries;
  }
}

/** Makes renames in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    // Windows cannot sync a folder
    if ((error as NodeJS.ErrnoException).code !== 'EPERM' && (error as NodeJS.ErrnoException).code !== 'EISDIR')
      throw writeFault(folder, error);
  }
}

/** The name under which a table is written before it is complete. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${path.slice(dirname(path).length + 1)}.partial`);
}

function newBlock(columns: TableColumns, capacity: number): TableBlock {
  const floats: Record<string, Float64Array> = {};
  const ints: Record<string, Int32Array> = {};
  const texts: Record<string, (string | undefined)[]> = {};
  for (const [name, kind] of Object.entries(columns)) {
    if (kind === 'text') texts[name] = [];
    else if (kind === 'name' || kind === 'int32') ints[name] = new Int32Array(capacity);
    else floats[name] = new Float64Array(capacity);
  }
  return { rows: 0, capacity, floats, ints, texts };
}

async function writeAll(handle: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  // writev may stop early on a nearly full disk, and takes at most 1,024 pieces
  for (let i = 0; i < chunks.length;) {
    const part = chunks.slice(i, i + 512);
    const wanted = part.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const { bytesWritten } = await handle.writev(part);
    i += part.length;
    if (bytesWritten === wanted) continue;
    let skip = bytesWritten;
    for (const chunk of part) {
      const rest = chunk.subarray(Math.min(skip, chunk.byteLength));
      skip -= chunk.byteLength - rest.byteLength;
      for (let at = 0; at < rest.byteLength;) at += (await handle.write(rest, at)).bytesWritten;
    }
  }
}
