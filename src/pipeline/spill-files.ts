/** Evicted lanes on disk: appended to numbered files, found through an index that is part of every checkpoint. */
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { TidecastError } from '../core/errors.ts';
import { short, type Spill } from '../core/lanes.ts';
import type { Saved, Stateful } from '../core/state.ts';

interface Entry {
  readonly file: number;
  readonly at: number;
  readonly length: number;
  readonly check: number;
}

/**
 * A spilled lane's bytes never change, so a checkpoint needs the index only. A restart appends to a new file; files that neither the
 * last checkpoint nor the one before it points to are removed by `release`.
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
    mkdirSync(this.#folder, { recursive: true });
    this.#next = Math.max(0, ...this.#numbers()) + 1;
  }

  put(key: string, bytes: Uint8Array): void {
    const to = (this.#current ??= this.#open());
    let at = 0;
    while (at < bytes.length) at += writeSync(to.handle, bytes, at, bytes.length - at, to.size + at);
    this.#index.set(key, { file: to.number, at: to.size, length: bytes.length, check: crc32(bytes) });
    to.size += bytes.length;
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
    const read = readSync(this.#handle(entry.file), bytes, 0, entry.length, entry.at);
    if (read < entry.length || crc32(bytes) !== entry.check) {
      throw new TidecastError('STATE_DAMAGED', {
        file: this.#path(entry.file),
        series: short(key),
        reason: 'the spilled series does not match its checksum',
      });
    }
    return bytes;
  }

  keys(): Iterable<string> {
    return this.#index.keys();
  }

  /** Makes what was put durable and starts a new file; the index of this moment may then be saved. */
  snapshot(): Saved {
    if (this.#current) {
      fsyncSync(this.#current.handle);
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
    const needed = new Set([...this.#index.values()].map(({ file }) => file));
    if (this.#current) needed.add(this.#current.number);
    for (const number of this.#numbers()) {
      if (needed.has(number) || this.#inCheckpoints.some((files) => files.has(number))) continue;
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

  #open(): { number: number; handle: number; size: number } {
    const number = this.#next++;
    const handle = openSync(this.#path(number), 'w+');
    this.#handles.set(number, handle);
    return { number, handle, size: 0 };
  }

  #handle(number: number): number {
    let handle = this.#handles.get(number);
    if (handle === undefined) this.#handles.set(number, (handle = openSync(this.#path(number), 'r')));
    return handle;
  }

  #numbers(): number[] {
    return readdirSync(this.#folder).map((name) => Number(name.slice(6, -4)));
  }

  #path(number: number): string {
    return join(this.#folder, `spill-${number}.dat`);
  }
}
