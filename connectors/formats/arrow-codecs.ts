/** The two compressions of Arrow IPC bodies: LZ4 frames and Zstandard. The libraries are loaded when a file needs them. */
import { createRequire } from 'node:module';
import { Damage, sound } from './damage.ts';

export type Compression = 'lz4' | 'zstd';

/** Decodes one compressed buffer into exactly `length` bytes, or throws `Damage`. */
export type Codec = (bytes: Uint8Array, length: number) => Uint8Array;

/** No decoded buffer may be longer: a gigabyte of one column in one record batch is a mistake or an attack. */
export const MAX_BUFFER = 1_073_741_824;

const loaded = new Map<Compression, Codec>();

/** The codec of a compression; loads its library once. */
export async function codecOf(compression: Compression): Promise<Codec> {
  const known = loaded.get(compression);
  if (known) return known;
  const codec = compression === 'lz4' ? lz4(await import('lz4-napi')) : zstd(await import('fzstd'));
  loaded.set(compression, codec);
  return codec;
}

/** The same for those who cannot wait. */
export function codecNow(compression: Compression): Codec {
  const known = loaded.get(compression);
  if (known) return known;
  const require = createRequire(import.meta.url);
  const codec = compression === 'lz4' ? lz4(require('lz4-napi') as Lz4) : zstd(require('fzstd') as Zstd);
  loaded.set(compression, codec);
  return codec;
}

type Lz4 = Pick<typeof import('lz4-napi'), 'decompressFrameSync'>;
type Zstd = Pick<typeof import('fzstd'), 'decompress' | 'Decompress'>;

function lz4({ decompressFrameSync }: Lz4): Codec {
  return (bytes, length) => {
    // a byte of LZ4 stands for at most 255: what the decoder can produce is bounded before it runs
    sound(length <= bytes.length * 255 + 64, 'a compressed buffer declares more than its bytes can hold');
    sound(
      bytes.length >= 7 && bytes[0] === 0x04 && bytes[1] === 0x22 && bytes[2] === 0x4d && bytes[3] === 0x18,
      'a buffer is no LZ4 frame',
    );
    return exactly(length, () => decompressFrameSync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)));
  };
}

function zstd({ decompress, Decompress }: Zstd): Codec {
  return (bytes, length) => {
    const header = zstdHeader(bytes);
    if (header.content !== undefined) {
      sound(header.content === length, 'a compressed buffer declares another length than its frame');
      return exactly(length, () => decompress(bytes));
    }
    sound(header.window <= 134_217_728, 'the window of a Zstandard frame is absurd');
    const out = new Uint8Array(length);
    let filled = 0;
    const decoder = new Decompress((chunk) => {
      sound(filled + chunk.length <= length, 'a compressed buffer holds more than it declares');
      out.set(chunk, filled);
      filled += chunk.length;
    });
    return exactly(length, () => {
      decoder.push(bytes, true);
      return out.subarray(0, filled);
    });
  };
}

/** What a Zstandard frame says of itself: its content size where given, and its window. */
export function zstdHeader(bytes: Uint8Array): { readonly content: number | undefined; readonly window: number } {
  sound(
    bytes.length >= 9 && bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd,
    'a buffer is no Zstandard frame',
  );
  const flags = bytes[4]!;
  const single = (flags & 0x20) !== 0;
  const sizeCode = flags >> 6;
  const size = sizeCode === 0 ? (single ? 1 : 0) : 1 << sizeCode;
  const at = 5 + (single ? 0 : 1) + [0, 1, 2, 4][flags & 3]!;
  let content: number | undefined;
  if (size > 0) {
    content = sizeCode === 1 ? 256 : 0;
    for (let i = 0, scale = 1; i < size; i++, scale *= 256) content += (bytes[at + i] ?? 0) * scale;
  }
  const base = 1024 * ((1 << (bytes[5]! >> 3)) >>> 0);
  return { content, window: single ? (content ?? 0) : base + (base / 8) * (bytes[5]! & 7) };
}

function exactly(length: number, decode: () => Uint8Array): Uint8Array {
  let decoded: Uint8Array;
  try {
    decoded = decode();
  } catch (error) {
    if (error instanceof Damage) throw error;
    throw new Damage(`a compressed buffer cannot be decoded: ${error instanceof Error ? error.message : String(error)}`);
  }
  sound(decoded.length === length, 'a compressed buffer has another length than it declares');
  return decoded;
}
