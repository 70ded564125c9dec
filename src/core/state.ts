/** Everything the line remembers: the lanes' columns and a named list of parts. A checkpoint is this and nothing else. */
import { createHash } from 'node:crypto';
import { TidecastError } from './errors.ts';
import { Lanes, type LanesSnapshot } from './lanes.ts';

/**
 * What a part of a snapshot may hold: JSON values and typed arrays. Numbers that may be NaN or infinite belong into a typed array.
 */
export type Saved =
  | null
  | boolean
  | number
  | string
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint8Array
  | readonly Saved[]
  | { readonly [key: string]: Saved };

/** A part with state that is not per lane, or of varying length: schedules, counters, open buffers. */
export interface Stateful {
  /** An immutable copy that shares nothing with the live part. */
  snapshot(): Saved;
  restore(saved: Saved): void;
}

export interface StateSnapshot {
  readonly lanes: LanesSnapshot;
  readonly parts: Readonly<Record<string, Saved>>;
}

/** The registry that every station writes itself into when it is built. */
export class State {
  readonly lanes: Lanes;
  readonly #parts = new Map<string, Stateful>();
  #waiting = new Map<string, Saved>();
  #restored = false;
  readonly #missing: string[] = [];

  constructor(options: { readonly maxLanes?: number } = {}) {
    this.lanes = new Lanes(options.maxLanes === undefined ? {} : { max: options.maxLanes });
  }

  /** Adds a part under a unique name; if a snapshot was restored before, the part is restored at once. */
  add(given: string, part: Stateful): void {
    const name = this.lanes.named(given);
    if (this.#parts.has(name)) throw new TidecastError('INTERNAL', { part: name, problem: 'added twice' });
    this.#parts.set(name, part);
    const saved = this.#waiting.get(name);
    if (saved === undefined) {
      if (this.#restored) this.#missing.push(name);
      return;
    }
    this.#waiting.delete(name);
    part.restore(saved);
  }

  /** Whether a restored state has a part of that name that nothing has claimed yet. */
  holds(given: string): boolean {
    return this.#waiting.has(this.lanes.named(given));
  }

  /** A copy of everything; the memory of `spare`, a copy that nobody reads any more, is used again. */
  snapshot(spare?: StateSnapshot): StateSnapshot {
    const parts: Record<string, Saved> = {};
    for (const [name, part] of this.#parts) parts[name] = part.snapshot();
    return { lanes: this.lanes.snapshot(spare?.lanes), parts };
  }

  restore(snapshot: StateSnapshot): void {
    this.#restored = true;
    this.lanes.restore(snapshot.lanes);
    this.#waiting = new Map(Object.entries(snapshot.parts));
    for (const [name, part] of this.#parts) {
      const saved = this.#waiting.get(name);
      if (saved === undefined) throw new TidecastError('STATE_SHAPE', { part: name, problem: 'not in the saved state' });
      this.#waiting.delete(name);
      part.restore(saved);
    }
  }

  /** Refuses a restored state that holds more, or less, than the line that was built (`STATE_SHAPE`). */
  assertClaimed(): void {
    const unknown = [...this.lanes.unclaimed, ...this.#waiting.keys()].slice(0, 5).join(' ') || undefined;
    const missing = [...this.lanes.missing, ...this.#missing].slice(0, 5).join(' ') || undefined;
    if (unknown ?? missing) throw new TidecastError('STATE_SHAPE', { unknown, missing });
  }

  /** SHA-256 over all series in name order; equal states have equal hashes, whatever their lane numbers. */
  hash(): string {
    const hash = createHash('sha256');
    const keys = new Set([...this.lanes.keys.filter((key) => key !== undefined), ...(this.lanes.spill?.keys() ?? [])]);
    for (const key of [...keys].sort())
      hash
        .update(key)
        .update('\0')
        .update(this.lanes.hash(key) ?? '');
    return hash.digest('hex');
  }
}
