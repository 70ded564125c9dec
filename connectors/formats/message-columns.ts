/** Columns of an Arrow record batch that is in memory as a whole, written to where their rows go. */
import { typed } from './arrow-body.ts';
import { codecNow } from './arrow-codecs.ts';
import type { BatchMeta } from './arrow-messages.ts';
import { numbers, width } from './arrow-numbers.ts';
import type { ArrowField, ArrowSchema, TimeUnit } from './arrow-schema.ts';
import { spans, TextTable } from './arrow-text.ts';
import { Damage, sound } from './damage.ts';
import { integerIdentity } from './identity.ts';
import { identityOf } from './message-cells.ts';
import { epochMilliseconds, fromUnit, type WallClock } from './time.ts';

const DAY = 86_400_000;
const EMPTY = new Uint8Array(0);

/** A message would unpack to more than it may. */
export class TooLarge extends Error {}

/** What may still be unpacked of a message, in bytes. */
export interface Budget {
  left: number;
}

/** The buffers of a record batch or dictionary. */
export class MemoryBody {
  readonly meta: BatchMeta;
  readonly #bytes: Uint8Array;
  readonly #budget: Budget;
  readonly #decoded: (Uint8Array | undefined)[] = [];

  constructor(meta: BatchMeta, bytes: Uint8Array, budget: Budget) {
    this.meta = meta;
    this.#bytes = bytes;
    this.#budget = budget;
  }

  /** A buffer, uncompressed; `Damage` where it has fewer than `length` bytes. Beyond them there may be padding. */
  buffer(index: number, length: number): Uint8Array {
    const [at, size] = this.meta.buffers[index];
    if (length === 0) return EMPTY;
    const bytes = this.meta.compression ? this.#unpack(index, at, size) : this.#bytes.subarray(at, at + size);
    sound(bytes.length >= length, 'a buffer is too short for its rows');
    return bytes;
  }

  #unpack(index: number, at: number, size: number): Uint8Array {
    const known = this.#decoded[index];
    if (known) return known;
    sound(size >= 8, 'a compressed buffer is too short');
    const prefix = new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8);
    const declared = prefix.getInt32(4, true) * 4294967296 + prefix.getUint32(0, true);
    const packed = this.#bytes.subarray(at + 8, at + size);
    let unpacked = packed;
    if (declared !== -1) {
      sound(declared >= 0, 'a compressed buffer declares an absurd length');
      if (declared > this.#budget.left) throw new TooLarge();
      this.#budget.left -= declared;
      unpacked = declared === 0 ? EMPTY : codecNow(this.meta.compression!)(packed, declared);
    }
    this.#decoded[index] = unpacked;
    return unpacked;
  }
}

/** The code of a stretch of UTF-8; a negative one where it is nothing. */
export type Coder = (data: Uint8Array, from: number, to: number) => number;

/** A column, by its position in the schema; or the values of a dictionary. */
export class MessageColumn {
  readonly field: ArrowField;
  readonly #node: number;
  readonly #buffer: number;
  readonly #view: number;

  constructor(field: ArrowField, before: readonly ArrowField[] = []) {
    this.field = field;
    this.#node = before.reduce((sum, each) => sum + each.nodes, 0);
    this.#buffer = before.reduce((sum, each) => sum + each.buffers, 0);
    this.#view = before.reduce((sum, each) => sum + each.views, 0);
  }

  static of(schema: ArrowSchema, index: number): MessageColumn {
    return new MessageColumn(schema.fields[index], schema.fields.slice(0, index));
  }

  /** Writes doubles from `row` on; NaN where null. */
  numbers(body: MemoryBody, out: Float64Array, row: number): void {
    const { type } = this.field;
    const n = body.meta.rows;
    if (type.kind === 'null') out.fill(NaN, row, row + n);
    else {
      const bytes = this.#fixed(body, width(type));
      if (type.kind === 'float' && type.bits === 64)
        new Uint8Array(out.buffer, out.byteOffset + 8 * row, 8 * n).set(bytes.subarray(0, 8 * n));
      else out.set(numbers(type, bytes).subarray(0, n), row);
      this.#eraseNulls(body, out, row);
    }
  }

