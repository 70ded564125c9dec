/** How long to wait before the next try. */
import { Random, seedOf } from '../../src/core/random.ts';

const FIRST = 100;
const LONGEST = 10_000;
/** However the dice fall: no tight loop. */
const SHORTEST = 50;

/** Exponential back-off with full jitter: between 0 and 100 ms, 200 ms, 400 ms ... 10 s, but never less than 50 ms. */
export class Backoff {
  readonly #random: Random;

  /** Processes that were cut off together must not come back together: the process is part of the seed. */
  constructor(seed: number) {
    this.#random = new Random(seedOf(seed, process.pid, Date.now()));
  }

  /** Milliseconds before the try after `attempt` failed ones (1 or more). */
  wait(attempt: number): number {
    const most = Math.min(LONGEST, FIRST * (1 << Math.min(20, attempt - 1)));
    return Math.round(Math.max(SHORTEST, this.#random.uniform() * most));
  }
}
