/** The messages of Arrow IPC: what stands in the metadata of schemas, dictionaries and record batches. */
import type { Compression } from './arrow-codecs.ts';
import { readSchema, type ArrowField, type ArrowSchema } from './arrow-schema.ts';
import { sound } from './damage.ts';
import { FlatTable, int64 } from './flatbuffer.ts';

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

export const SCHEMA = 1;
export const DICTIONARY = 2;
const BATCH = 3;

/** The schema that a message is. */
export function schemaOf({ table, type }: Message): ArrowSchema {
  const header = table.table(2);
  sound(type === SCHEMA && header !== undefined, 'it does not start with a schema');
  return readSchema(header, table.int16(0));
}

/** What a dictionary message says of itself; throws `Damage` where it does not fit the schema. */
export function readDictionary(
  block: Block,
  bytes: Uint8Array,
  schema: ArrowSchema,
): { readonly id: number; readonly delta: boolean; readonly meta: BatchMeta } {
  const header = headerOf(block, bytes, DICTIONARY);
  const id = header.int64(0);
  const field = schema.dictionaries.get(id);
  const batch = header.table(1);
  sound(field !== undefined && batch !== undefined, `the dictionary at byte ${block.at} belongs to no column`);
  const meta = readMeta(batch, block.bodyLength);
  assertFits(meta, [field], `the dictionary at byte ${block.at}`);
  return { id, delta: header.int8(2) !== 0, meta };
}

/** What a record batch message says of itself; `number` is for the error where it does not fit the schema. */
export function readBatch(block: Block, bytes: Uint8Array, schema: ArrowSchema, number: number): BatchMeta {
  const meta = readMeta(headerOf(block, bytes, BATCH), block.bodyLength);
  assertFits(meta, schema.fields, `record batch ${number}`);
  return meta;
}

/** The index entry of a dictionary message. */
export function dictionaryBlock(block: Block, bytes: Uint8Array, schema: ArrowSchema, before: number): DictionaryBlock {
  const { id, delta } = readDictionary(block, bytes, schema);
  return { ...block, id, delta, before };
}

/** The index entry of a record batch message. */
export function batchBlock(block: Block, bytes: Uint8Array, schema: ArrowSchema, first: number, number: number): BatchBlock {
  return { ...block, rows: readBatch(block, bytes, schema, number).rows, first };
}

function headerOf(block: Block, bytes: Uint8Array, wanted: number): FlatTable {
  const { table, type } = message(bytes);
  const header = table.table(2);
  sound(
    type === wanted && header !== undefined,
    `no ${wanted === BATCH ? 'record batch' : 'dictionary'} stands at byte ${block.at}`,
  );
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
  let end = 0;
  for (const [at, length] of buffers) {
    sound(at >= 0 && length >= 0 && at + length <= bodyLength, 'a buffer lies outside its body');
    end = Math.max(end, at + length);
  }
  // writers pad to 64 bytes; a longer body would swallow the messages after it
  sound(bodyLength - end < 128, 'a body is longer than its buffers');
  for (const [length, nulls] of nodes) sound(length >= 0 && nulls >= 0 && nulls <= length, 'a null count is absurd');
  const counts = batch.vector(4, 8);
  const views = Array.from({ length: counts.length }, (_, i) => int64(batch.bytes, counts.at + 8 * i));
  for (const count of views) sound(count >= 0 && count <= buffers.length, 'a variadic count is absurd');
  const compressed = batch.table(3);
  const code = compressed?.int8(0) ?? 0;
  sound(code === 0 || code === 1, `the compression ${code} is unknown`);
  return { rows, nodes, buffers, views, compression: compressed ? (code === 0 ? 'lz4' : 'zstd') : undefined };
}

/** A decoded message: its table and the type of its header. */
export interface Message {
  readonly table: FlatTable;
  readonly type: number;
}

/** Decodes the metadata of a message, given with its prefix. */
export function message(bytes: Uint8Array): Message {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // before Arrow 0.15 the continuation mark was not there
  const prefix = view.getInt32(0, true) === -1 ? 8 : 4;
  const length = view.getInt32(prefix - 4, true);
  sound(length > 0 && length <= bytes.length - prefix, 'a message has an absurd length');
  const table = FlatTable.root(bytes.subarray(prefix, prefix + length));
  return { table, type: table.int8(1) };
}

/** What a record batch or dictionary says of itself. */
export function metaOf(bytes: Uint8Array, bodyLength: number): BatchMeta {
  const { table, type } = message(bytes);
  const header = table.table(2);
  const batch = type === DICTIONARY ? header?.table(1) : header;
  sound(batch !== undefined, 'a record batch has no description');
  return readMeta(batch, bodyLength);
}
