/** One column of an Arrow file, decoded a window of rows at a time. */
import { Body, typed } from './arrow-body.ts';
import type { ArrowFile } from './arrow-file.ts';
import type { BatchMeta, DictionaryBlock } from './arrow-messages.ts';
import { numbers, width } from './arrow-numbers.ts';
import type { ArrowField, ArrowType, TimeUnit } from './arrow-schema.ts';
import { spans, TextTable } from './arrow-text.ts';
import { Damage, sound } from './damage.ts';
import { integerIdentity, textIdentity } from './identity.ts';
import { epochMilliseconds, fromUnit, type WallClock } from './time.ts';

/** Rows `from` to `to` of record batch number `batch`. */
export interface Window {
  readonly body: Body;
  readonly batch: number;
  readonly from: number;
  readonly to: number;
}

const DAY = 86_400_000;
const EMPTY = new Uint8Array(0);

/** A column, by its position in the schema. */
export class Column {
  readonly field: ArrowField;
  readonly #file: ArrowFile;
  readonly #node: number;
  readonly #buffer: number;
  readonly #view: number;
  /** The text codes of the dictionary that was read last. */
  #dictionary: { readonly last: DictionaryBlock | undefined; readonly codes: Int32Array } | undefined;

  constructor(file: ArrowFile, index: number) {
    const before = file.schema.fields.slice(0, index);
    this.#file = file;
    this.field = file.schema.fields[index]!;
    this.#node = before.reduce((sum, field) => sum + field.nodes, 0);
    this.#buffer = before.reduce((sum, field) => sum + field.buffers, 0);
    this.#view = before.reduce((sum, field) => sum + field.views, 0);
  }

  /** Doubles; NaN where null. */
  async numbers(window: Window): Promise<Float64Array> {
    const { type } = this.field;
    if (type.kind === 'null') return new Float64Array(window.to - window.from).fill(NaN);
    return this.#withNulls(window, numbers(type, await this.#fixed(window, width(type))));
  }

  /** Epoch milliseconds; NaN where null. Plain numbers count `unit`s; timestamps without zone and dates are read off `clock`. */
  async times(window: Window, unit: TimeUnit | undefined, clock: WallClock): Promise<Float64Array> {
    const { type } = this.field;
    const bytes = await this.#fixed(window, width(type));
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
    return this.#withNulls(window, times);
  }

  /** Texts, or integers written out, as codes into `table`; -1 where null. */
  async texts(window: Window, table: TextTable): Promise<Int32Array> {
    const { dictionary } = this.field;
    if (!dictionary) return this.#plainTexts(window, this.field, table, this.#place(window.body.meta));
    const map = await this.#dictionaryCodes(window.batch, dictionary.id, table);
    const bytes = await this.#fixed(window, dictionary.bits / 8);
    const n = window.to - window.from;
    const codes = new Int32Array(n);
    const indices =
      dictionary.bits === 32
        ? typed(bytes, Int32Array)
        : numbers({ kind: 'int', bits: dictionary.bits, signed: dictionary.signed }, bytes);
    const nulls = await this.#nulls(window);
    for (let i = 0; i < n; i++) {
      if (nulls && isNull(nulls, i)) {
        codes[i] = -1;
        continue;
      }
      const index = indices[i]!;
      sound(index >= 0 && index < map.length, `a row points outside the dictionary of column ${this.field.name}`);
      codes[i] = map[index]!;
    }
    return codes;
  }

