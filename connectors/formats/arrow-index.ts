/**
 * The framing of Arrow IPC: where the schema, the dictionaries and the record batches of a file lie.
 *
 * Both forms, file (with footer) and stream (with end mark), are indexed before any row is read, by small reads at known places:
 * a file of any size costs a few kilobytes, a cut anywhere is seen, and no length is believed that the file does not have.
 * apache-arrow's own reader takes a stream cut at a message boundary for a whole one and allocates what damaged lengths say.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { TidecastError } from '../../src/core/errors.ts';
import {
  batchBlock,
  DICTIONARY,
  dictionaryBlock,
  message,
  SCHEMA,
  schemaOf,
  type BatchBlock,
  type Block,
  type DictionaryBlock,
} from './arrow-messages.ts';
import { readSchema, type ArrowSchema } from './arrow-schema.ts';
import { Damage, sound } from './damage.ts';
import { fileFault, refusePipe } from './file-fault.ts';
import { FlatTable, int64 } from './flatbuffer.ts';

const MAGIC = 'ARROW1';
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

/** What a file consists of. */
export interface Parts {
  readonly schema: ArrowSchema;
  readonly batches: readonly BatchBlock[];
  readonly dictionaries: readonly DictionaryBlock[];
  /** False for a stream that ends at a message boundary without its end mark. */
  readonly ended: boolean;
}

class Cut extends Damage {}

/** The schema of a file, read synchronously from its start; throws what `ArrowFile.open` would. */
export function peekSchema(path: string): ArrowSchema {
  refusePipe(path);
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

/** Indexes an open file; throws `ARROW_FOREIGN`, `ARROW_TRUNCATED`, `ARROW_DAMAGED`, or what the file system says. */
export async function indexArrow(path: string, handle: FileHandle): Promise<Parts> {
  const stat = await handle.stat();
  if (!stat.isFile()) throw new TidecastError('SOURCE_FILE_UNREADABLE', { file: path, problem: 'not a regular file' });
  const size = stat.size;
  try {
    const kind = kindOf(path, await readBytes(handle, 0, Math.min(8, size)), size);
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
  if (error instanceof Damage || error instanceof RangeError)
    return new TidecastError('ARROW_DAMAGED', { file: path, problem: error.message }, { cause: error });
  return fileFault(path, error);
}

function kindOf(path: string, start: Uint8Array, size: number): 'file' | 'stream' {
  const head = Buffer.from(start).toString('latin1');
  if (head.startsWith(MAGIC)) return 'file';
  if (head.startsWith('\xff\xff\xff\xff')) return 'stream';
  if (size > 0 && (MAGIC.startsWith(head) || /^\xff+$/.test(head))) throw new Cut(`only ${size} bytes are there`);
  const foreign = FOREIGN.find(([mark]) => head.startsWith(mark))?.[1];
  const text = /^[\x20-\x7e\r\n\t]+$/.test(head) ? `text starting with ${JSON.stringify(head)}` : 'something else';
  throw new TidecastError('ARROW_FOREIGN', {
    file: path,
    problem: size === 0 ? 'it is empty' : `it looks like ${foreign ?? text}`,
  });
}

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
  const { at: end, length } = footerExtent(size < 18 ? new Uint8Array(0) : await readBytes(handle, size - 10, 10), size);
  const footer = FlatTable.root(await readBytes(handle, end, length));
  const schema = footerSchema(footer);
  await assertComplete(handle, [...footerBlocks(footer, 2, end), ...footerBlocks(footer, 3, end)], end);
  const dictionaries: DictionaryBlock[] = [];
  for (const block of footerBlocks(footer, 2, end))
    dictionaries.push(dictionaryBlock(block, await readBytes(handle, block.at, block.metadata), schema, 0));
  const batches: BatchBlock[] = [];
  let first = 0;
  for (const block of footerBlocks(footer, 3, end)) {
    const batch = batchBlock(block, await readBytes(handle, block.at, block.metadata), schema, first, batches.length);
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
    sound(
      from >= 8 && metadata >= 8 && bodyLength >= 0 && from + metadata + bodyLength <= end,
      `the footer's entry ${i} points outside the file`,
    );
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
    const prefix = new DataView((await readBytes(handle, after, 8)).buffer);
    sound(
      prefix.getInt32(0, true) !== -1 || prefix.getInt32(4, true) === 0,
      `the footer does not mention the message at byte ${after}`,
    );
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
    const prefix = new DataView((await readBytes(handle, at, 8)).buffer);
    sound(prefix.getInt32(0, true) === -1, `no message starts at byte ${at}`);
    const length = prefix.getInt32(4, true);
    if (length === 0) {
      ended = true;
      at += 8;
      break;
    }
    sound(length > 0 && length <= MAX_METADATA, `the message at byte ${at} has an absurd length`);
    if (at + 8 + length > size) throw new Cut(`it ends inside a message at byte ${size}`);
    const bytes = await readBytes(handle, at, 8 + length);
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

/** Exactly `length` bytes of a file, at the start of a fresh array. */
export async function readBytes(handle: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) throw new Cut(`it ends at byte ${at + filled}`);
    filled += bytesRead;
  }
  return bytes;
}
