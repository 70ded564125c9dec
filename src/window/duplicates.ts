/** Remembers which ids a series has had at its latest released time, so that a copy of a tick is recognised. */
import type { Column, Lanes } from '../core/lanes.ts';
import type { Saved, State } from '../core/state.ts';

/**
 * Ids of each series' latest time. Older times need no memory: a tick at one of them is late.
 * The first id is a lane column; further ids of one instant, which are rare, are kept by series name.
 */
export class Seen {
  readonly #lanes: Lanes;
  readonly #first: Column<Float64Array>;
  readonly #more: Column<Int32Array>;
  readonly #others = new Map<string, Set<number>>();

  constructor(state: State) {
    this.#lanes = state.lanes;
    this.#first = state.lanes.f64('clean.id', 1, NaN);
    this.#more = state.lanes.i32('clean.ids');
    state.add('clean.ids', { snapshot: () => this.#snapshot(), restore: (saved) => this.#restore(saved) });
  }

  /** The series has moved on to a new latest time, with this id. */
  start(lane: number, id: number): void {
    this.#first.data[lane] = id;
    if (this.#more.data[lane] === 0) return;
    this.#others.delete(this.#lanes.keys[lane]!);
    this.#more.data[lane] = 0;
  }

  /** Whether the id was seen at the latest time. */
  has(lane: number, id: number): boolean {
    if (Object.is(this.#first.data[lane], id)) return true;
    return this.#more.data[lane]! > 0 && this.#others.get(this.#lanes.keys[lane]!)!.has(id);
  }

  /** One more id at the latest time. */
  add(lane: number, id: number): void {
    if (this.has(lane, id)) return;
    const key = this.#lanes.keys[lane]!;
    const ids = this.#others.get(key) ?? new Set();
    this.#others.set(key, ids.add(id));
    this.#more.data[lane] = ids.size;
  }

  #snapshot(): Saved {
    return {
      keys: [...this.#others.keys()],
      counts: Int32Array.from([...this.#others.values()], (ids) => ids.size),
      ids: Float64Array.from([...this.#others.values()].flatMap((ids) => [...ids])),
    };
  }

  #restore(saved: Saved): void {
    const { keys, counts, ids } = saved as { keys: string[]; counts: Int32Array; ids: Float64Array };
    this.#others.clear();
    let at = 0;
    keys.forEach((key, i) => this.#others.set(key, new Set(ids.subarray(at, (at += counts[i]!)))));
  }
}
