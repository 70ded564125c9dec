/** Snappy as Kafka's clients write it: one raw block, or the blocks of Java's Xerial frame. */
import { createRequire } from 'node:module';
import { Damage, sound } from './damage.ts';
import { TooLarge } from './message-columns.ts';

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

/** Compresses into one raw block. */
export async function snappyPack(bytes: Buffer): Promise<Buffer> {
  return codec().compress({ buffer: bytes });
}

/** Unpacks to at most `limit` bytes; throws `TooLarge` before anything larger is made. */
export async function snappyUnpack(bytes: Buffer, limit: number): Promise<Buffer> {
  const blocks = blocksOf(bytes);
  const size = blocks.reduce((sum, block) => sum + statedSize(block), 0);
  if (size > limit) throw new TooLarge();
  const { decompress } = codec();
  const parts: Buffer[] = [];
  // the package joins the blocks of a frame by copying all that it has for each of them
  for (const block of blocks) parts.push(await decompress(block));
  return Buffer.concat(parts);
}

interface SnappyCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(bytes: Buffer): Promise<Buffer>;
}

function codec(): SnappyCodec {
  return (createRequire(import.meta.url)('kafkajs-snappy') as () => SnappyCodec)();
}

function blocksOf(bytes: Buffer): Buffer[] {
  if (!bytes.subarray(0, 8).equals(XERIAL)) return [bytes];
  const blocks: Buffer[] = [];
  for (let at = 16; at < bytes.length;) {
    sound(at + 4 <= bytes.length, 'a block is cut off');
    const size = bytes.readUInt32BE(at);
    at += 4;
    sound(size > 0 && at + size <= bytes.length, 'a block is cut off');
    blocks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return blocks;
}

/** The size that a block begins with, seven bits a byte; one byte of Snappy can stand for 64 at most. */
function statedSize(block: Buffer): number {
  let size = 0;
  for (let i = 0, scale = 1; i < Math.min(5, block.length); i++, scale *= 128) {
    size += (block[i] & 0x7f) * scale;
    if (block[i] < 0x80) return size;
  }
  throw new Damage('a block does not say its size');
}
