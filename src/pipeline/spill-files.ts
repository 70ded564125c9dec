/** Evicted lanes on disk: appended to numbered files, found through an index that is part of every checkpoint. */
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { TidecastError } from '../core/errors.ts';
import { short, type Spill } from '../core/lanes.ts';
import type { Saved, Stateful } from '../core/state.ts';
import { syncFolder, writeWhole, writing } from './state-write.ts';

interface Entry {
  readonly file: number;
  readonly at: number;
  readonly length: number;
  readonly check: number;
}

/** Files with anything of use in them, at most: beyond it those with the least are written anew as one. */
const MOST_FILES = 32;
/** A file of which less than this share is of use is written anew. */
const LEAST_USE = 0.25;

/**
 * A spilled lane's bytes never change, so a checkpoint needs the index only. A restart appends to a new file; files that neither the
 * last checkpoint nor the one before it points to are removed by `release`, which also keeps few and full what series that stay away
 * for ever leave behind. Throws `STATE_WRITE`, and `STATE_DAMAGED` for a series that cannot be read back exactly.
 */
export class SpillFiles implements Spill, Stateful {
  readonly #folder: string;
  readonly #index = new Map<string, Entry>();
  /** Open for reading, by number. */
  readonly #handles = new Map<number, number>();
  #current: { number: number; handle: number; size: number } | undefined;
  #next = 1;
  #inCheckpoints: ReadonlySet<number>[] = [];

  constructor(folder: string) {
    this.#folder = join(folder, 'spill');
    writing(this.#folder, () => mkdirSync(this.#folder, { recursive: true }));
    this.#next = Math.max(0, ...this.#numbers()) + 1;
  }

  put(key: string, bytes: Uint8Array): void {
    writing(this.#folder, () => {
      const to = (this.#current ??= this.#open());
      writeWhole(to.handle, bytes, to.size);
      this.#index.set(key, { file: to.number, at: to.size, length: bytes.length, check: crc32(bytes) });
      to.size += bytes.length;
    });
  }

  take(key: string): Uint8Array | undefined {
    const bytes = this.peek(key);
    this.#index.delete(key);
    return bytes;
  }

  peek(key: string): Uint8Array | undefined {
    const entry = this.#index.get(key);
    if (!entry) return undefined;
    const bytes = new Uint8Array(entry.length);
    const damaged = (reason: string, cause?: unknown) =>
      new TidecastError('STATE_DAMAGED', { file: this.#path(entry.file), series: short(key), reason }, { cause });
    let read: number;
    try {
      read = readSync(this.#handle(entry.file), bytes, 0, entry.length, entry.at);
    } catch (cause) {
      throw damaged(`the spilled series cannot be read: ${(cause as Error).message}`, cause);
    }
    if (read < entry.length || crc32(bytes) !== entry.check) throw damaged('the spilled series does not match its checksum');
    return bytes;
  }

  keys(): Iterable<string> {
    return this.#index.keys();
  }

  /** Makes what was put durable and starts a new file; the index of this moment may then be saved. */
  snapshot(): Saved {
    const current = this.#current;
    if (current) {
      writing(this.#folder, () => {
        fsyncSync(current.handle);
        syncFolder(this.#folder);
      });
      this.#current = undefined;
    }
    const entries = [...this.#index.values()];
    return {
      keys: [...this.#index.keys()],
      places: Float64Array.from(entries.flatMap(({ file, at, length, check }) => [file, at, length, check])),
    };
  }

  restore(saved: Saved): void {
    const { keys, places } = saved as unknown as { keys: string[]; places: Float64Array };
    this.#index.clear();
    keys.forEach((key, i) => {
      const [file, at, length, check] = places.subarray(i * 4, i * 4 + 4);
      this.#index.set(key, { file: file!, at: at!, length: length!, check: check! });
    });
  }

  /** After a checkpoint: removes files that the two newest checkpoints and the present do not need. */
  release(saved: Saved): void {
    const { places } = saved as unknown as { places: Float64Array };
    this.#inCheckpoints = [new Set(places.filter((_, i) => i % 4 === 0)), ...this.#inCheckpoints].slice(0, 2);
    if (this.#inCheckpoints.length < 2) return;
    this.#gather();
    const needed = new Set([...this.#index.values()].map(({ file }) => file));
    if (this.#current) needed.add(this.#current.number);
    for (const number of this.#numbers()) {
      // numbers beyond its own are of a process that has the folder now
      if (number >= this.#next || needed.has(number) || this.#inCheckpoints.some((files) => files.has(number))) continue;
      const handle = this.#handles.get(number);
      if (handle !== undefined) closeSync(handle);
      this.#handles.delete(number);
      rmSync(this.#path(number));
    }
  }

  close(): void {
    for (const handle of this.#handles.values()) closeSync(handle);
    this.#handles.clear();
  }

  /** Copies what is of use out of files that hold little of it; the files go when no checkpoint points to them any more. */
  #gather(): void {
    const used = new Map<number, number>();
    for (const { file, length } of this.#index.values()) used.set(file, (used.get(file) ?? 0) + length);
    const files = [...used].filter(([file]) => file !== this.#current?.number).sort((a, b) => a[1] - b[1]);
    const many = files.length > MOST_FILES ? files.length - MOST_FILES / 2 : 0;
    const leave = new Set(
      files.filter(([file, bytes], i) => i < many || bytes < LEAST_USE * this.#size(file)).map(([file]) => file),
    );
    if (leave.size === 0) return;
    for (const [key, { file }] of [...this.#index]) if (leave.has(file)) this.put(key, this.peek(key)!);
  }

  #size(number: number): number {
    try {
      return fstatSync(this.#handle(number)).size;
    } catch {
      // told of when a series is wanted from it
      return 0;
    }
  }

  #open(): { number: number; handle: number; size: number } {
    for (;;) {
      const number = this.#next++;
      try {
        // a process that lost this folder while it stood still may have made a file of that number
        const handle = openSync(this.#path(number), 'wx+');
        this.#handles.set(number, handle);
        return { number, handle, size: 0 };
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      }
    }
  }

  #handle(number: number): number {
    let handle = this.#handles.get(number);
    if (handle === undefined) this.#handles.set(number, (handle = openSync(this.#path(number), 'r')));
    return handle;
  }

  #numbers(): number[] {
    return readdirSync(this.#folder).flatMap((name) => /^spill-(\d+)\.dat$/.exec(name)?.slice(1).map(Number) ?? []);
  }

  #path(number: number): string {
    return join(this.#folder, `spill-${number}.dat`);
  }
}
