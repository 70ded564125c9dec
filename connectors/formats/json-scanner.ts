/**
 * Flat JSON objects read from their bytes, without making an object or a text of them.
 *
 * It knows plain JSON only: objects whose fields are numbers, literals, and strings of ASCII without escapes (series names may be any
 * UTF-8), with nothing nested in the fields that matter. Whatever else it meets it leaves to `JSON.parse`; what it does read comes out
 * exactly the same.
 */
import { NULL, NUMBER, OTHER, TEXT, type JsonTick } from './json-tick.ts';
import { readNumber } from './json-number.ts';
import type { SeriesNames } from './message-names.ts';

/** It is not plain JSON, or no JSON. */
export const UNUSUAL = -1;

const OPEN = 0x7b;
const CLOSE = 0x7d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Fields beyond this are looked up by name. */
const REMEMBERED = 64;
/** Objects within objects that are read over. */
const DEEPEST = 16;

/** Reads objects into a tick. */
export class JsonScanner {
  readonly #tick: JsonTick;
  readonly #names: SeriesNames;
  /** What a field begins with in JSON without spaces: `"name":`. */
  readonly #heads: readonly Buffer[];
  /** The field that came as the first, second, ... of the object before: the next object most likely has the same. */
  readonly #order = new Int32Array(REMEMBERED).fill(-1);
  readonly #onlySeries: readonly boolean[];
  readonly #skipped = new Float64Array(1);
  /** The field that `#key` found; -1 where it does not matter. */
  #field = -1;
  /** Of the string read last: whether it is all ASCII. */
  #ascii = true;

  constructor(tick: JsonTick, names: SeriesNames) {
    this.#tick = tick;
    this.#names = names;
    // a name that JSON can only write in another way is never met here
    this.#heads = tick.fields.map((name) => Buffer.from(/^[ !#-[\]-~]*$/.test(name) ? `"${name}":` : '\0'));
    this.#onlySeries = tick.fields.map((_, field) => tick.isOnlySeries(field));
  }

  /** Reads the object that starts at `at` into the tick; returns where it ends, or `UNUSUAL`. */
  object(bytes: Buffer, at: number): number {
    const end = bytes.length;
    const tick = this.#tick;
    const names = this.#names;
    const order = this.#order;
    tick.clear();
    if (byteAt(bytes, at) !== OPEN) return UNUSUAL;
    let i = skipSpace(bytes, at + 1);
    if (byteAt(bytes, i) === CLOSE) return i + 1;
    for (let nth = 0; ; nth++) {
      let field = nth < REMEMBERED ? order[nth] : -1;
      let known = 0;
      if (field >= 0) {
        const head = this.#heads[field];
        const length = head.length;
        if (i + length < end) while (known < length && bytes[i + known] === head[known]) known++;
        if (known === length) i += length;
        else known = 0;
      }
      if (known === 0) {
        i = this.#key(bytes, i, nth);
        if (i < 0) return UNUSUAL;
        field = this.#field;
      }
      let byte = byteAt(bytes, i);
      if (byte <= 0x20) {
        i = skipSpace(bytes, i);
        byte = byteAt(bytes, i);
      }
      if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
        const from = i;
        if (field < 0) i = readNumber(bytes, i, end, this.#skipped, 0);
        else {
          i = readNumber(bytes, i, end, tick.numbers, field);
          tick.kinds[field] = NUMBER;
          if (field === tick.seriesAt && i > 0) {
            tick.seriesCode = isWhole(bytes, from, i) ? names.code(bytes, from, i) : UNUSUAL;
            if (tick.seriesCode < 0) return UNUSUAL;
          }
        }
      } else if (byte === QUOTE && field >= 0 && this.#onlySeries[field]) {
        tick.seriesCode = names.quoted(bytes, i + 1);
        // an empty name is a fault of the tick, one that is no UTF-8 a fault of the message
        if (tick.seriesCode < 0) return UNUSUAL;
        tick.kinds[field] = TEXT;
        i = names.end + 1;
      } else if (byte === QUOTE) i = this.#text(bytes, i + 1, field);
      else i = field < 0 && (byte === OPEN || byte === 0x5b) ? this.#nested(bytes, i, 1) : this.#literal(bytes, i, field);
      if (i < 0) return UNUSUAL;
      byte = byteAt(bytes, i);
      if (byte <= 0x20) {
        i = skipSpace(bytes, i);
        byte = byteAt(bytes, i);
      }
      i++;
      if (byte === CLOSE) return i;
      if (byte !== COMMA) return UNUSUAL;
      if (byteAt(bytes, i) <= 0x20) i = skipSpace(bytes, i);
    }
  }

