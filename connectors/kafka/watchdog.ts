/** Sees to it that a consumer never stays up and silent, and that a broker that is away is spoken of. */
import { systemClock } from '../../src/core/clock.ts';
import { duration } from '../../src/core/duration.ts';
import type { EventBus } from '../../src/core/events.ts';
import type { GroupConsumer } from './consumer.ts';

const LOOK_EVERY = 1000;
const TELL_EVERY = 10_000;

export class Watchdog {
  readonly #endpoint: string;
  readonly #sessionTimeout: number;
  readonly #events: EventBus;
  #timer: NodeJS.Timeout | undefined;
  #reason: string | undefined;
  #since = 0;
  #told = 0;

  constructor(endpoint: string, sessionTimeout: number, events: EventBus) {
    this.#endpoint = endpoint;
    this.#sessionTimeout = sessionTimeout;
    this.#events = events;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tell(), LOOK_EVERY);
    this.awaits('not connected yet');
  }

  /** What is wrong, and for how long; undefined where all is well. */
  get trouble(): string | undefined {
    if (this.#reason === undefined) return undefined;
    return `${this.#reason} (for ${duration(Math.round((systemClock.elapsed() - this.#since) / 1000) * 1000)})`;
  }

  /** Something takes its time: told if it lasts. */
  awaits(reason: string): void {
    if (this.#reason === undefined) this.#since = this.#told = systemClock.elapsed();
    this.#reason = reason;
  }

  /** Something is wrong that may pass: told at once, then every ten seconds. */
  ails(reason: string): void {
    const news = this.#told === this.#since;
    this.awaits(reason);
    if (news) this.#told = -Infinity;
    this.#tell();
  }

  /** The broker took a sign of life from us. */
  fine(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#told = this.#since;
    this.#events.emit('source.connected', { source: 'kafka', endpoint: this.#endpoint });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Watches a consumer until the signal is aborted, and ends it when it has been silent for too long. */
  async watch(consumer: GroupConsumer, signal: AbortSignal): Promise<void> {
    let before = systemClock.elapsed();
    for (;;) {
      await systemClock.sleep(LOOK_EVERY, signal);
      if (signal.aborted) return;
      const now = systemClock.elapsed();
      consumer.tick(now - before);
      before = now;
      // joining waits for every other member of the group
      const limit = (consumer.joined ? 2 : 4) * this.#sessionTimeout;
      if (consumer.quiet > limit) return void consumer.end(new Error(`no sign of life for ${duration(limit)}`), 0);
      // heartbeats are a tenth of the session apart, and a quarter of it is enough to worry
      const worry = Math.max(3000, this.#sessionTimeout / 4);
      if (consumer.joined && consumer.quiet > worry) this.ails('the broker does not answer');
      else if (consumer.joined) this.fine();
    }
  }

  #tell(): void {
    const now = systemClock.elapsed();
    if (this.#reason === undefined || now - this.#told < TELL_EVERY) return;
    this.#told = now;
    this.#events.emit('source.waiting', { source: 'kafka', endpoint: this.#endpoint, reason: this.#reason });
  }
}
