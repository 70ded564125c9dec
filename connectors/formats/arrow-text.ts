/** Text columns: every row's code into a growing list of distinct texts, without making a string a row. */
import { sound } from './damage.ts';

const text = new TextDecoder();

/** Distinct texts by their bytes; a text is decoded when it is met first. */
export class TextTable {
  readonly texts: string[] = [];
  readonly #bytes: Uint8Array[] = [];
  #slots = new Int32Array(64).fill(-1);

  /** The code of a text, given as a stretch of UTF-8. */
  code(data: Uint8Array, from: number, to: number): number {
    let hash = 0x811c9dc5;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ data[i]!, 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const code = this.#slots[slot]!;
      if (code === -1) return this.#add(data.slice(from, to), slot);
      if (same(this.#bytes[code]!, data, from, to)) return code;
    }
  }

  /** Whether a text has this code. */
  is(code: number, data: Uint8Array, from: number, to: number): boolean {
    return code >= 0 && same(this.#bytes[code]!, data, from, to);
  }

  #add(bytes: Uint8Array, slot: number): number {
    const code = this.texts.length;
    this.texts.push(text.decode(bytes));
    this.#bytes.push(bytes);
    this.#slots[slot] = code;
    if (this.texts.length * 2 > this.#slots.length) this.#grow();
    return code;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    this.#bytes.forEach((bytes, code) => {
      let hash = 0x811c9dc5;
      for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
      hash ^= hash >>> 15;
      let slot = hash & mask;
      while (slots[slot] !== -1) slot = (slot + 1) & mask;
      slots[slot] = code;
    });
    this.#slots = slots;
  }
}

/** Calls `each(row, data, from, to)` for rows whose bytes lie between consecutive `offsets` (relative to `data`). */
export function spans(offsets: Float64Array, length: number, each: (row: number, from: number, to: number) => void): void {
  for (let row = 0; row + 1 < offsets.length; row++) {
    const from = offsets[row]!;
    const to = offsets[row + 1]!;
    sound(from >= 0 && to >= from && to <= length, 'a text lies outside its buffer');
    each(row, from, to);
  }
}

function same(bytes: Uint8Array, data: Uint8Array, from: number, to: number): boolean {
  if (bytes.length !== to - from) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== data[from + i]) return false;
  return true;
}
