/**
 * One generation of the state as one file, which is whole or refused.
 *
 * `TIDECKPT`, the manifest's length (u32), the manifest (JSON), the arrays it points to (each at a multiple of 8), and the SHA-256 of
 * all that. Little-endian, like every machine that runs Node.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { TidecastError } from '../core/errors.ts';
import type { Saved } from '../core/state.ts';

export const STATE_FORMAT = 1;
const MAGIC = 'TIDECKPT';
const HASH_BYTES = 32;
const CHUNK = 4 << 20;

const KINDS = { f64: Float64Array, f32: Float32Array, i32: Int32Array, u8: Uint8Array };
type Kind = keyof typeof KINDS;
type SavedArray = InstanceType<(typeof KINDS)[Kind]>;

interface Manifest {
  readonly format: number;
  readonly arrays: readonly { readonly kind: Kind; readonly at: number; readonly length: number }[];
  readonly content: unknown;
}

/** Writes a value; the line may run on meanwhile, the value must not change. Returns the number of bytes. */
export async function writeStateFile(file: FileHandle, value: Saved): Promise<number> {
  const arrays: SavedArray[] = [];
  const places: { kind: Kind; at: number; length: number }[] = [];
  let at = 0;
  const content = strip(value, (array) => {
    places.push({ kind: kindOf(array), at, length: array.length });
    arrays.push(array);
    at += padded(array.byteLength);
    return { $: arrays.length - 1 };
  });
  const manifest = Buffer.from(JSON.stringify({ format: STATE_FORMAT, arrays: places, content } satisfies Manifest));
  const head = Buffer.alloc(padded(MAGIC.length + 4 + manifest.length));
  head.write(MAGIC, 'latin1');
  head.writeUInt32LE(manifest.length, MAGIC.length);
  manifest.copy(head, MAGIC.length + 4);
  const hash = createHash('sha256');
  let written = 0;
  const put = async (bytes: Uint8Array) => {
    for (let from = 0; from < bytes.length; from += CHUNK) {
      const chunk = bytes.subarray(from, from + CHUNK);
      hash.update(chunk);
      await whole(file, chunk);
      written += chunk.length;
    }
  };
  await put(head);
  const zeros = new Uint8Array(8);
  for (const array of arrays) {
    await put(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    await put(zeros.subarray(0, padded(array.byteLength) - array.byteLength));
  }
  await whole(file, hash.digest());
  return written + HASH_BYTES;
}

/** A disk that fills up may take a part and say nothing; asked for the rest, it says so. */
async function whole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
}

/** Reads a file back. Throws `STATE_DAMAGED` when a single bit is wrong, `STATE_VERSION` when another format wrote it. */
export function readStateFile(name: string, bytes: Uint8Array): Saved {
  const damaged = (reason: string) => new TidecastError('STATE_DAMAGED', { file: name, reason });
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < MAGIC.length + 4 + HASH_BYTES) throw damaged(`only ${buffer.length} bytes`);
  if (buffer.toString('latin1', 0, MAGIC.length) !== MAGIC) throw damaged('it does not begin like a tidecast state');
  const body = buffer.subarray(0, buffer.length - HASH_BYTES);
  if (!createHash('sha256').update(body).digest().equals(buffer.subarray(body.length)))
    throw damaged('the checksum does not match');
  const length = buffer.readUInt32LE(MAGIC.length);
  const start = MAGIC.length + 4;
  const manifest = JSON.parse(body.toString('utf8', start, start + length)) as Manifest;
  if (manifest.format !== STATE_FORMAT)
    throw new TidecastError('STATE_VERSION', { file: name, found: manifest.format, wanted: STATE_FORMAT });
  const data = padded(start + length);
  const arrays = manifest.arrays.map(({ kind, at, length: n }) => {
    const Type = KINDS[kind];
    const from = body.byteOffset + data + at;
    return new Type(body.buffer.slice(from, from + n * Type.BYTES_PER_ELEMENT) as ArrayBuffer);
  });
  return fill(manifest.content, arrays);
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}

function kindOf(array: SavedArray): Kind {
  if (array instanceof Float64Array) return 'f64';
  if (array instanceof Float32Array) return 'f32';
  return array instanceof Int32Array ? 'i32' : 'u8';
}

function strip(value: Saved, keep: (array: SavedArray) => unknown): unknown {
  if (ArrayBuffer.isView(value)) return keep(value as SavedArray);
  if (Array.isArray(value)) return value.map((each: Saved) => strip(each, keep));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, strip(each as Saved, keep)]));
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new TidecastError('INTERNAL', { problem: 'a number that JSON cannot hold was saved outside of a typed array' });
  }
  return value;
}

function fill(value: unknown, arrays: readonly SavedArray[]): Saved {
  if (Array.isArray(value)) return value.map((each) => fill(each, arrays));
  if (value === null || typeof value !== 'object') return value as Saved;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === '$') return arrays[(value as { $: number }).$]!;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each, arrays)]));
}
