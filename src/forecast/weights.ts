/** The weights in force, and those that follow: two versions live side by side until the last lane has crossed. */
import { TidecastError } from '../core/errors.ts';
import { weightsHash } from '../nn/files.ts';
import type { Weights } from '../nn/shape.ts';

export interface WeightsVersion {
  /** 0 is the untrained network. */
  readonly version: number;
  /** Rows later than this event time (epoch ms) use it. */
  readonly after: number;
  readonly weights: Weights;
  readonly hash: string;
}

/** Number of versions that may be needed at one time. */
export const WEIGHT_SLOTS = 2;

/** Hands weights from training to forecasting. */
export class WeightsBox {
  #versions: WeightsVersion[] = [];
  readonly #listeners: ((version: WeightsVersion) => void)[] = [];

  constructor(initial: Weights = new Map()) {
    this.#versions = [{ version: 0, after: -Infinity, weights: initial, hash: '' }];
  }

  /** Adds what a model begins with; only while nothing was swapped. */
  begin(initial: Weights): void {
    const [{ version, after, weights, hash }] = this.#versions as [WeightsVersion];
    this.#versions = [{ version, after, weights: new Map([...weights, ...initial]), hash }];
  }

  /** Newest version. */
  get current(): WeightsVersion {
    return this.#versions.at(-1)!;
  }

  /** Versions that rows may still need, oldest first. */
  get versions(): readonly WeightsVersion[] {
    return this.#versions;
  }

  onSwap(listener: (version: WeightsVersion) => void): void {
    this.#listeners.push(listener);
    for (const version of this.#versions) listener(version);
  }

  /** New weights for rows later than `after` (-Infinity: for every row from now on). */
  swap(after: number, weights: Weights, version = this.current.version + 1): WeightsVersion {
    const next: WeightsVersion = { version, after, weights, hash: weightsHash(weights) };
    this.#versions = [...this.#versions.slice(1 - WEIGHT_SLOTS), next];
    for (const listener of this.#listeners) listener(next);
    return next;
  }

  /** Puts back the versions of a checkpoint. */
  restore(versions: readonly WeightsVersion[]): void {
    if (versions.length === 0) throw new TidecastError('INTERNAL', { problem: 'a checkpoint without weights' });
    this.#versions = [...versions];
    for (const version of this.#versions) for (const listener of this.#listeners) listener(version);
  }

  /** The version for a row of that event time. */
  at(time: number): WeightsVersion {
    for (let i = this.#versions.length - 1; i > 0; i--) if (time > this.#versions[i]!.after) return this.#versions[i]!;
    return this.#versions[0]!;
  }
}
