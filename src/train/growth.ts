/** Whether there is enough that is new for another training: the longest series decides. */
import type { Lanes } from '../core/lanes.ts';
import type { Ring } from '../window/ring.ts';
import { hasGrown } from './schedule.ts';

export class Growth {
  /** Rows of the longest series at the last training. */
  trainedAt = 0;
  readonly #lanes: Lanes;
  readonly #ring: Ring;

  constructor(lanes: Lanes, ring: Ring) {
    this.#lanes = lanes;
    this.#ring = ring;
  }

  /** At an event time (epoch ms) up to which all rows are in. */
  enough(time: number): boolean {
    return hasGrown(this.#rowsAt(time), this.trainedAt);
  }

  /** A training takes the rows up to an event time. */
  trained(time: number): void {
    this.trainedAt = this.#rowsAt(time);
  }

  #rowsAt(time: number): number {
    let most = 0;
    for (let lane = 0; lane < this.#lanes.size; lane++) {
      if (this.#lanes.keys[lane] === undefined) continue;
      let later = 0;
      while (later < this.#ring.held(lane) && this.#ring.time(lane, later) > time) later++;
      most = Math.max(most, this.#ring.total(lane) - later);
    }
    return most;
  }
}
