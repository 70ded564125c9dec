/**
 * Compression of Kafka's record batches, bounded: gzip, Snappy, LZ4 and Zstandard.
 *
 * The client unpacks whatever a batch holds, and starts over at the same batch for ever when a codec throws. So these do not throw, and
 * do not make more than they may: a batch that is too large, damaged or of a missing codec becomes as many records as it has, each
 * saying that it was refused and why. They can be dead-lettered one by one, with their offsets. Only a batch of more than a million
 * records ends in an error: the client makes an object of each before anybody is asked.
 */
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { sound } from './damage.ts';
import { refusedRecords } from './message-refused.ts';
import { snappyPack, snappyUnpack } from './kafka-snappy.ts';
import { TooLarge } from './message-columns.ts';

/** What the client asks of a codec. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

/** The part of kafkajs where codecs are registered. */
export interface CodecRegistry {
  readonly CompressionTypes: { readonly GZIP: number; readonly Snappy: number; readonly LZ4: number; readonly ZSTD: number };
  // its own type has `any`
  CompressionCodecs: Record<number, unknown>;
}

const BATCH_HEADER = 61;
const MAX_RECORDS = 1_000_000;
/** As many records as a batch may have that does not show how many it has. */
const UNKNOWN_COUNT = 100_000;
const UNPACKED = 64 * 1_048_576;

type Unpack = (bytes: Buffer, limit: number) => Buffer | Promise<Buffer>;
type Pack = (bytes: Buffer) => Buffer | Promise<Buffer>;

/** Registers the codecs; `limit` is how many bytes the records of one batch may unpack to. Later calls change the limit of all clients. */
export async function registerCodecs(kafkajs: CodecRegistry, limit = UNPACKED): Promise<void> {
  const { GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes;
  const register = (type: number, pack: Pack, unpack: Unpack) => {
    const codec = bounded(pack, unpack, limit);
    kafkajs.CompressionCodecs[type] = () => codec;
  };
  register(GZIP, promisify(zlib.gzip), unzip);
  register(Snappy, snappyPack, snappyUnpack);
  register(LZ4, packLz4, unpackLz4);
  register(ZSTD, packZstd, unpackZstd);
}

function bounded(pack: Pack, unpack: Unpack, limit: number): Codec {
  return {
    compress: async (encoder) => pack(encoder.buffer),
    decompress: async (bytes) => {
      const { count, lastDelta } = batchOf(bytes);
      if (count > MAX_RECORDS)
        throw new Error(`a record batch has ${count} records; more than ${MAX_RECORDS} do not fit into memory`);
      try {
        const body = await unpack(bytes, limit);
        assertRecords(body, count);
        return body;
      } catch (error) {
        return refusedRecords(error instanceof TooLarge ? 'too-large' : 'undecodable', count, lastDelta);
      }
    },
  };
}

/** What the record batch says of itself in front of its compressed records, of which they are a view; its offsets are relative. */
function batchOf(records: Buffer): { readonly count: number; readonly lastDelta: number } {
  const start = records.byteOffset - BATCH_HEADER;
  if (start >= 0) {
    const header = Buffer.from(records.buffer, start, BATCH_HEADER);
    const lastDelta = header.readInt32BE(23);
    const count = header.readInt32BE(57);
    const whole = header.readInt32BE(8) === BATCH_HEADER - 12 + records.length && header[16] === 2;
    if (whole && count > 0 && lastDelta >= count - 1) return { count, lastDelta };
  }
  return { count: UNKNOWN_COUNT, lastDelta: UNKNOWN_COUNT - 1 };
}

/** The client throws where records do not fill their lengths, or their fields. */
function assertRecords(body: Buffer, count: number): void {
  let at = 0;
  for (let i = 0; i < count && (at < body.length || count !== UNKNOWN_COUNT); i++) {
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      sound(at < body.length && shift < 35, 'a record is cut off');
      const byte = body[at++];
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    // zigzag: the lowest bit is the sign
    sound((length & 1) === 0 && length >>> 1 >= 7 && at + (length >>> 1) <= body.length, 'a record is cut off');
    at += length >>> 1;
  }
}

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.unzip);

async function unzip(bytes: Buffer, limit: number): Promise<Buffer> {
  try {
    return await gunzip(bytes, { maxOutputLength: limit });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? new TooLarge() : error;
  }
}

async function packLz4(bytes: Buffer): Promise<Buffer> {
  const { compressFrame } = await import('lz4-napi');
  return compressFrame(bytes);
}

async function unpackLz4(bytes: Buffer, limit: number): Promise<Buffer> {
  const { decompressFrame } = await import('lz4-napi');
  if (lz4Size(bytes) > limit) throw new TooLarge();
  return decompressFrame(bytes);
}

/** At most how many bytes an LZ4 frame unpacks to, by its blocks: each has a largest size, and a byte stands for at most 255. */
function lz4Size(bytes: Buffer): number {
  sound(bytes.length >= 11 && bytes.readUInt32LE(0) === 0x184d2204, 'it is no LZ4 frame');
  const flags = bytes[4];
  const has = (flag: number, size: number) => ((flags & flag) === 0 ? 0 : size);
  const largest = 1 << (8 + 2 * ((bytes[5] >> 4) & 7));
  const stated = has(0x08, 8) > 0 ? bytes.readUInt32LE(6) + bytes.readUInt32LE(10) * 4294967296 : 0;
  let at = 7 + has(0x08, 8) + has(0x01, 4);
  let size = 0;
  for (;;) {
    sound(at + 4 <= bytes.length, 'a block is cut off');
    const word = bytes.readUInt32LE(at);
    at += 4;
    if (word === 0) break;
    const length = word & 0x7fffffff;
    at += length + has(0x10, 4);
    size += Math.min(largest, word >>> 31 === 1 ? length : 255 * length);
  }
  sound(at + has(0x04, 4) === bytes.length, 'something follows the frame');
  return Math.max(size, stated);
}

type ZstdNode = Partial<
  Record<
    'zstdCompress' | 'zstdDecompress',
    (bytes: Buffer, options: zlib.ZlibOptions, done: (error: Error | null, result: Buffer) => void) => void
  >
>;

/** Node's own Zstandard, which began with version 22.15. */
const own = zlib as unknown as ZstdNode;

async function packZstd(bytes: Buffer): Promise<Buffer> {
  if (!own.zstdCompress)
    throw new Error('Zstandard can be written from Node 22.15 on: choose another compression, or a newer Node.');
  return promisify(own.zstdCompress)(bytes, {});
}

async function unpackZstd(bytes: Buffer, limit: number): Promise<Buffer> {
  if (own.zstdDecompress) {
    try {
      return await promisify(own.zstdDecompress)(bytes, { maxOutputLength: limit });
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? new TooLarge() : error;
    }
  }
  const { Decompress } = await import('fzstd');
  const { zstdHeader } = await import('./arrow-codecs.ts');
  const { content, window } = zstdHeader(bytes);
  if ((content ?? window) > Math.max(limit, 8_388_608) || (content ?? 0) > limit) throw new TooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const decoder = new Decompress((chunk) => {
    size += chunk.length;
    if (size > limit) throw new TooLarge();
    chunks.push(chunk.slice());
  });
  decoder.push(bytes, true);
  sound(content === undefined || size >= content, 'it unpacks to less than it says');
  return Buffer.concat(chunks, size);
}