  /** Writes epoch milliseconds from `row` on; NaN where null. Plain numbers count `unit`s; what has no zone is read off `clock`. */
  times(body: MemoryBody, unit: TimeUnit | undefined, clock: WallClock, out: Float64Array, row: number): void {
    const { type } = this.field;
    if (type.kind === 'null') return this.numbers(body, out, row);
    const bytes = this.#fixed(body, width(type));
    let times: Float64Array;
    if (type.kind === 'timestamp') times = epochMilliseconds(typed(bytes, Int32Array), type.unit);
    else if (type.kind === 'date')
      times =
        type.unit === 'day'
          ? Float64Array.from(typed(bytes, Int32Array), (day) => day * DAY)
          : epochMilliseconds(typed(bytes, Int32Array), 'ms');
    else if (type.kind === 'int' && type.bits === 64 && type.signed) times = epochMilliseconds(typed(bytes, Int32Array), unit!);
    else times = numbers(type, bytes).map((value) => fromUnit(value, unit!));
    if (type.kind === 'date' || (type.kind === 'timestamp' && type.zone === '')) clock.utcAll(times);
    out.set(times.subarray(0, body.meta.rows), row);
    this.#eraseNulls(body, out, row);
  }

  /** Codes of texts, or of integers written out; -1 where null. `dictionary` holds the codes of a dictionary-coded column's texts. */
  codes(body: MemoryBody, dictionary: Int32Array | undefined, coder: Coder): Int32Array {
    const { type, dictionary: coding } = this.field;
    const codes = new Int32Array(body.meta.rows);
    if (coding) {
      sound(dictionary !== undefined, `the dictionary of column ${this.field.name} is missing`);
      const bytes = this.#fixed(body, coding.bits / 8);
      const indices =
        coding.bits === 32 ? typed(bytes, Int32Array) : numbers({ kind: 'int', bits: coding.bits, signed: coding.signed }, bytes);
      const nulls = this.#nulls(body);
      for (let i = 0; i < codes.length; i++) {
        const index = indices[i];
        if (nulls && isNull(nulls, i)) codes[i] = -1;
        else if (index >= 0 && index < dictionary.length) codes[i] = dictionary[index];
        else throw new Damage(`a row points outside the dictionary of column ${this.field.name}`);
      }
      return codes;
    }
    if (type.kind === 'int') this.#integers(body, coder, codes);
    else if (type.kind !== 'text') throw new Damage(`column ${this.field.name} holds no text`);
    else if (type.form === 'view') this.#views(body, coder, codes);
    else this.#texts(body, type.form === 'large' ? 8 : 4, coder, codes);
    const nulls = this.#nulls(body);
    if (nulls) for (let i = 0; i < codes.length; i++) if (isNull(nulls, i)) codes[i] = -1;
    return codes;
  }

