/**
 * The framing of Arrow IPC: where the schema, the dictionaries and the record batches of a file lie.
 *
 * Both forms, file (with footer) and stream (with end mark), are indexed before any row is read, by small reads at known places:
 * a file of any size costs a few kilobytes, a cut anywhere is seen, and no length is believed that the file does not have.
 * apache-arrow's own reader takes a stream cut at a message boundary for a whole one and allocates what damaged lengths say.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { TidecastError } from '../../src/core/errors.ts';
import type { Compression } from './arrow-codecs.ts';
import { readSchema, type ArrowField, type ArrowSchema } from './arrow-schema.ts';
import { Damage, sound } from './damage.ts';
import { FlatTable, int64 } from './flatbuffer.ts';
import { fileFault } from './file-fault.ts';

/** A message that carries rows: where its metadata and its body lie in the file. */
export interface Block {
  readonly at: number;
  readonly metadata: number;
  readonly body: number;
  readonly bodyLength: number;
}

export interface BatchBlock extends Block {
  readonly rows: number;
  /** Rows of the batches before it. */
  readonly first: number;
}

export interface DictionaryBlock extends Block {
  readonly id: number;
  readonly delta: boolean;
  /** Number of record batches before it; 0 in the file form, where dictionaries hold throughout. */
  readonly before: number;
}

/** What a record batch says of itself. */
export interface BatchMeta {
  readonly rows: number;
  readonly compression: Compression | undefined;
  /** Length and null count, node by node. */
  readonly nodes: readonly (readonly [rows: number, nulls: number])[];
  /** Position in the body and length, buffer by buffer. */
  readonly buffers: readonly (readonly [at: number, length: number])[];
  /** Variadic buffer counts of the view columns. */
  readonly views: readonly number[];
}

const MAGIC = 'ARROW1';
const SCHEMA = 1;
const DICTIONARY = 2;
const BATCH = 3;
const MAX_METADATA = 268_435_456;

const FOREIGN: readonly (readonly [start: string, what: string])[] = [
  ['FEA1', 'Feather version 1'],
  ['PAR1', 'a Parquet file'],
  ['\x1f\x8b', 'a gzip file'],
  ['PK\x03\x04', 'a zip file'],
  ['<', 'HTML or XML'],
  ['{', 'JSON'],
  ['\x89HDF', 'an HDF5 file'],
  ['\x28\xb5\x2f\xfd', 'a Zstandard file'],
];

interface Parts {
  readonly schema: ArrowSchema;
  readonly batches: readonly BatchBlock[];
  readonly dictionaries: readonly DictionaryBlock[];
  /** False for a stream that ends at a message boundary without its end mark. */
  readonly ended: boolean;
}

