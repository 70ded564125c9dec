/** Evicted series that time alone can wake: a watermark that ends their open bar calls them back. */
import type { Column, Lanes } from '../core/lanes.ts';
import type { Saved, State } from '../core/state.ts';

/** Remembers, of each evicted series, the event time (epoch ms) at which it is due; finite in `due` where there is one. */
export class Away {
  readonly #lanes: Lanes;
  readonly #due = new Map<string, number>();

  constructor(state: State, name: string, due: Column<Float64Array>) {
    this.#lanes = state.lanes;
    state.lanes.onEvict((lane, key) => {
      if (Number.isFinite(due.data[lane])) this.#due.set(key, due.data[lane]!);
    });
    state.add(name, { snapshot: () => this.#snapshot(), restore: (saved) => this.#restore(saved) });
  }

  /** Opens the lanes of all that are due at or before a time; if no lane is free, a series waits for the next watermark. */
  callBack(upTo: number): void {
    for (const [key, due] of this.#due) {
      if (this.#lanes.find(key) >= 0) this.#due.delete(key);
      else if (due <= upTo && this.#lanes.open < this.#lanes.max) {
        this.#due.delete(key);
        this.#lanes.lane(key);
      }
    }
  }

  #snapshot(): Saved {
    return { keys: [...this.#due.keys()], due: Float64Array.from(this.#due.values()) };
  }

  #restore(saved: Saved): void {
    const { keys, due } = saved as { keys: string[]; due: Float64Array };
    this.#due.clear();
    keys.forEach((key, i) => this.#due.set(key, due[i]!));
  }
}
