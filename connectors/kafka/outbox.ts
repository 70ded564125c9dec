/** What waits to be sent: in order, bounded, one request at a time. */
import { sizeOf, type Outgoing } from './forecast-messages.ts';

export interface OutboxOptions {
  /** Messages and bytes of one request, and how long (ms) a message waits for others. */
  readonly messages: number;
  readonly bytes: number;
  readonly age: number;
  /** Bytes on their way at which `add` asks to wait. */
  readonly full: number;
  /** Sends messages until they are acknowledged or refused for good, however long it takes. What it throws ends the outbox. */
  send(messages: readonly Outgoing[]): Promise<void>;
}

/**
 * Messages are sent in the order in which they were added; while a request is under way the next one gathers.
 *
 * A failure of `send` is thrown by everything that waits, and by `add` from then on.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #waiting: Outgoing[] = [];
  #waitingBytes = 0;
  /** Bytes of the request that is under way. */
  #sendingBytes = 0;
  #sending = false;
  /** Messages that were ever added, and those of them that are done with. */
  #added = 0;
  #done = 0;
  #timer: NodeJS.Timeout | undefined;
  #waiters: { readonly ready: () => boolean; readonly resolve: () => void; readonly reject: (cause: unknown) => void }[] = [];
  #failure: { readonly cause: unknown } | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Takes messages over; a promise when there is no room for more until it resolves. */
  add(messages: readonly Outgoing[]): void | Promise<void> {
    if (this.#failure) throw this.#failure.cause;
    for (const message of messages) {
      this.#waiting.push(message);
      this.#waitingBytes += sizeOf(message);
    }
    this.#added += messages.length;
    this.#gather();
    const { full } = this.#options;
    if (this.#waitingBytes + this.#sendingBytes >= full)
      return this.#until(() => this.#waitingBytes + this.#sendingBytes < full / 2);
  }

  /** Sends what waits without waiting for more of it; resolves when everything that was added before this call is done with. */
  drained(): Promise<void> {
    const target = this.#added;
    if (this.#failure) return Promise.reject(this.#failure.cause as Error);
    if (this.#done >= target) return Promise.resolve();
    this.#dueUpTo = target;
    this.#gather();
    return this.#until(() => this.#done >= target);
  }

  /** Ends it: what waits is dropped, and whoever waits is told `cause`. */
  fail(cause: unknown): void {
    this.#failure ??= { cause };
    clearTimeout(this.#timer);
    this.#waiting = [];
    this.#waitingBytes = 0;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(this.#failure.cause);
  }

  /** A cut was asked for: messages up to this count do not wait for others. */
  #dueUpTo = 0;

  #gather(): void {
    if (this.#sending || this.#waiting.length === 0) return;
    const { messages, bytes, age } = this.#options;
    if (this.#waiting.length >= messages || this.#waitingBytes >= bytes || this.#dueUpTo > this.#done) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), age);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sending || this.#failure || this.#waiting.length === 0) return;
    this.#sending = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    try {
      const batch = this.#take();
      await this.#options.send(batch);
      this.#done += batch.length;
      this.#sendingBytes = 0;
      this.#sending = false;
    } catch (cause) {
      return this.fail(cause);
    }
    this.#waiters = this.#waiters.filter(({ ready, resolve }) => {
      if (!ready()) return true;
      resolve();
      return false;
    });
    // what gathered during a request has waited long enough
    this.#start();
  }

  #take(): Outgoing[] {
    const { messages, bytes } = this.#options;
    let count = 0;
    while (count < this.#waiting.length && count < messages && this.#sendingBytes < bytes)
      this.#sendingBytes += sizeOf(this.#waiting[count++]!);
    this.#waitingBytes -= this.#sendingBytes;
    return this.#waiting.splice(0, count);
  }

  #until(ready: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters.push({ ready, resolve, reject }));
  }
}
