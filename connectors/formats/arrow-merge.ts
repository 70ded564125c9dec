/**
 * Files merged by time.
 *
 * A first pass over the times finds the sorted runs (a file sorted by time is one, a file sorted by series has one a series); then
 * all runs are read side by side, each a window at a time. Record batches in use are kept up to a fixed number of bytes, so memory
 * does not grow with the files.
 */
import { TidecastError } from '../../src/core/errors.ts';
import type { Body } from './arrow-body.ts';
import type { TickFile, Ticks } from './arrow-ticks.ts';

/** A stretch of rows of one file whose times do not go back; missing times count as the one before. */
export interface Run {
  readonly file: number;
  readonly from: number;
  readonly to: number;
}

const MAX_RUNS = 100_000;
const BUFFERED_ROWS = 4_194_304;
const OUT = 32_768;
const CACHE_BYTES = 134_217_728;

/** Finds the sorted runs of all files by reading their times once; more than 100,000 are refused (`SOURCE_DISORDER`). */
export async function indexRuns(files: readonly TickFile[], window: number, signal: AbortSignal): Promise<Run[]> {
  const runs: Run[] = [];
  for (const [number, file] of files.entries()) {
    let start = 0;
    let before = -Infinity;
    for (const [batch, { first, rows }] of file.file.batches.entries()) {
      if (rows === 0) continue;
      const body = await file.body(batch);
      for (let from = 0; from < rows; from += window) {
        if (signal.aborted) return [];
        const times = await file.times({ body, batch, from, to: Math.min(rows, from + window) });
        for (let i = 0; i < times.length; i++) {
          const time = times[i]!;
          if (time < before) {
            const row = first + from + i;
            runs.push({ file: number, from: start, to: row });
            start = row;
            if (runs.length > MAX_RUNS)
              throw new TidecastError('SOURCE_DISORDER', { file: file.file.path, sorted_runs: runs.length, by_row: row });
          }
          if (!Number.isNaN(time)) before = time;
        }
      }
    }
    runs.push({ file: number, from: start, to: file.file.rows });
  }
  return runs;
}

/** Rows of all runs by time, equal times in the order of the runs, from merged row `skip` on. */
export async function* mergedTicks(
  files: readonly TickFile[],
  runs: readonly Run[],
  skip: number,
  signal: AbortSignal,
  constantCode: (file: TickFile) => number,
): AsyncGenerator<Ticks> {
  if (runs.length === 0) return;
  const cache = new Bodies(files);
  const window = Math.min(65_536, Math.max(32, Math.floor(BUFFERED_ROWS / runs.length)));
  const cursors: Cursor[] = [];
  for (const [number, run] of runs.entries()) {
    if (signal.aborted) return;
    const file = files[run.file]!;
    const cursor = new Cursor(number, run, file, cache, window, file.constant ? constantCode(file) : -1);
    // rows that a resumed run has behind it are merged by their times alone
    cursor.timesOnly = skip > 0;
    await cursor.load();
    cursors.push(cursor);
  }
  const heap = new Heap(cursors);
  let left = skip;
  let out = new Rows(OUT);
  for (let top = heap.top; top; top = heap.top) {
    const limit = heap.second;
    // as long as its rows come before every other run's, the run is copied on
    do {
      if (left > 0) {
        left--;
        if (left === 0) for (const cursor of cursors) await cursor.complete(cursor === top ? 1 : 0);
      } else out.push(top);
      top.at++;
      if (top.at === top.length) {
        if (signal.aborted) return;
        await top.load();
      }
      if (out.length === OUT) {
        yield out.take();
        out = new Rows(OUT);
        if (signal.aborted) return;
      }
    } while (!top.done && top.before(limit));
    heap.sift();
  }
  if (out.length > 0) yield out.take();
}

class Cursor {
  readonly number: number;
  timesOnly = false;
  at = 0;
  length = 0;
  done = false;
  keys: Float64Array = new Float64Array(0);
  ticks: Ticks | undefined;
  readonly code: number;
  readonly #file: TickFile;
  readonly #fileNumber: number;
  readonly #cache: Bodies;
  readonly #window: number;
  readonly #to: number;
  #start: number;
  #next: number;
  #last = -Infinity;

  constructor(number: number, run: Run, file: TickFile, cache: Bodies, window: number, code: number) {
    this.number = number;
    this.code = code;
    this.#file = file;
    this.#fileNumber = run.file;
    this.#cache = cache;
    this.#window = window;
    this.#start = this.#next = run.from;
    this.#to = run.to;
  }

  get key(): number {
    return this.keys[this.at]!;
  }