  /** Reads a name and its colon, and remembers which field it is. */
  #key(bytes: Buffer, at: number, nth: number): number {
    if (byteAt(bytes, at) !== QUOTE) return UNUSUAL;
    const end = this.#stringEnd(bytes, at + 1);
    if (end < 0 || !this.#ascii) return UNUSUAL;
    this.#field = this.#fieldOf(bytes, at, end + 1);
    if (nth < REMEMBERED) this.#order[nth] = this.#field;
    const colon = skipSpace(bytes, end + 1);
    return byteAt(bytes, colon) === COLON ? colon + 1 : UNUSUAL;
  }

  /** The field of a name, given with its quotes. */
  #fieldOf(bytes: Buffer, from: number, to: number): number {
    for (let field = 0; field < this.#heads.length; field++) {
      const head = this.#heads[field];
      if (head.length - 1 !== to - from) continue;
      let same = 0;
      while (same < head.length - 1 && bytes[from + same] === head[same]) same++;
      if (same === head.length - 1) return field;
    }
    return -1;
  }

  #text(bytes: Buffer, from: number, field: number): number {
    const end = this.#stringEnd(bytes, from);
    if (end < 0 || !this.#ascii) return UNUSUAL;
    if (field < 0) return end + 1;
    const tick = this.#tick;
    tick.kinds[field] = TEXT;
    tick.texts[field] = bytes.toString('latin1', from, end);
    if (field !== tick.seriesAt) return end + 1;
    tick.seriesCode = this.#names.code(bytes, from, end);
    return tick.seriesCode < 0 ? UNUSUAL : end + 1;
  }

  /** Reads over an object or array of a field that does not matter. */
  #nested(bytes: Buffer, at: number, depth: number): number {
    const array = byteAt(bytes, at) === 0x5b;
    if (depth > DEEPEST || !(array || byteAt(bytes, at) === OPEN)) return UNUSUAL;
    const close = array ? 0x5d : CLOSE;
    let i = skipSpace(bytes, at + 1);
    if (byteAt(bytes, i) === close) return i + 1;
    for (;;) {
      if (!array) {
        if (byteAt(bytes, i) !== QUOTE) return UNUSUAL;
        i = this.#text(bytes, i + 1, -1);
        if (i < 0) return UNUSUAL;
        i = skipSpace(bytes, i);
        if (byteAt(bytes, i) !== COLON) return UNUSUAL;
        i = skipSpace(bytes, i + 1);
      }
      const byte = byteAt(bytes, i);
      if (byte === QUOTE) i = this.#text(bytes, i + 1, -1);
      else if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) i = readNumber(bytes, i, bytes.length, this.#skipped, 0);
      else i = byte === OPEN || byte === 0x5b ? this.#nested(bytes, i, depth + 1) : this.#literal(bytes, i, -1);
      if (i < 0) return UNUSUAL;
      i = skipSpace(bytes, i);
      const next = byteAt(bytes, i);
      if (next === close) return i + 1;
      if (next !== COMMA) return UNUSUAL;
      i = skipSpace(bytes, i + 1);
    }
  }

  #literal(bytes: Buffer, at: number, field: number): number {
    const first = byteAt(bytes, at);
    const word = first === 0x6e ? 'null' : first === 0x74 ? 'true' : 'false';
    if (bytes.toString('latin1', at, at + word.length) !== word) return UNUSUAL;
    if (field >= 0) this.#tick.kinds[field] = first === 0x6e ? NULL : OTHER;
    return at + word.length;
  }

  /** Where the closing quote of a string without escapes stands, or -1. */
  #stringEnd(bytes: Buffer, from: number): number {
    let all = 0;
    for (let i = from; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte === QUOTE) {
        this.#ascii = all < 0x80;
        return i;
      }
      if (byte < 0x20 || byte === 0x5c) return -1;
      all |= byte;
    }
    return -1;
  }
}

/** The byte at a place, 0 behind the end: an array that was once read behind its end is read slowly from then on. */
export function byteAt(bytes: Buffer, at: number): number {
  return at < bytes.length ? bytes[at] : 0;
}

/** The first place from `at` on that is not white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  for (let i = at; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) return i;
  }
  return bytes.length;
}

/** Whether a JSON number is written as its whole value is, up to 15 digits. */
function isWhole(bytes: Buffer, from: number, to: number): boolean {
  const negative = bytes[from] === 0x2d;
  const first = negative ? from + 1 : from;
  if (to - first > 15 || (negative && bytes[first] === 0x30)) return false;
  for (let i = first; i < to; i++) if (bytes[i] < 0x30 || bytes[i] > 0x39) return false;
  return true;
}
