/** A run that was asked to stop ends within a stated time, whatever its sinks do. */
import { systemClock, type Clock } from '../core/clock.ts';
import { TidecastError } from '../core/errors.ts';

/** The share of the time that is kept for closing what did not end by itself, and the most of it, ms. */
const CLOSING = 0.25;
const LONGEST_CLOSING = 5000;

/** Starts when the signal is aborted. The machine's clock is meant, also where a run has another. */
export class StopDeadline {
  /** Whether the time was up before the work was done. */
  passed = false;
  readonly #signal: AbortSignal;
  /** For ending, and for closing what did not end; ms. */
  readonly #within: number;
  readonly #closing: number;
  readonly #over = new AbortController();

  constructor(signal: AbortSignal, within: number) {
    this.#signal = signal;
    this.#closing = Math.min(LONGEST_CLOSING, CLOSING * within);
    this.#within = within - this.#closing;
  }

  /** The work's outcome, or `RUN_STOPPED_UNCLEAN` when the time is up. */
  async race<T>(work: Promise<T>): Promise<T> {
    const late = new Promise<never>((_, reject) => {
      const begin = (): void => {
        void systemClock.sleep(this.#within, this.#over.signal).then(() => {
          if (this.#over.signal.aborted) return;
          this.passed = true;
          reject(new TidecastError('RUN_STOPPED_UNCLEAN', { seconds: (this.#within + this.#closing) / 1000 }));
        });
      };
      if (this.#signal.aborted) begin();
      else this.#signal.addEventListener('abort', begin, { once: true });
    });
    late.catch(() => undefined);
    work.catch(() => undefined);
    return Promise.race([work, late]);
  }

  /** Waits for closing, but not for ever where the time is up or the run was asked to stop. */
  async bounded(closing: Promise<void>): Promise<void> {
    closing.catch(() => undefined);
    if (!this.passed && !this.#signal.aborted) return closing;
    await Promise.race([closing, systemClock.sleep(this.#closing, this.#over.signal)]);
  }

  clear(): void {
    this.#over.abort();
  }
}

/** Calls `late` after a while, unless what it returns is called first. */
export function deadlines(clock: Clock): (ms: number, late: () => void) => () => void {
  return (ms, late) => {
    const stop = new AbortController();
    void clock.sleep(ms, stop.signal).then(() => {
      if (!stop.signal.aborted) late();
    });
    return () => stop.abort();
  };
}
