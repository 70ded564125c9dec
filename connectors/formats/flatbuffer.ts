/**
 * Reads flatbuffers (the metadata of Arrow IPC) and trusts nothing.
 *
 * The generated readers of apache-arrow believe every offset and length: damaged metadata costs them seconds of looping or gives
 * rows that are not there. Here every access is inside the buffer and every vector fits into it, or it is `Damage`.
 */
import { Damage, sound } from './damage.ts';

const text = new TextDecoder('utf-8', { fatal: true });

/** Where the elements of a vector lie. */
export interface Extent {
  readonly at: number;
  readonly length: number;
}

/** One table of a flatbuffer; fields are addressed by their number in the schema (`.fbs`). */
export class FlatTable {
  readonly #bytes: DataView;
  readonly #at: number;
  readonly #fields: number;
  readonly #fieldCount: number;

  constructor(bytes: DataView, at: number) {
    this.#bytes = bytes;
    this.#at = within(bytes, at, 4);
    this.#fields = within(bytes, at - bytes.getInt32(at, true), 4);
    const size = bytes.getUint16(this.#fields, true);
    within(bytes, this.#fields, size);
    this.#fieldCount = (size - 4) >> 1;
  }

  /** The table that the whole buffer is. */
  static root(buffer: Uint8Array): FlatTable {
    const bytes = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    within(bytes, 0, 4);
    return new FlatTable(bytes, bytes.getUint32(0, true));
  }

  /** The raw buffer, for the elements of vectors. */
  get bytes(): DataView {
    return this.#bytes;
  }

  int8(field: number, fallback = 0): number {
    const at = this.#find(field, 1);
    return at === 0 ? fallback : this.#bytes.getInt8(at);
  }

  int16(field: number, fallback = 0): number {
    const at = this.#find(field, 2);
    return at === 0 ? fallback : this.#bytes.getInt16(at, true);
  }

  int32(field: number, fallback = 0): number {
    const at = this.#find(field, 4);
    return at === 0 ? fallback : this.#bytes.getInt32(at, true);
  }

  int64(field: number): number {
    const at = this.#find(field, 8);
    return at === 0 ? 0 : int64(this.#bytes, at);
  }

  table(field: number): FlatTable | undefined {
    const at = this.#find(field, 4);
    return at === 0 ? undefined : new FlatTable(this.#bytes, this.#follow(at));
  }

  string(field: number): string {
    const { at, length } = this.vector(field, 1);
    try {
      return text.decode(new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, length));
    } catch {
      throw new Damage('a name is not UTF-8');
    }
  }

  /** A vector whose elements take `stride` bytes each; an absent one is empty. */
  vector(field: number, stride: number): Extent {
    const pointer = this.#find(field, 4);
    if (pointer === 0) return { at: 0, length: 0 };
    const at = this.#follow(pointer);
    const length = this.#bytes.getUint32(at, true);
    within(this.#bytes, at + 4, length * stride);
    return { at: at + 4, length };
  }

  tables(field: number): FlatTable[] {
    const { at, length } = this.vector(field, 4);
    return Array.from({ length }, (_, i) => new FlatTable(this.#bytes, this.#follow(at + 4 * i)));
  }

  #find(field: number, size: number): number {
    if (field >= this.#fieldCount) return 0;
    const offset = this.#bytes.getUint16(this.#fields + 4 + 2 * field, true);
    return offset === 0 ? 0 : within(this.#bytes, this.#at + offset, size);
  }

  #follow(at: number): number {
    return within(this.#bytes, at + this.#bytes.getUint32(at, true), 4);
  }
}

/** A signed 64-bit number that fits into a double exactly. */
export function int64(bytes: DataView, at: number): number {
  const value = bytes.getInt32(at + 4, true) * 4294967296 + bytes.getUint32(at, true);
  sound(Number.isSafeInteger(value), 'a length or position is absurd');
  return value;
}

function within(bytes: DataView, at: number, size: number): number {
  sound(at >= 0 && at + size <= bytes.byteLength, 'the metadata point outside themselves');
  return at;
}
