/** Station 7: batches to the sinks, one in flight each. */
import { tap, type MonoTypeOperatorFunction } from 'rxjs';
import type { ForecastBatch, Reject } from '../core/batch.ts';
import type { Sink } from '../core/connector.ts';

/** Keeps count of what the sinks have not taken yet, so that ingest can wait for room. */
export class Delivery {
  readonly sinks: readonly Sink[];
  /** While the line only learns: nothing is handed on. */
  muted = false;
  readonly #pending = new Set<Promise<void>>();
  #rejects: Reject[] = [];
  #failure: { readonly cause: unknown } | undefined;

  constructor(sinks: readonly Sink[]) {
    this.sinks = sinks;
  }

  write(batch: ForecastBatch): void {
    if (this.muted) return;
    for (const sink of this.sinks) this.#track(() => sink.write(batch));
  }

  /** Keeps refused ticks until the next `room()`: a sink that is busy is not called again. */
  reject(rejects: readonly Reject[]): void {
    if (this.muted) return;
    for (const each of rejects) this.#rejects.push(each);
  }

  /** Resolves when every sink has taken what it was given; undefined when they have. Throws what a sink threw: the line stops uncommitted. */
  room(): Promise<void> | undefined {
    if (this.#failure) throw this.#failure.cause;
    if (this.#pending.size > 0) return Promise.all(this.#pending).then(() => this.room());
    if (this.#rejects.length === 0) return undefined;
    const rejects = this.#rejects;
    this.#rejects = [];
    for (const sink of this.sinks) if (sink.reject) this.#track(() => sink.reject!(rejects));
    return this.room();
  }

  #track(write: () => void | Promise<void>): void {
    try {
      const written = write();
      if (!written) return;
      const tracked = written
        .catch((cause: unknown) => {
          this.#failure ??= { cause };
        })
        .finally(() => this.#pending.delete(tracked));
      this.#pending.add(tracked);
    } catch (cause) {
      this.#failure ??= { cause };
    }
  }
}

/**
 * Hands every batch to the sinks and passes it on. A sink that fails stops the line at the next `delivery.room()`.
 *
 * ```
 * forecasts  --A----B--|
 * deliver    --A----B--|
 * sinks        A    B
 * ```
 */
export function deliver(delivery: Delivery): MonoTypeOperatorFunction<ForecastBatch> {
  return tap((batch) => delivery.write(batch));
}
