/** How far the line has come, as its events tell: what `/ready` judges and `/metrics` shows. */
import type { Clock } from '../core/clock.ts';
import type { EventBus } from '../core/events.ts';

/** Follows the events of one run. Times are `Clock.elapsed()`, ms. */
export class Progress {
  readonly startedAt: number;
  /** Whether there is a line, or a source that has no partition for this process yet. */
  phase: 'starting' | 'running' | 'stopped' = 'starting';
  /** Rows ingested by this run. */
  rows = 0;
  /** Newest event time, epoch ms; NaN before the first. */
  time = NaN;
  /** When the last checkpoint became durable. */
  savedAt: number | undefined;
  /** Since when there are rows that no checkpoint holds. */
  unsavedSince: number | undefined;
  training = false;
  /** What each end that waits for its server says, by its name. */
  readonly waiting = new Map<string, string>();
  /** By source and partition: messages still to be read; NaN until it is known. */
  readonly lags = new Map<string, Map<number, number>>();
  readonly #clock: Clock;
  #movedAt: number;
  /** Where each partition is a line of its own there are several, and they come and go. */
  #lines = 0;

  constructor(clock: Clock, events: EventBus) {
    this.#clock = clock;
    this.startedAt = this.#movedAt = clock.elapsed();
    events.on('run.started', () => {
      this.phase = 'running';
      this.#lines += 1;
      this.#movedAt = clock.elapsed();
    });
    events.on('run.stopped', () => {
      this.#lines -= 1;
      if (this.#lines <= 0 && this.lags.size === 0) this.phase = 'stopped';
    });
    events.on('ticks.ingested', ({ rows, time }) => this.#ingested(rows, time));
    events.on('checkpoint.saved', ({ milliseconds }) => this.#saved(milliseconds));
    events.on('training.started', () => (this.training = true));
    for (const name of ['training.finished', 'training.failed'] as const) events.on(name, () => (this.training = false));
    events.on('source.waiting', ({ source, reason }) => void this.waiting.set(source, reason));
    events.on('source.connected', ({ source }) => void this.waiting.delete(source));
    events.on('sink.waiting', ({ sink, reason }) => void this.waiting.set(sink, reason));
    for (const name of ['sink.connected', 'sink.written'] as const) events.on(name, ({ sink }) => void this.waiting.delete(sink));
    events.on('source.assigned', ({ source, partitions }) => {
      this.phase = 'running';
      const before = this.#lagsOf(source);
      this.lags.set(source, new Map(partitions.map((partition) => [partition, before.get(partition) ?? NaN])));
    });
    events.on('source.revoked', ({ source, partitions }) => {
      for (const partition of partitions) this.#lagsOf(source).delete(partition);
    });
    events.on('source.lag', ({ source, partition, lag }) => void this.#lagsOf(source).set(partition, lag));
  }

  /** Whether nothing is left to be read, as far as the source tells: every partition of this process has a lag of 0. */
  get caughtUp(): boolean {
    return (
      this.lags.size > 0 && [...this.lags.values()].every((byPartition) => [...byPartition.values()].every((lag) => lag === 0))
    );
  }

  /** Milliseconds since something went forward, or since there last was nothing to do. */
  get still(): number {
    return this.caughtUp ? 0 : this.#clock.elapsed() - this.#movedAt;
  }

  /** The lags of a source that are about to change: until now it may have had nothing to do. */
  #lagsOf(source: string): Map<number, number> {
    if (this.caughtUp) this.#movedAt = this.#clock.elapsed();
    const known = this.lags.get(source) ?? new Map<number, number>();
    this.lags.set(source, known);
    return known;
  }

  #ingested(rows: number, time: number): void {
    if (Number.isFinite(time)) this.time = time;
    if (rows === 0) return;
    this.rows += rows;
    this.#movedAt = this.#clock.elapsed();
    this.unsavedSince ??= this.#movedAt;
  }

  #saved(milliseconds: number): void {
    this.savedAt = this.#clock.elapsed();
    const cutAt = this.savedAt - milliseconds;
    this.unsavedSince = this.#movedAt > cutAt && this.unsavedSince !== undefined ? cutAt : undefined;
  }
}
