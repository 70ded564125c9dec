/**
 * The buffers of a record batch, read as they are needed.
 *
 * A small body is read at once; of a large uncompressed one only the asked-for stretches, so that a record batch of any size costs
 * flat memory; a compressed buffer is decoded whole, once.
 */
import { TidecastError } from '../../src/core/errors.ts';
import { codecOf, MAX_BUFFER } from './arrow-codecs.ts';
import type { ArrowFile } from './arrow-file.ts';
import type { BatchMeta, Block } from './arrow-messages.ts';
import { sound } from './damage.ts';

const SMALL_BODY = 16_777_216;
const EMPTY = new Uint8Array(0);

/** One record batch or dictionary with its buffers. */
export class Body {
  readonly meta: BatchMeta;
  /** Bytes held. */
  held = 0;
  readonly #file: ArrowFile;
  readonly #block: Block;
  readonly #atOnce: boolean;
  readonly #decoded = new Map<number, Uint8Array>();
  #whole: Uint8Array | undefined;

  private constructor(file: ArrowFile, block: Block, meta: BatchMeta, atOnce: boolean) {
    this.#atOnce = atOnce;
    this.#file = file;
    this.#block = block;
    this.meta = meta;
  }

  /** `ranged`: read nothing but what is asked for, even of a small body. */
  static async open(file: ArrowFile, block: Block, ranged = false): Promise<Body> {
    return new Body(file, block, await file.meta(block), !ranged && block.bodyLength <= SMALL_BODY);
  }

  /** Bytes of a buffer, uncompressed. */
  async size(buffer: number): Promise<number> {
    const [at, length] = this.meta.buffers[buffer]!;
    if (length === 0 || !this.meta.compression) return length;
    sound(length >= 8, 'a compressed buffer is too short');
    const prefix = await this.#raw(at, 8);
    const view = new DataView(prefix.buffer, prefix.byteOffset, 8);
    const declared = view.getInt32(4, true) * 4294967296 + view.getUint32(0, true);
    return declared === -1 ? length - 8 : declared;
  }

  /**
   * Bytes `from` to `to` of a buffer, uncompressed.
   *
   * `whole` is what the complete buffer should take: a compressed buffer that declares much more is refused before it is decoded.
   */
  async bytes(buffer: number, from: number, to: number, whole: number): Promise<Uint8Array> {
    if (to === from) return EMPTY;
    const [at, length] = this.meta.buffers[buffer]!;
    if (!this.meta.compression) {
      sound(to <= length, 'a buffer is too short for its rows');
      return this.#raw(at + from, to - from);
    }
    let decoded = this.#decoded.get(buffer);
    if (!decoded) {
      decoded = await this.#decode(buffer, whole);
      this.#decoded.set(buffer, decoded);
      this.held += decoded.byteLength;
    }
    sound(to <= decoded.length, 'a buffer is too short for its rows');
    return decoded.subarray(from, to);
  }

  async #decode(buffer: number, whole: number): Promise<Uint8Array> {
    const [at, length] = this.meta.buffers[buffer]!;
    const declared = await this.size(buffer);
    // writers pad to 64 bytes
    sound(declared >= 0 && declared <= whole + 64, 'a compressed buffer declares more than its rows take');
    if (declared > MAX_BUFFER)
      throw new TidecastError('ARROW_TOO_LARGE', { file: this.#file.path, bytes: declared, limit: MAX_BUFFER });
    const raw = await this.#raw(at, length);
    const prefix = new DataView(raw.buffer, raw.byteOffset, 8);
    if (prefix.getInt32(0, true) === -1 && prefix.getInt32(4, true) === -1) return raw.slice(8);
    if (declared === 0) return EMPTY;
    const codec = await codecOf(this.meta.compression!);
    return codec(raw.subarray(8), declared);
  }

  async #raw(at: number, length: number): Promise<Uint8Array> {
    const { body, bodyLength } = this.#block;
    if (!this.#atOnce) return this.#file.bytes(body + at, length);
    if (!this.#whole) {
      this.#whole = await this.#file.bytes(body, bodyLength);
      this.held += bodyLength;
    }
    return this.#whole.subarray(at, at + length);
  }
}

/** The bytes as a typed array; copied only where they are not aligned for it. */
export function typed<A>(
  bytes: Uint8Array,
  type: { new (buffer: ArrayBufferLike, at: number, length: number): A; readonly BYTES_PER_ELEMENT: number },
): A {
  const width = type.BYTES_PER_ELEMENT;
  // not `slice`: that of a Buffer copies nothing
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  return new type(aligned.buffer, aligned.byteOffset, Math.floor(bytes.byteLength / width));
}
