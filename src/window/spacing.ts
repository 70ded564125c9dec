/** How far apart the rows of each series are, and whether the pipeline says the same. */
import { ROW_IMPUTED, type RowBatch } from '../core/batch.ts';
import type { Events } from '../core/events.ts';

export interface SpacingOptions {
  /** What the pipeline says, ms. */
  readonly interval: number;
  /** Whether missing rows are filled in: rows that are further apart then fit. */
  readonly filled: boolean;
  /** Series by lane. */
  readonly keys: readonly (string | undefined)[];
  /** Is told once. */
  readonly differ: (what: Events['intervals.differed']) => void;
}

/** Of each series so many intervals are looked at. */
const ENOUGH = 12;
/** What differs is told when every series has so many, for the other one to be named too, or one has so many more. */
const FEW = 4;
const MANY = 60;
/** Series that are looked at. */
const MOST = 1000;
/** Medians that are this many times each other differ clearly. */
const CLEAR = 2;

/** Looks at rows as they come, and remembers nothing from run to run: nobody forecasts by it. */
export class Spacing {
  readonly #o: SpacingOptions;
  /** The first intervals of each lane, and how many there were. */
  readonly #first: number[][] = [];
  readonly #count = new Uint8Array(MOST);
  #shortest: number;
  #longest: number;
  /** Lanes with fewer than {@link FEW}. */
  #young = 0;
  #most = 0;
  #told = false;

  constructor(options: SpacingOptions) {
    this.#o = options;
    this.#shortest = this.#longest = options.interval;
  }

  add({ length, lanes, elapsed, flags }: RowBatch): void {
    for (let row = 0; row < length && !this.#told; row++) {
      const lane = lanes[row]!;
      if (lane >= MOST || this.#count[lane] === MANY) continue;
      if (!this.#first[lane]) this.#young++;
      const first = (this.#first[lane] ??= []);
      if (!(elapsed[row]! > 0) || flags[row]! & ROW_IMPUTED) continue;
      const count = (this.#count[lane] = this.#count[lane]! + 1);
      this.#most = Math.max(this.#most, count);
      if (count === FEW) this.#young--;
      if (count <= ENOUGH) first.push(elapsed[row]!);
      if (count === ENOUGH) this.#learn(median(first));
      const clear = this.#longest >= CLEAR * this.#shortest;
      if (clear && (this.#young === 0 || this.#most === MANY)) this.#tell();
    }
  }

  #learn(middle: number): void {
    const fitting = this.#o.filled ? Math.min(middle, this.#o.interval) : middle;
    this.#shortest = Math.min(this.#shortest, fitting);
    this.#longest = Math.max(this.#longest, fitting);
  }

  #tell(): void {
    this.#told = true;
    const { interval, keys, differ } = this.#o;
    const off = (apart: number) => Math.max(apart / interval, interval / apart);
    const [shortest, ...more] = this.#first
      .flatMap((first, lane) => (first.length > 0 ? [{ series: keys[lane] ?? '', apart: median(first) }] : []))
      .sort((a, b) => a.apart - b.apart);
    const longest = more.at(-1) ?? shortest!;
    const [one, other] = off(shortest!.apart) > off(longest.apart) ? [shortest!, longest] : [longest, shortest!];
    const both = longest.apart >= CLEAR * shortest!.apart;
    differ({ interval, ...one, ...(both ? { other: other.series, otherApart: other.apart } : {}) });
  }
}

function median(all: readonly number[]): number {
  const sorted = [...all].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
