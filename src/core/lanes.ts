/**
 * Lanes: every series is a dense index into flat arrays.
 *
 * Whatever a station remembers per series is a *column*: `stride` numbers a lane in one typed array, declared once by name.
 * Because all of it is columns, growing, checkpointing, hashing, evicting and bringing back a series are written once, here, and
 * no station can forget a part of its state. It is long, because that is one thing.
 */
import { createHash } from 'node:crypto';
import { type AnyColumn, type Column, type ColumnArray, type LentColumn, LentColumnView, OwnColumn } from './column.ts';
import { TidecastError } from './errors.ts';

export type { Column, ColumnArray, LentColumn } from './column.ts';

/** Where evicted lanes go. `take` removes; both are exact to the bit. */
export interface Spill {
  put(key: string, bytes: Uint8Array): void;
  take(key: string): Uint8Array | undefined;
  peek(key: string): Uint8Array | undefined;
  keys(): Iterable<string>;
}

interface ColumnCopy {
  readonly name: string;
  readonly stride: number;
  readonly data: ColumnArray;
}

/** A copy of everything the lanes hold, `size` lanes long. */
export interface LanesSnapshot {
  readonly keys: readonly (string | null)[];
  readonly columns: readonly ColumnCopy[];
}

/** The table of series and their columns. */
export class Lanes {
  /** Series name by lane; undefined where the lane is free. */
  readonly keys: (string | undefined)[] = [];
  readonly max: number;
  readonly #byKey = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #leaving: ((lane: number, key: string) => void)[] = [];
  readonly #columns = new Map<string, AnyColumn>();
  #inOrder: readonly AnyColumn[] | undefined;
  #waiting = new Map<string, ColumnCopy>();
  #restored = false;
  readonly #missing = new Set<string>();
  #capacity = 0;
  #spill: Spill | undefined;
  #prefix = '';

  /** `max` is the cap on lanes open at once. */
  constructor(options: { readonly max?: number } = {}) {
    this.max = options.max ?? 1_000_000;
  }

  /** Number of lanes ever opened at once: every lane number is below it. */
  get size(): number {
    return this.keys.length;
  }

  /** Number of series with a lane now. */
  get open(): number {
    return this.#byKey.size;
  }

  /** What each column takes a lane, in name order. */
  get columns(): readonly { readonly name: string; readonly bytes: number }[] {
    return this.#sorted().map(({ name, stride, data }) => ({ name, bytes: stride * data.BYTES_PER_ELEMENT }));
  }

  /** A column by its name, to look at. */
  column(name: string): Column | undefined {
    return this.#columns.get(name);
  }

  /** Evicted lanes go to, and come back from, this store. */
  spillTo(spill: Spill): void {
    this.#spill = spill;
  }

  get spill(): Spill | undefined {
    return this.#spill;
  }

  find(key: string): number {
    return this.#byKey.get(key) ?? -1;
  }

