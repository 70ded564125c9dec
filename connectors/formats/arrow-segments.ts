/** Reads what the Arrow sink wrote: segments in the order of their names. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Body } from './arrow-body.ts';
import { Column } from './arrow-columns.ts';
import { ArrowFile } from './arrow-file.ts';
import type { TableColumns } from './arrow-table.ts';
import { TextTable } from './arrow-text.ts';
import type { TableName } from './forecast-tables.ts';
import { WallClock } from './time.ts';

/** Columns of a table. Numbers and times (epoch ms) are doubles; a text is `names[codes[row]]`, code -1 where it is null. */
export interface ReadTable {
  readonly length: number;
  readonly numbers: Readonly<Record<string, Float64Array>>;
  readonly texts: Readonly<Record<string, { readonly codes: Int32Array; readonly names: readonly string[] }>>;
}

/** The file name of a cut's segment. */
export function segmentName(table: TableName, from: number): string {
  return `${table}-${String(from).padStart(15, '0')}.arrow`;
}

/** The paths of a table's segments, in order. */
export async function segments(folder: string, table: TableName): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => new RegExp(`^${table}-\\d{15}\\.arrow$`).test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** The rows of one file, a record batch at a time; `columns` limits them to these. */
export async function* tableBlocks(
  path: string,
  columns?: TableColumns,
  tables: Map<string, TextTable> = new Map(),
): AsyncGenerator<ReadTable> {
  const file = await ArrowFile.open(path);
  const clock = new WallClock();
  try {
    const readers = file.schema.fields
      .map((_, at) => new Column(file, at))
      .filter(({ field }) => !columns || field.name in columns);
    for (const [batch, { rows }] of file.batches.entries()) {
      const window = { body: await Body.open(file, file.batches[batch]!), batch, from: 0, to: rows };
      const numbers: Record<string, Float64Array> = {};
      const texts: Record<string, { codes: Int32Array; names: readonly string[] }> = {};
      for (const reader of readers) {
        const { name, type } = reader.field;
        if (type.kind === 'text') {
          const table = tables.get(name) ?? new TextTable();
          tables.set(name, table);
          texts[name] = { codes: await reader.texts(window, table), names: table.texts };
        } else
          numbers[name] = type.kind === 'timestamp' ? await reader.times(window, undefined, clock) : await reader.numbers(window);
      }
      yield { length: rows, numbers, texts };
    }
  } finally {
    await file.close();
  }
}

/** All segments of a table as one; a folder without segments gives no rows and no columns. */
export async function readTable(folder: string, table: TableName): Promise<ReadTable> {
  const blocks: ReadTable[] = [];
  const tables = new Map<string, TextTable>();
  for (const path of await segments(folder, table))
    for await (const block of tableBlocks(path, undefined, tables)) blocks.push(block);
  const length = blocks.reduce((sum, block) => sum + block.length, 0);
  const numbers: Record<string, Float64Array> = {};
  const texts: Record<string, { codes: Int32Array; names: readonly string[] }> = {};
  for (const name of Object.keys(blocks[0]?.numbers ?? {})) {
    const whole = new Float64Array(length);
    let at = 0;
    for (const block of blocks) {
      whole.set(block.numbers[name]!, at);
      at += block.length;
    }
    numbers[name] = whole;
  }
  for (const name of Object.keys(blocks[0]?.texts ?? {})) {
    const codes = new Int32Array(length);
    let at = 0;
    for (const block of blocks) {
      codes.set(block.texts[name]!.codes, at);
      at += block.length;
    }
    texts[name] = { codes, names: tables.get(name)!.texts };
  }
  return { length, numbers, texts };
}