  /** Identities as doubles: integers up to 2^53 as they are, texts and larger integers hashed; NaN where null. */
  async identities(window: Window): Promise<Float64Array> {
    const { type, dictionary } = this.field;
    if (type.kind === 'text' || dictionary) {
      const table = new TextTable();
      // a dictionary's codes belong to one table
      this.#dictionary = undefined;
      const codes = await this.texts(window, table);
      const hashes = Float64Array.from(table.texts, textIdentity);
      return Float64Array.from(codes, (code) => (code < 0 ? NaN : hashes[code]!));
    }
    if (type.kind !== 'int' || type.bits !== 64) return this.numbers(window);
    const words = typed(await this.#fixed(window, 8), Int32Array);
    const unsigned = type.signed ? (high: number) => high : (high: number) => high >>> 0;
    const ids = new Float64Array(window.to - window.from);
    for (let i = 0; i < ids.length; i++) ids[i] = integerIdentity(words[2 * i]!, unsigned(words[2 * i + 1]!));
    return this.#withNulls(window, ids);
  }

  #place(meta: BatchMeta): number {
    let variadic = 0;
    for (let i = 0; i < this.#view; i++) variadic += meta.views[i]!;
    return this.#buffer + variadic;
  }

  async #fixed({ body, from, to }: Window, size: number): Promise<Uint8Array> {
    return body.bytes(this.#place(body.meta) + 1, from * size, to * size, body.meta.rows * size);
  }

  async #nulls(window: Window): Promise<Nulls | undefined> {
    return validity(
      window,
      this.#place(window.body.meta),
      window.body.meta.rows,
      window.body.meta.nodes[this.#node]![1],
      this.field.name,
    );
  }

  async #withNulls(window: Window, values: Float64Array): Promise<Float64Array> {
    const nulls = await this.#nulls(window);
    if (!nulls) return values;
    const copy = values.slice();
    for (let i = 0; i < copy.length; i++) if (isNull(nulls, i)) copy[i] = NaN;
    return copy;
  }

  async #plainTexts(window: Window, field: ArrowField, table: TextTable, place: number): Promise<Int32Array> {
    const { type } = field;
    const nodes = window.body.meta.nodes[field === this.field ? this.#node : 0]!;
    const nulls = await validity(window, place, nodes[0], nodes[1], field.name);
    if (type.kind === 'int') return integerTexts(window, place, type, table, nulls);
    if (type.kind !== 'text') throw new Damage(`column ${field.name} holds no text`);
    if (type.form === 'view') return viewTexts(window, place, table, nulls);
    const { body, from, to } = window;
    const rows = body.meta.rows;
    const size = type.form === 'large' ? 8 : 4;
    const bytes = await body.bytes(place + 1, from * size, (to + 1) * size, (rows + 1) * size);
    const offsets = numbers({ kind: 'int', bits: size * 8, signed: true }, bytes);
    const last = await body.bytes(place + 1, rows * size, (rows + 1) * size, (rows + 1) * size);
    const whole = numbers({ kind: 'int', bits: size * 8, signed: true }, last)[0]!;
    const [start, end] = [offsets[0]!, offsets[to - from]!];
    sound(start >= 0 && end >= start && end <= whole, 'a text lies outside its buffer');
    const data = await body.bytes(place + 2, start, end, whole);
    const codes = new Int32Array(to - from);
    let code = -1;
    spans(
      offsets.map((offset) => offset - start),
      data.length,
      (row, a, b) => {
        if (nulls && isNull(nulls, row)) codes[row] = -1;
        else codes[row] = code = table.is(code, data, a, b) ? code : table.code(data, a, b);
      },
    );
    return codes;
  }

