/** The checkpoint: in this order, in this one function, one at a time, while the line runs on. */
import type { Clock } from '../core/clock.ts';
import type { Sink, Source } from '../core/connector.ts';
import type { EventBus } from '../core/events.ts';
import type { Saved, State, StateSnapshot } from '../core/state.ts';
import type { Place } from '../stream/ingest.ts';
import type { SpillFiles } from './spill-files.ts';
import type { StateStore } from './state-store.ts';

export interface CheckpointOptions {
  readonly state: State;
  readonly store: StateStore;
  readonly source: Source;
  readonly sinks: readonly Sink[];
  readonly spill: SpillFiles;
  readonly clock: Clock;
  readonly events: EventBus;
  /** Wall time between two checkpoints, ms. */
  readonly every: number;
  /** Rows ingested at the last cut. */
  readonly from: number;
  /** Is called when one is durable. */
  readonly saved?: () => void;
}

/** Cuts checkpoints when they are due. */
export class Checkpoints {
  readonly #o: CheckpointOptions;
  #from: number;
  /** Where the source stood at the last cut, as text. */
  #position = '';
  #last: number;
  /** The last copy that was saved: with many series a fresh one each time would wait for the collector while the next is made. */
  #spare: StateSnapshot | undefined;
  #running: Promise<void> | undefined;
  #failed: unknown;

  constructor(options: CheckpointOptions) {
    this.#o = options;
    this.#from = options.from;
    this.#last = options.clock.elapsed();
  }

  /** Called between two batches; cuts if it is time, and rethrows what went wrong with the last one. */
  async between(place: Place): Promise<void> {
    if (this.#failed) throw this.#failed;
    if (place.last) return this.now(place);
    if (this.#running || !this.#isNew(place) || this.#o.clock.elapsed() - this.#last < this.#o.every) return;
    this.#running = this.#cut(place)
      .catch((cause: unknown) => {
        this.#failed = cause ?? new Error('unknown');
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Cuts and waits until the checkpoint is durable. */
  async now(place: Place): Promise<void> {
    await this.#running;
    if (this.#failed) throw this.#failed;
    if (this.#isNew(place)) await this.#cut(place);
  }

  #isNew({ rows, position }: Place): boolean {
    return rows > this.#from || (this.#position !== '' && JSON.stringify(position) !== this.#position);
  }

  /** Resolves when none is being written any more, however it went. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #cut(place: Place): Promise<void> {
    const { state, store, source, sinks, spill, clock, events } = this.#o;
    const started = clock.elapsed();
    const cut = { from: this.#from, to: place.rows };
    // 0. the cut: between two batches everything is consistent, so a copy of the state is a checkpoint
    const snapshot = state.snapshot(this.#spare);
    this.#spare = undefined;
    const pauseMilliseconds = clock.elapsed() - started;
    this.#from = place.rows;
    this.#position = JSON.stringify(place.position);
    this.#last = started;
    events.emit('checkpoint.started', { rows: place.rows });
    // 1. flush: what was forecast up to the cut becomes durable first; a sink takes its share synchronously, then the line runs on
    const flushed = await Promise.allSettled(sinks.map(async (sink) => sink.flush(cut)));
    for (const each of flushed) if (each.status === 'rejected') throw each.reason;
    // 2. save: from here on a restart begins at the cut
    const { generation, bytes } = await store.save(snapshot as unknown as Saved);
    // 3. commit: the source may forget what lies before the cut
    await source.commit?.(place.position);
    spill.release(snapshot.parts['spill'] as Saved);
    this.#spare = snapshot;
    this.#o.saved?.();
    events.emit('checkpoint.saved', {
      generation,
      rows: place.rows,
      pauseMilliseconds,
      milliseconds: clock.elapsed() - started,
      bytes,
    });
  }
}
