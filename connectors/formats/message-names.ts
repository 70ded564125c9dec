/** Series names by their bytes: a name is decoded when it is met first, and the table cannot be made to grow for ever. */
import { isUtf8 } from 'node:buffer';
import { randomInt } from 'node:crypto';

/** The stretch is empty: there is no name. */
export const NO_NAME = -1;
/** The stretch cannot be a name: it is not UTF-8, or too long. */
export const BAD_NAME = -2;

/** Characters (UTF-16 units) of the longest name. */
export const LONGEST_NAME = 1000;
const LONGEST_BYTES = 3 * LONGEST_NAME;
/** Names kept from one batch to the next; beyond it the table starts over, so that a flood of keys costs time and no memory. */
const MAX_NAMES = 65_536;

/** A table of names. Codes count from 0 and hold until `begin` is called. */
export class SeriesNames {
  readonly texts: string[] = [];
  #bytes = Buffer.alloc(4096);
  /** Where the bytes of each name start; one entry more than there are names. */
  #starts = new Int32Array(257);
  #hashes = new Int32Array(256);
  #slots = new Int32Array(512).fill(-1);
  readonly #byText = new Map<string, number>();
  /** Where the name ended that `quoted` read last. */
  end = 0;
  // whoever chooses the names must not choose which of them collide
  readonly #seed = randomInt(0x7fffffff);

  /** To be called before every batch: codes handed out earlier may end here. */
  begin(): void {
    if (this.texts.length <= MAX_NAMES) return;
    this.texts.length = 0;
    this.#byText.clear();
    this.#bytes = Buffer.alloc(4096);
    this.#starts = new Int32Array(257);
    this.#hashes = new Int32Array(256);
    this.#slots = new Int32Array(512).fill(-1);
  }

  /** The code of a name given as UTF-8, or `NO_NAME` or `BAD_NAME`. */
  code(data: Uint8Array, from: number, to: number): number {
    if (to === from) return NO_NAME;
    if (to - from > LONGEST_BYTES) return BAD_NAME;
    let hash = this.#seed;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ data[i], 0x01000193);
    return this.#find(data, from, to, hash);
  }

  /** The same of the text in JSON that starts at `from` and goes to the next quote; `BAD_NAME` also where it has escapes, or no end. */
  quoted(data: Uint8Array, from: number): number {
    let hash = this.#seed;
    for (let i = from; i < data.length; i++) {
      const byte = data[i];
      if (byte === 0x22) {
        this.end = i;
        return i === from ? NO_NAME : i - from > LONGEST_BYTES ? BAD_NAME : this.#find(data, from, i, hash);
      }
      if (byte < 0x20 || byte === 0x5c) return BAD_NAME;
      hash = Math.imul(hash ^ byte, 0x01000193);
    }
    return BAD_NAME;
  }

  #find(data: Uint8Array, from: number, to: number, fnv: number): number {
    const hash = fnv ^ (fnv >>> 15);
    const length = to - from;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const code = this.#slots[slot];
      if (code === -1) return this.#add(data, from, to, hash, slot);
      if (this.#hashes[code] === hash && this.#same(code, data, from, length)) return code;
    }
  }

  /** The code of a name given as text. */
  textCode(text: string): number {
    let code = this.#byText.get(text);
    if (code === undefined) {
      code = this.#textCode(text);
      if (code >= 0) this.#byText.set(text, code);
    }
    return code;
  }

  #textCode(text: string): number {
    // half a character would become another name on the way out
    if (text.length > LONGEST_NAME || /\p{Surrogate}/u.test(text)) return BAD_NAME;
    const bytes = Buffer.from(text, 'utf8');
    return this.code(bytes, 0, bytes.length);
  }

  #same(code: number, data: Uint8Array, from: number, length: number): boolean {
    const start = this.#starts[code];
    if (this.#starts[code + 1] - start !== length) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== data[from + i]) return false;
    return true;
  }

  #add(data: Uint8Array, from: number, to: number, hash: number, slot: number): number {
    const bytes = Buffer.from(data.subarray(from, to));
    const text = isUtf8(bytes) ? bytes.toString('utf8') : undefined;
    if (text === undefined || text.length > LONGEST_NAME) return BAD_NAME;
    const code = this.texts.length;
    const start = this.#starts[code];
    if (start + bytes.length > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes], 2 * (this.#bytes.length + bytes.length));
    bytes.copy(this.#bytes, start);
    this.texts.push(text);
    this.#starts[code + 1] = start + bytes.length;
    this.#hashes[code] = hash;
    this.#slots[slot] = code;
    if (code + 1 === this.#hashes.length) this.#grow();
    return code;
  }

  #grow(): void {
    const count = this.#hashes.length;
    const starts = new Int32Array(2 * count + 1);
    starts.set(this.#starts);
    this.#starts = starts;
    const hashes = new Int32Array(2 * count);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
    const slots = new Int32Array(4 * count).fill(-1);
    const mask = slots.length - 1;
    for (let code = 0; code < count; code++) {
      let slot = hashes[code] & mask;
      while (slots[slot] !== -1) slot = (slot + 1) & mask;
      slots[slot] = code;
    }
    this.#slots = slots;
  }
}