/** An open, indexed Arrow IPC file. */
export class ArrowFile implements Parts {
  readonly path: string;
  readonly schema: ArrowSchema;
  readonly batches: readonly BatchBlock[];
  readonly dictionaries: readonly DictionaryBlock[];
  readonly ended: boolean;
  readonly rows: number;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, parts: Parts) {
    this.path = path;
    this.#handle = handle;
    this.schema = parts.schema;
    this.batches = parts.batches;
    this.dictionaries = parts.dictionaries;
    this.ended = parts.ended;
    this.rows = parts.batches.reduce((sum, batch) => sum + batch.rows, 0);
  }

  /** Opens and indexes; throws `ARROW_FOREIGN`, `ARROW_TRUNCATED`, `ARROW_DAMAGED` or an error of the file system. */
  static async open(path: string): Promise<ArrowFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      throw fileFault(path, error);
    }
    try {
      return new ArrowFile(path, handle, await index(path, handle));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The bytes of a stretch of the file, at the start of a fresh, aligned array. */
  async bytes(at: number, length: number): Promise<Uint8Array> {
    return read(this.#handle, at, length);
  }

  /** What record batch or dictionary says of itself; throws `Damage`. */
  async meta(block: Block): Promise<BatchMeta> {
    const { table, type } = message(await read(this.#handle, block.at, block.metadata));
    const header = table.table(2);
    const batch = type === DICTIONARY ? header?.table(1) : header;
    if (!batch) throw new Damage('a record batch has no description');
    return readMeta(batch, block.bodyLength);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** The schema of a file, read synchronously from its start; throws what `ArrowFile.open` would. */
export function peekSchema(path: string): ArrowSchema {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw fileFault(path, error);
  }
  const readSyncAt = (at: number, length: number) => {
    const bytes = new Uint8Array(length);
    if (readSync(file, bytes, 0, length, at) < length) throw new Cut('the schema is incomplete');
    return bytes;
  };
  try {
    const { size } = fstatSync(file);
    return placed(path, () => {
      if (kindOf(path, readSyncAt(0, Math.min(8, size)), size) === 'file') {
        const { at, length } = footerExtent(size < 18 ? new Uint8Array(0) : readSyncAt(size - 10, 10), size);
        return footerSchema(FlatTable.root(readSyncAt(at, length)));
      }
      const length = size < 8 ? 0 : new DataView(readSyncAt(0, 8).buffer).getInt32(4, true);
      if (length <= 0) throw new Cut('the schema is missing');
      sound(length <= MAX_METADATA && length <= size, 'the schema has an absurd length');
      return schemaOf(message(readSyncAt(0, 8 + length)));
    });
  } catch (error) {
    throw fileFault(path, error);
  } finally {
    closeSync(file);
  }
}

async function index(path: string, handle: FileHandle): Promise<Parts> {
  const stat = await handle.stat();
  if (!stat.isFile()) throw new TidecastError('SOURCE_FILE_UNREADABLE', { file: path, problem: 'not a regular file' });
  const size = stat.size;
  try {
    const kind = kindOf(path, await read(handle, 0, Math.min(8, size)), size);
    return await (kind === 'file' ? indexFile(handle, size) : indexStream(handle, size));
  } catch (error) {
    throw damageFault(path, error);
  }
}

function placed<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw damageFault(path, error);
  }
}

function damageFault(path: string, error: unknown): TidecastError {
  if (error instanceof Cut) return new TidecastError('ARROW_TRUNCATED', { file: path, problem: error.message }, { cause: error });
  if (error instanceof Damage || error instanceof RangeError) return new TidecastError('ARROW_DAMAGED', { file: path, problem: error.message }, { cause: error });
  return fileFault(path, error);
}

function kindOf(path: string, start: Uint8Array, size: number): 'file' | 'stream' {
  const head = Buffer.from(start).toString('latin1');
  if (head.startsWith(MAGIC)) return 'file';
  if (head.startsWith('\xff\xff\xff\xff')) return 'stream';
  if (size > 0 && (MAGIC.startsWith(head) || /^\xff+$/.test(head))) throw new Cut(`only ${size} bytes are there`);
  const foreign = FOREIGN.find(([mark]) => head.startsWith(mark))?.[1];
  const text = /^[\x20-\x7e\r\n\t]+$/.test(head) ? `text starting with ${JSON.stringify(head)}` : 'something else';
  throw new TidecastError('ARROW_FOREIGN', { file: path, problem: size === 0 ? 'it is empty' : `it looks like ${foreign ?? text}` });
}

function schemaOf({ table, type }: Message): ArrowSchema {
  const header = table.table(2);
  sound(type === SCHEMA && header !== undefined, 'it does not start with a schema');
  return readSchema(header, table.int16(0));
}

class Cut extends Damage {}

function footerExtent(tail: Uint8Array, size: number): { readonly at: number; readonly length: number } {
  if (Buffer.from(tail.subarray(4)).toString('latin1') !== MAGIC) throw new Cut('the footer at its end is missing');
  const length = new DataView(tail.buffer).getInt32(0, true);
  sound(length > 0 && length <= size - 18 && length <= MAX_METADATA, 'the length of the footer is absurd');
  return { at: size - 10 - length, length };
}

function footerSchema(footer: FlatTable): ArrowSchema {
  const schema = footer.table(1);
  if (!schema) throw new Damage('the footer has no schema');
  return readSchema(schema, footer.int16(0));
}

async function indexFile(handle: FileHandle, size: number): Promise<Parts> {
  const { at: end, length } = footerExtent(size < 18 ? new Uint8Array(0) : await read(handle, size - 10, 10), size);
  const footer = FlatTable.root(await read(handle, end, length));
  const schema = footerSchema(footer);
  await assertComplete(handle, [...footerBlocks(footer, 2, end), ...footerBlocks(footer, 3, end)], end);
  const dictionaries: DictionaryBlock[] = [];
  for (const block of footerBlocks(footer, 2, end)) dictionaries.push(dictionaryBlock(block, await read(handle, block.at, block.metadata), schema, 0));
  const batches: BatchBlock[] = [];
  let first = 0;
  for (const block of footerBlocks(footer, 3, end)) {
    const batch = batchBlock(block, await read(handle, block.at, block.metadata), schema, first, batches.length);
    batches.push(batch);
    first += batch.rows;
  }
  return { schema, batches, dictionaries, ended: true };
}

function footerBlocks(footer: FlatTable, field: number, end: number): Block[] {
  const { at, length } = footer.vector(field, 24);
  return Array.from({ length }, (_, i): Block => {
    const from = int64(footer.bytes, at + 24 * i);
    const metadata = footer.bytes.getInt32(at + 24 * i + 8, true);
    const bodyLength = int64(footer.bytes, at + 24 * i + 16);
    sound(from >= 8 && metadata >= 8 && bodyLength >= 0 && from + metadata + bodyLength <= end, `the footer's entry ${i} points outside the file`);
    return { at: from, metadata, body: from + metadata, bodyLength };
  });
}

/** A footer that lost an entry would lose rows in silence: what follows an entry must be another one, or no message. */
async function assertComplete(handle: FileHandle, blocks: Block[], end: number): Promise<void> {
  blocks.sort((a, b) => a.at - b.at);
  for (const [i, block] of blocks.entries()) {
    const after = block.body + block.bodyLength;
    const next = blocks[i + 1]?.at ?? end;
    sound(after <= next, "two of the footer's entries overlap");
    if (next - after < 16) continue;
    const prefix = new DataView((await read(handle, after, 8)).buffer);
    sound(prefix.getInt32(0, true) !== -1 || prefix.getInt32(4, true) === 0, `the footer does not mention the message at byte ${after}`);
  }
}

async function indexStream(handle: FileHandle, size: number): Promise<Parts> {
  let schema: ArrowSchema | undefined;
  const dictionaries: DictionaryBlock[] = [];
  const batches: BatchBlock[] = [];
  let first = 0;
  let at = 0;
  let ended = false;
  while (at < size && !ended) {
    if (size - at < 8) throw new Cut(`it ends inside a message at byte ${size}`);
    const prefix = new DataView((await read(handle, at, 8)).buffer);
    sound(prefix.getInt32(0, true) === -1, `no message starts at byte ${at}`);
    const length = prefix.getInt32(4, true);
    if (length === 0) {
      ended = true;
      at += 8;
      break;
    }
    sound(length > 0 && length <= MAX_METADATA, `the message at byte ${at} has an absurd length`);
    if (at + 8 + length > size) throw new Cut(`it ends inside a message at byte ${size}`);
    const bytes = await read(handle, at, 8 + length);
    const { table, type } = message(bytes);
    const bodyLength = table.int64(3);
    const block: Block = { at, metadata: 8 + length, body: at + 8 + length, bodyLength };
    sound(bodyLength >= 0, `the message at byte ${at} has an absurd length`);
    if (block.body + bodyLength > size) throw new Cut(`it ends inside a message at byte ${size}`);
    if (type === SCHEMA) {
      sound(schema === undefined, `a second schema stands at byte ${at}`);
      schema = schemaOf({ table, type });
    } else if (schema === undefined) {
      throw new Damage('it does not start with a schema');
    } else if (type === DICTIONARY) {
      dictionaries.push(dictionaryBlock(block, bytes, schema, batches.length));
    } else {
      const batch = batchBlock(block, bytes, schema, first, batches.length);
      batches.push(batch);
      first += batch.rows;
    }
    at = block.body + bodyLength;
  }
  sound(at === size, `${size - at} bytes follow its end`);
  if (!schema) throw new Cut('the schema is missing');
  return { schema, batches, dictionaries, ended };
}

function dictionaryBlock(block: Block, bytes: Uint8Array, schema: ArrowSchema, before: number): DictionaryBlock {
  const header = headerOf(block, bytes, DICTIONARY);
  const id = header.int64(0);
  const field = schema.dictionaries.get(id);
  const batch = header.table(1);
  sound(field !== undefined && batch !== undefined, `the dictionary at byte ${block.at} belongs to no column`);
  assertFits(readMeta(batch, block.bodyLength), [field], `the dictionary at byte ${block.at}`);
  return { ...block, id, delta: header.int8(2) !== 0, before };
}

function batchBlock(block: Block, bytes: Uint8Array, schema: ArrowSchema, first: number, number: number): BatchBlock {
  const meta = readMeta(headerOf(block, bytes, BATCH), block.bodyLength);
  assertFits(meta, schema.fields, `record batch ${number}`);
  return { ...block, rows: meta.rows, first };
}

function headerOf(block: Block, bytes: Uint8Array, wanted: number): FlatTable {
  const { table, type } = message(bytes);
  const header = table.table(2);
  sound(type === wanted && header !== undefined, `no ${wanted === BATCH ? 'record batch' : 'dictionary'} stands at byte ${block.at}`);
  sound(table.int64(3) === block.bodyLength, `the message at byte ${block.at} has two lengths`);
  return header;
}

/** What a batch says of itself must be what its columns take. */
function assertFits(meta: BatchMeta, fields: readonly ArrowField[], name: string): void {
  const count = (part: 'nodes' | 'buffers' | 'views') => fields.reduce((sum, field) => sum + field[part], 0);
  const variadic = meta.views.reduce((sum, n) => sum + n, 0);
  sound(meta.nodes.length === count('nodes'), `${name} has ${meta.nodes.length} columns instead of ${count('nodes')}`);
  sound(meta.views.length === count('views') && meta.buffers.length === count('buffers') + variadic, `${name} lacks buffers`);
  let node = 0;
  for (const field of fields) {
    sound(meta.nodes[node]![0] === meta.rows, `${name}: column ${field.name} has another number of rows`);
    node += field.nodes;
  }
}

function readMeta(batch: FlatTable, bodyLength: number): BatchMeta {
  const rows = batch.int64(0);
  sound(rows >= 0, 'the number of rows is absurd');
  const pairs = (field: number) => {
    const { at, length } = batch.vector(field, 16);
    return Array.from({ length }, (_, i) => [int64(batch.bytes, at + 16 * i), int64(batch.bytes, at + 16 * i + 8)] as const);
  };
  const nodes = pairs(1);
  const buffers = pairs(2);
  for (const [at, length] of buffers) sound(at >= 0 && length >= 0 && at + length <= bodyLength, 'a buffer lies outside its body');
  for (const [length, nulls] of nodes) sound(length >= 0 && nulls >= 0 && nulls <= length, 'a null count is absurd');
  const counts = batch.vector(4, 8);
  const views = Array.from({ length: counts.length }, (_, i) => int64(batch.bytes, counts.at + 8 * i));
  for (const count of views) sound(count >= 0 && count <= buffers.length, 'a variadic count is absurd');
  const compressed = batch.table(3);
  const code = compressed?.int8(0) ?? 0;
  sound(code === 0 || code === 1, `the compression ${code} is unknown`);
  return { rows, nodes, buffers, views, compression: compressed ? (code === 0 ? 'lz4' : 'zstd') : undefined };
}

interface Message {
  readonly table: FlatTable;
  readonly type: number;
}

function message(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // before Arrow 0.15 the continuation mark was not there
  const prefix = view.getInt32(0, true) === -1 ? 8 : 4;
  const length = view.getInt32(prefix - 4, true);
  sound(length > 0 && length <= bytes.length - prefix, 'a message has an absurd length');
  const table = FlatTable.root(bytes.subarray(prefix, prefix + length));
  return { table, type: table.int8(1) };
}

async function read(handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) throw new Cut(`it ends at byte ${at + filled}`);
    filled += bytesRead;
  }
  return bytes;
}