  /** Writes identities from `row` on: integers up to 2^53 as they are, texts and larger integers hashed; NaN where null. */
  identities(body: MemoryBody, dictionary: Float64Array | undefined, out: Float64Array, row: number): void {
    const { type, dictionary: coding } = this.field;
    if (coding || type.kind === 'text') {
      const table = new TextTable();
      const places = dictionary && Int32Array.from(dictionary.keys());
      const codes = this.codes(body, places, (data, from, to) => table.code(data, from, to));
      const hashes = dictionary ?? Float64Array.from(table.texts, identityOf);
      for (let i = 0; i < codes.length; i++) out[row + i] = codes[i] < 0 ? NaN : hashes[codes[i]];
    } else if (type.kind === 'int' && type.bits === 64) {
      const words = typed(this.#fixed(body, 8), Int32Array);
      for (let i = 0; i < body.meta.rows; i++) {
        const high = words[2 * i + 1];
        out[row + i] = integerIdentity(words[2 * i], type.signed ? high : high >>> 0);
      }
      this.#eraseNulls(body, out, row);
    } else this.numbers(body, out, row);
  }

  #place(meta: BatchMeta): number {
    let variadic = 0;
    for (let i = 0; i < this.#view; i++) variadic += meta.views[i];
    return this.#buffer + variadic;
  }

  #fixed(body: MemoryBody, size: number): Uint8Array {
    const length = body.meta.rows * size;
    return body.buffer(this.#place(body.meta) + 1, length).subarray(0, length);
  }

  /** The validity bitmap, where there are nulls. */
  #nulls(body: MemoryBody): Uint8Array | undefined {
    const [rows, count] = body.meta.nodes[this.#node];
    const place = this.#place(body.meta);
    if (body.meta.buffers[place][1] === 0) {
      sound(count === 0, `column ${this.field.name} says that it has nulls, but not where`);
      return undefined;
    }
    if (count === 0) return undefined;
    const bits = body.buffer(place, (rows + 7) >> 3);
    let counted = 0;
    for (let i = 0; i < rows; i++) if (isNull(bits, i)) counted++;
    sound(counted === count, `column ${this.field.name} has ${counted} nulls but says ${count}`);
    return bits;
  }

  #eraseNulls(body: MemoryBody, out: Float64Array, row: number): void {
    const nulls = this.#nulls(body);
    if (nulls) for (let i = 0; i < body.meta.rows; i++) if (isNull(nulls, i)) out[row + i] = NaN;
  }

  #texts(body: MemoryBody, size: number, coder: Coder, codes: Int32Array): void {
    const rows = codes.length;
    if (rows === 0) return;
    const place = this.#place(body.meta);
    const bytes = body.buffer(place + 1, (rows + 1) * size).subarray(0, (rows + 1) * size);
    const offsets = numbers({ kind: 'int', bits: size * 8, signed: true }, bytes);
    const end = offsets[rows];
    sound(end >= 0, 'a text lies outside its buffer');
    const data = body.buffer(place + 2, end);
    spans(offsets, end, (row, from, to) => {
      codes[row] = coder(data, from, to);
    });
  }

  #views(body: MemoryBody, coder: Coder, codes: Int32Array): void {
    const { meta } = body;
    const place = this.#place(meta);
    const bytes = this.#fixed(body, 16);
    const words = typed(bytes, Int32Array);
    const inline = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
    const buffers = meta.views[this.#view];
    for (let i = 0; i < codes.length; i++) {
      const length = words[4 * i];
      sound(length >= 0, 'a text has an absurd length');
      if (length <= 12) {
        codes[i] = coder(inline, 16 * i + 4, 16 * i + 4 + length);
        continue;
      }
      const [buffer, at] = [words[4 * i + 2], words[4 * i + 3]];
      sound(buffer >= 0 && buffer < buffers && at >= 0, 'a text lies outside its buffers');
      codes[i] = coder(body.buffer(place + 2 + buffer, at + length), at, at + length);
    }
  }

  #integers(body: MemoryBody, coder: Coder, codes: Int32Array): void {
    const type = this.field.type;
    if (type.kind !== 'int') return;
    const bytes = this.#fixed(body, type.bits / 8);
    // two names must not become one, as large integers do in doubles
    const values =
      type.bits < 64 ? numbers(type, bytes) : type.signed ? typed(bytes, BigInt64Array) : typed(bytes, BigUint64Array);
    const known = new Map<number | bigint, number>();
    for (let i = 0; i < codes.length; i++) {
      let code = known.get(values[i]);
      if (code === undefined) {
        const name = Buffer.from(String(values[i]));
        known.set(values[i], (code = coder(name, 0, name.length)));
      }
      codes[i] = code;
    }
  }
}

function isNull(bits: Uint8Array, row: number): boolean {
  return ((bits[row >> 3] >> (row & 7)) & 1) === 0;
}