  /** Index in the dictionary -> code in the table, as the dictionary stands at a record batch: its last full one and what was added since. */
  async #dictionaryCodes(batch: number, id: number, table: TextTable): Promise<Int32Array> {
    const blocks = this.#file.dictionaries.filter((block) => block.id === id && block.before <= batch);
    const last = blocks.at(-1);
    if (this.#dictionary && this.#dictionary.last === last) return this.#dictionary.codes;
    const start = Math.max(
      0,
      blocks.findLastIndex((block) => !block.delta),
    );
    const parts: Int32Array[] = [];
    for (const block of blocks.slice(start)) {
      const body = await Body.open(this.#file, block);
      if (body.meta.rows === 0) continue;
      const field = this.#file.schema.dictionaries.get(id)!;
      parts.push(await this.#plainTexts({ body, batch: 0, from: 0, to: body.meta.rows }, field, table, 0));
    }
    const codes = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      codes.set(part, at);
      at += part.length;
    }
    this.#dictionary = { last, codes };
    return codes;
  }
}

/** A validity bitmap, and the bit of the window's first row. */
interface Nulls {
  readonly bits: Uint8Array;
  readonly shift: number;
}

function isNull({ bits, shift }: Nulls, row: number): boolean {
  const bit = row + shift;
  return ((bits[bit >> 3]! >> (bit & 7)) & 1) === 0;
}

async function validity(
  { body, from, to }: Window,
  buffer: number,
  rows: number,
  count: number,
  name: string,
): Promise<Nulls | undefined> {
  if (body.meta.buffers[buffer]![1] === 0) {
    sound(count === 0, `column ${name} says that it has nulls, but not where`);
    return undefined;
  }
  const bits = await body.bytes(buffer, from >> 3, (to + 7) >> 3, (rows + 7) >> 3);
  const nulls = { bits, shift: from & 7 };
  if (from === 0 && to === rows) {
    let counted = 0;
    for (let i = 0; i < rows; i++) if (isNull(nulls, i)) counted++;
    sound(counted === count, `column ${name} has ${counted} nulls but says ${count}`);
    return counted === 0 ? undefined : nulls;
  }
  return nulls;
}

async function integerTexts(
  { body, from, to }: Window,
  place: number,
  type: ArrowType & { kind: 'int' },
  table: TextTable,
  nulls: Nulls | undefined,
): Promise<Int32Array> {
  const size = type.bits / 8;
  const bytes = await body.bytes(place + 1, from * size, to * size, body.meta.rows * size);
  // two names must not become one, as large integers do in doubles
  const values = type.bits < 64 ? numbers(type, bytes) : type.signed ? typed(bytes, BigInt64Array) : typed(bytes, BigUint64Array);
  const encoder = new TextEncoder();
  const known = new Map<number | bigint, number>();
  const codes = new Int32Array(to - from);
  for (let i = 0; i < codes.length; i++) {
    const value = values[i]!;
    let code = nulls && isNull(nulls, i) ? -1 : known.get(value);
    if (code === undefined) {
      const name = encoder.encode(String(value));
      known.set(value, (code = table.code(name, 0, name.length)));
    }
    codes[i] = code;
  }
  return codes;
}

async function viewTexts(
  { body, from, to }: Window,
  place: number,
  table: TextTable,
  nulls: Nulls | undefined,
): Promise<Int32Array> {
  const bytes = await body.bytes(place + 1, from * 16, to * 16, body.meta.rows * 16);
  const words = typed(bytes, Int32Array);
  const codes = new Int32Array(to - from);
  // of every data buffer only the stretch that the window points into
  const stretches = new Map<number, [from: number, to: number]>();
  for (let i = 0; i < codes.length; i++) {
    const length = words[4 * i]!;
    sound(length >= 0, 'a text has an absurd length');
    if (length <= 12 || (nulls && isNull(nulls, i))) continue;
    const at = words[4 * i + 3]!;
    const stretch = stretches.get(words[4 * i + 2]!);
    if (!stretch) stretches.set(words[4 * i + 2]!, [at, at + length]);
    else {
      stretch[0] = Math.min(stretch[0], at);
      stretch[1] = Math.max(stretch[1], at + length);
    }
  }
  const data = new Map<number, Uint8Array>();
  for (const [buffer, [start, end]] of stretches) {
    const known = body.meta.buffers[place + 2 + buffer];
    sound(buffer >= 0 && known !== undefined && start >= 0, 'a text lies outside its buffers');
    data.set(buffer, await body.bytes(place + 2 + buffer, start, end, Number.MAX_SAFE_INTEGER));
  }
  const inline = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  let code = -1;
  for (let i = 0; i < codes.length; i++) {
    if (nulls && isNull(nulls, i)) {
      codes[i] = -1;
      continue;
    }
    const length = words[4 * i]!;
    const buffer = words[4 * i + 2]!;
    const source = length <= 12 ? inline : (data.get(buffer) ?? EMPTY);
    const start = length <= 12 ? 16 * i + 4 : words[4 * i + 3]! - stretches.get(buffer)![0];
    codes[i] = code = table.is(code, source, start, start + length) ? code : table.code(source, start, start + length);
  }
  return codes;
}