  /**
   * The lane of a series, opened if it has none: fresh, or exactly as it was when it was evicted.
   * Throws `LANES_FULL` beyond the cap.
   */
  lane(key: string): number {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#byKey.size >= this.max) throw new TidecastError('LANES_FULL', { series: short(key), lanes: this.max });
    // first, because it may fail: the series then still has its spilled state and no lane
    const spilled = this.#spill?.take(key);
    const lane = this.#free.pop() ?? this.keys.length;
    // most columns are not written to yet: room for a thousand series costs address space, growing to it step by step costs time
    if (lane >= this.#capacity) this.#grow(Math.max(64, this.#capacity * (this.#capacity < 1024 ? 4 : 2)));
    this.keys[lane] = key;
    this.#byKey.set(key, lane);
    if (spilled) this.#unpack(lane, spilled);
    return lane;
  }

  /** What `build` declares gets a prefix, as `named` gives it: two of a kind over the same series. */
  within<T>(prefix: string, build: () => T): T {
    this.#prefix = prefix;
    const built = build();
    this.#prefix = '';
    return built;
  }

  named(name: string): string {
    return this.#prefix + name;
  }

  f64(name: string, stride = 1, fill = 0): Column<Float64Array> {
    return this.#declare(new OwnColumn(this.named(name), 'f64', stride, fill, this.#capacity)) as Column<Float64Array>;
  }

  f32(name: string, stride = 1, fill = 0): Column<Float32Array> {
    return this.#declare(new OwnColumn(this.named(name), 'f32', stride, fill, this.#capacity)) as Column<Float32Array>;
  }

  i32(name: string, stride = 1, fill = 0): Column<Int32Array> {
    return this.#declare(new OwnColumn(this.named(name), 'i32', stride, fill, this.#capacity)) as Column<Int32Array>;
  }

  u8(name: string, stride = 1, fill = 0): Column<Uint8Array> {
    return this.#declare(new OwnColumn(this.named(name), 'u8', stride, fill, this.#capacity)) as Column<Uint8Array>;
  }

  lent(name: string, lent: LentColumn): Column<Float32Array> {
    lent.reserve(this.#capacity);
    return this.#declare(new LentColumnView(this.named(name), lent)) as Column<Float32Array>;
  }

  /** Is called right before a lane is evicted: for a station that must call the series back one day. */
  onEvict(leaving: (lane: number, key: string) => void): void {
    this.#leaving.push(leaving);
  }

  /** Keeps what the columns named `<name>.<what>` hold for some lanes; the function puts it back. */
  keep(name: string, lanes: Int32Array): (index: number) => void {
    const kept = [...this.#columns.values()]
      .filter((column) => column.name.startsWith(`${name}.`))
      .map((column) => ({
        column,
        copies: Array.from(lanes, (lane) => column.data.slice(lane * column.stride, (lane + 1) * column.stride)),
      }));
    return (index) => {
      for (const { column, copies } of kept) column.data.set(copies[index]! as never, lanes[index]! * column.stride);
    };
  }

  /** Makes a lane as new, for the same series. */
  reset(lane: number): void {
    for (const column of this.#columns.values()) {
      column.data.fill(column.fill, lane * column.stride, (lane + 1) * column.stride);
    }
  }

  /** Spills a lane and frees it. */
  evict(lane: number): void {
    const key = this.keys[lane];
    if (key === undefined) return;
    for (const leaving of this.#leaving) leaving(lane, key);
    this.#spill?.put(key, this.#pack(lane));
    this.reset(lane);
    this.#byKey.delete(key);
    this.keys[lane] = undefined;
    this.#free.push(lane);
  }

  /** One column's numbers of an evicted series, without bringing it back. */
  peekSpilled(key: string, column: Column): ColumnArray | undefined {
    const bytes = this.#spill?.peek(key);
    if (!bytes) return undefined;
    let at = 0;
    for (const each of this.#sorted()) {
      const length = each.stride * each.data.BYTES_PER_ELEMENT;
      if (each.name === column.name) {
        const copy = new Uint8Array(length);
        copy.set(bytes.subarray(at, at + length));
        return new (each.data.constructor as Float64ArrayConstructor)(copy.buffer);
      }
      at += length;
    }
    return undefined;
  }

  /** Copies everything: about a memory copy's time. The memory of `spare`, a copy that nobody reads any more, is used again. */
  snapshot(spare?: LanesSnapshot): LanesSnapshot {
    const n = this.size;
    const free = new Map(spare?.columns.map(({ name, data }) => [name, data]));
    return {
      keys: this.keys.map((key) => key ?? null),
      columns: this.#sorted().map(({ name, stride, data }) => ({
        name,
        stride,
        data: copyOf(data.subarray(0, n * stride), free.get(name)),
      })),
    };
  }

  /** Puts a snapshot back. Columns may be declared before or after; one of another shape is refused (`STATE_SHAPE`). */
  restore(snapshot: LanesSnapshot): void {
    for (const column of this.#columns.values()) column.data.fill(column.fill);
    this.#missing.clear();
    this.#restored = true;
    this.keys.length = 0;
    this.#byKey.clear();
    this.#free.length = 0;
    if (snapshot.keys.length > this.#capacity) this.#grow(snapshot.keys.length, snapshot.keys.length);
    snapshot.keys.forEach((key, lane) => {
      this.keys[lane] = key ?? undefined;
      if (key === null) this.#free.push(lane);
      else this.#byKey.set(key, lane);
    });
    this.#waiting = new Map(snapshot.columns.map((copy) => [copy.name, copy]));
    for (const column of this.#columns.values()) this.#adopt(column);
  }

  /** Names of restored columns that no station has declared: state of another pipeline. */
  get unclaimed(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** Names of columns that the restored state did not hold: it is of another pipeline. */
  get missing(): readonly string[] {
    return [...this.#missing];
  }

  /** SHA-256 of a series' state, of every column in name order, or undefined for an unknown series. */
  hash(key: string): string | undefined {
    const lane = this.find(key);
    const bytes = lane >= 0 ? this.#pack(lane) : this.#spill?.peek(key);
    return bytes && createHash('sha256').update(bytes).digest('hex');
  }

  #declare(column: AnyColumn): AnyColumn {
    if (this.#columns.has(column.name)) throw new TidecastError('INTERNAL', { column: column.name, problem: 'declared twice' });
    this.#columns.set(column.name, column);
    this.#inOrder = undefined;
    this.#adopt(column);
    return column;
  }

  #adopt(column: AnyColumn): void {
    const copy = this.#waiting.get(column.name);
    if (!copy) {
      if (this.#restored) this.#missing.add(column.name);
      return;
    }
    if (copy.stride !== column.stride || copy.data.constructor !== column.data.constructor) {
      throw new TidecastError('STATE_SHAPE', { column: column.name, saved: copy.stride, wanted: column.stride });
    }
    column.data.set(copy.data as never);
    this.#waiting.delete(column.name);
  }

  /** To `capacity` lanes, but to no more than there may be: `least` are needed, for a saved state may be from under a higher cap. */
  #grow(capacity: number, least = this.keys.length + 1): void {
    const bounded = Math.min(capacity, Math.max(this.max, least));
    for (const column of this.#columns.values()) column.reserve(bounded);
    this.#capacity = bounded;
  }

  /** In name order; kept, because packing a lane asks for it each time. */
  #sorted(): readonly AnyColumn[] {
    return (this.#inOrder ??= [...this.#columns.values()].sort((a, b) => (a.name < b.name ? -1 : 1)));
  }

  #pack(lane: number): Uint8Array {
    const parts = this.#sorted().map(({ data, stride }) => {
      const each = data.subarray(lane * stride, (lane + 1) * stride);
      return new Uint8Array(each.buffer, each.byteOffset, each.byteLength);
    });
    return Buffer.concat(parts);
  }

  #unpack(lane: number, bytes: Uint8Array): void {
    let at = 0;
    for (const { data, stride } of this.#sorted()) {
      const length = stride * data.BYTES_PER_ELEMENT;
      new Uint8Array(data.buffer, data.byteOffset + lane * length, length).set(bytes.subarray(at, at + length));
      at += length;
    }
  }
}

function copyOf(numbers: ColumnArray, spare: ColumnArray | undefined): ColumnArray {
  if (!spare || spare.length < numbers.length) return numbers.slice();
  const copy = spare.subarray(0, numbers.length);
  copy.set(numbers as never);
  return copy;
}

/** A series' name as a message may show it: no control characters, at most 80 characters. */
export function short(key: string): string {
  const shown = JSON.stringify(key).slice(1, -1);
  return shown.length > 80 ? `${shown.slice(0, 77)}...` : shown;
}
