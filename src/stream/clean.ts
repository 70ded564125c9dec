/** Station 3: refuses ticks that are late, doubled or not usable, and puts each series into order. */
import { filter, map, type OperatorFunction, pipe } from 'rxjs';
import type { Reject, TickBatch } from '../core/batch.ts';
import { milliseconds } from '../core/duration.ts';
import { TidecastError } from '../core/errors.ts';
import type { State } from '../core/state.ts';
import { Sieve } from '../window/sieve.ts';

/** Durations are milliseconds, or text such as `5m`. */
export interface CleanOptions {
  /** The first `targets` channels are forecast and must be finite; the others are covariates and keep their last value. */
  readonly targets: number;
  /** Channels of a batch. Default: `targets`. */
  readonly channels?: number | undefined;
  /** How much older than its series' newest tick a tick may be. Default: 0, and an older tick is late. */
  readonly lateness?: number | string | undefined;
  /** `first`: of ticks with the same series, time and id, the first counts; `keep`: all count. Default: `first`. */
  readonly duplicates?: 'keep' | 'first' | undefined;
  /** Largest believable change of a target, up or down, in its own unit. Default: any. */
  readonly maxJump?: number | undefined;
  /** How many jumps (or ticks from the future) that agree are refused before the next is believed. Default: 3. */
  readonly jumpPatience?: number | undefined;
  /** How far ahead of its series' newest tick a tick may be. Default: 366 days; `Infinity` for any. */
  readonly maxAhead?: number | string | undefined;
  /** Is told of every tick that is refused. Default: nobody is. */
  readonly reject?: ((reject: Reject) => void) | undefined;
}

const MAX_AHEAD = 366 * 86_400_000;

/**
 * Lets through ticks that are in order and usable, and reports the others.
 *
 * It's like `filter`, but with a memory for every series: it also holds rows back until no older one may come.
 *
 * ```
 * ticks$    --a1-a3-a2-b1-a9-|       lateness 2: a tick waits until its series has one that is 2 newer
 *           clean()
 * out$      -----a1------a2,a3-|     b1 and a9 are still held: they come with a later tick or a watermark
 * ```
 *
 * A batch gives at most one batch. A watermark lets go of every held row up to it and is passed on. Nothing is let go at the end
 * of the input: held rows are state, and go on after a restart. Held rows of other partitions leave in the batch at hand.
 *
 * An error of the source is passed on; so is one that `reject` throws. A refused tick is never an error.
 * State: lane columns `clean.*` and the parts `clean.held`, `clean.ids`; it belongs to `state`, so subscribe once.
 * Throws `WINDOW_DURATION` at once for a duration that cannot be read.
 */
export function clean(state: State, options: CleanOptions): OperatorFunction<TickBatch, TickBatch> {
  const sieve = new Sieve(state, {
    lateness: span('lateness', options.lateness ?? 0),
    duplicates: options.duplicates ?? 'first',
    maxJump: options.maxJump,
    jumpPatience: options.jumpPatience ?? 3,
    maxAhead: span('maxAhead', options.maxAhead ?? MAX_AHEAD),
    targets: options.targets,
    channels: options.channels ?? options.targets,
    reject: options.reject ?? (() => undefined),
  });
  return pipe(
    map((batch: TickBatch) => sieve.next(batch)),
    filter((batch) => batch !== undefined),
  );
}

function span(option: string, value: number | string): number {
  const ms = milliseconds(value);
  if (!(ms >= 0)) throw new TidecastError('WINDOW_DURATION', { [option]: value });
  return ms;
}