  before(other: Cursor | undefined): boolean {
    return other === undefined || this.key < other.key || (this.key === other.key && this.number < other.number);
  }

  /** The next window of the run, or `done`. */
  async load(): Promise<void> {
    if (this.#next >= this.#to) {
      this.done = true;
      this.ticks = undefined;
      return;
    }
    this.#start = this.#next;
    const times = await this.#read(this.#start);
    const keys = times.slice();
    for (let i = 0; i < keys.length; i++) {
      if (Number.isNaN(keys[i]!)) keys[i] = this.#last;
      else this.#last = keys[i]!;
    }
    this.keys = keys;
    this.length = keys.length;
    this.at = 0;
    this.#next = this.#start + keys.length;
  }

  /** After skipping: the current window again, with all its columns, unless it is used up when `behind` rows more are taken. */
  async complete(behind: number): Promise<void> {
    this.timesOnly = false;
    if (!this.done && this.at + behind < this.length) await this.#read(this.#start);
  }

  async #read(row: number): Promise<Float64Array> {
    const batch = this.#file.batchAt(row);
    const { first, rows } = this.#file.file.batches[batch]!;
    const from = row - first;
    const to = Math.min(rows, this.#to - first, from + this.#window);
    const window = { body: await this.#cache.body(this.#fileNumber, batch), batch, from, to };
    if (this.timesOnly) return this.#file.times(window);
    this.ticks = await this.#file.ticks(window);
    return this.ticks.times;
  }
}

/** A binary heap of cursors, the earliest on top. */
class Heap {
  readonly #items: Cursor[];

  constructor(cursors: readonly Cursor[]) {
    this.#items = cursors.filter((cursor) => !cursor.done);
    for (let i = (this.#items.length >> 1) - 1; i >= 0; i--) this.#down(i);
  }

  get top(): Cursor | undefined {
    return this.#items[0];
  }

  /** The earliest but one. */
  get second(): Cursor | undefined {
    const [, a, b] = this.#items;
    return b && b.before(a) ? b : a;
  }

  /** Restores the order after the top moved on. */
  sift(): void {
    if (this.#items[0]?.done) {
      const last = this.#items.pop()!;
      if (this.#items.length === 0) return;
      if (last !== this.#items[0]) this.#items[0] = last;
    }
    this.#down(0);
  }

  #down(place: number): void {
    const items = this.#items;
    const item = items[place];
    if (!item) return;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && items[child + 1]!.before(items[child])) child++;
      if (item.before(items[child])) break;
      items[place] = items[child]!;
      place = child;
    }
    items[place] = item;
  }
}

/** Merged rows on their way out. */
class Rows {
  length = 0;
  readonly #times: Float64Array;
  readonly #codes: Int32Array;
  #channels: Float64Array[] = [];
  #ids: Float64Array | undefined;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
    this.#times = new Float64Array(size);
    this.#codes = new Int32Array(size);
  }

  push(cursor: Cursor): void {
    const ticks = cursor.ticks!;
    const { at } = cursor;
    const row = this.length++;
    if (row === 0) {
      this.#channels = ticks.channels.map(() => new Float64Array(this.#size));
      this.#ids = ticks.ids && new Float64Array(this.#size);
    }
    this.#times[row] = ticks.times[at]!;
    this.#codes[row] = ticks.codes ? ticks.codes[at]! : cursor.code;
    for (let c = 0; c < this.#channels.length; c++) this.#channels[c]![row] = ticks.channels[c]![at]!;
    if (this.#ids) this.#ids[row] = ticks.ids![at]!;
  }

  take(): Ticks {
    const cut = (column: Float64Array) => column.subarray(0, this.length);
    return {
      times: cut(this.#times),
      codes: this.#codes.subarray(0, this.length),
      channels: this.#channels.map(cut),
      ids: this.#ids && cut(this.#ids),
    };
  }
}

/** Record batches in use, the least recently used dropped beyond a number of bytes. */
class Bodies {
  readonly #files: readonly TickFile[];
  readonly #kept = new Map<string, Body>();

  constructor(files: readonly TickFile[]) {
    this.#files = files;
  }

  async body(file: number, batch: number): Promise<Body> {
    const key = `${file}:${batch}`;
    const body = this.#kept.get(key) ?? (await this.#files[file]!.body(batch, true));
    this.#kept.delete(key);
    this.#kept.set(key, body);
    let held = 0;
    for (const each of this.#kept.values()) held += each.held;
    for (const [old, { held: bytes }] of this.#kept) {
      if (held <= CACHE_BYTES || old === key) break;
      this.#kept.delete(old);
      held -= bytes;
    }
    return body;
  }
}
