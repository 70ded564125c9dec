/**
 * One queue of lines on their way to InfluxDB, strictly in order, one request at a time.
 *
 * The sink has two of these, so that the server works on one request while the next is on its way. A series always goes through the same
 * one. So two values of one field of one point (the same forecast written again with other numbers) are never in two requests at
 * once, where either could win: within a request the later line wins, and the next request waits for the answer of the one before.
 */
import { halves, pointText, type Chunk } from './chunk.ts';
import type { Gathered } from './forecast-lines.ts';

/** What a queue needs of its sink. */
export interface Outlet {
  /** Lines in one request where there are so many; never more than twice as many. */
  readonly points: number;
  /** How long a line waits for company, ms. */
  readonly age: number;
  /** Sends until there is a verdict about the points; waits out what passes. */
  send(chunk: Chunk): Promise<{ readonly taken: boolean; readonly reason: string }>;
  /** Takes points that will never be stored; durable when it resolves. */
  refuse(points: readonly { readonly reason: string; readonly point: string }[]): Promise<void>;
  /** A chunk is through: there may be room. */
  room(): void;
  /** Nothing more will be sent. */
  failed(cause: unknown): void;
}

/** See the top of this file. */
export class WriteQueue {
  /** Where lines are added; call `added` afterwards. */
  readonly lines: Gathered = { text: '', points: 0 };
  readonly #outlet: Outlet;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #bytes = 0;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;
  #failed = false;

  constructor(outlet: Outlet) {
    this.#outlet = outlet;
  }

  /** Bytes of closed chunks that are not through. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lines were added: they go when they are enough, or old enough. */
  added(): void {
    const { points } = this.lines;
    if (points === 0) return;
    this.#since ||= performance.now();
    if (points >= this.#outlet.points) this.send();
    // while a request is under way, lines gather anyway
    else if (this.#waiting === 0) this.#timer ??= setTimeout(() => this.send(), this.#outlet.age);
  }

  /** Puts what was added so far on its way, whatever its age. */
  send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#since = 0;
    const { text, points } = this.lines;
    if (points === 0) return;
    this.lines.text = '';
    this.lines.points = 0;
    this.push({ body: Buffer.from(text), points });
  }

  /** Puts a chunk on its way behind all others. Without points it only asks whether writing is possible. */
  push(chunk: Chunk): void {
    this.#waiting++;
    this.#bytes += chunk.body.length;
    this.#last = this.#last.then(() => this.#deliver(chunk));
    this.#last.catch(() => undefined);
  }

  /** Resolves when everything on its way now is stored or durably refused. */
  settled(): Promise<void> {
    return this.#last;
  }

  /** Lines that still wait for company will not be sent. */
  stop(): void {
    this.#failed = true;
    clearTimeout(this.#timer);
  }

  async #deliver(chunk: Chunk): Promise<void> {
    try {
      const refused: { reason: string; point: string }[] = [];
      await this.#store(chunk, refused);
      if (refused.length > 0) await this.#outlet.refuse(refused);
    } catch (error) {
      this.stop();
      this.#outlet.failed(error);
      throw error;
    } finally {
      this.#waiting--;
      this.#bytes -= chunk.body.length;
      if (this.#waiting === 0 && !this.#failed) this.#next();
      this.#outlet.room();
    }
  }

  /** Halves what is not taken until the points that are at fault stand alone. Sending a stored point again changes nothing. */
  async #store(chunk: Chunk, refused: { reason: string; point: string }[]): Promise<void> {
    // one large batch of forecasts may be more than a request should hold, or can within its deadline
    if (chunk.points <= 2 * this.#outlet.points) {
      const { taken, reason } = await this.#outlet.send(chunk);
      if (taken || chunk.points === 0) return;
      if (chunk.points === 1) return void refused.push({ reason, point: pointText(chunk) });
    }
    for (const half of halves(chunk)) await this.#store(half, refused);
  }

  #next(): void {
    if (this.lines.points === 0) return;
    const left = this.#outlet.age - (performance.now() - this.#since);
    if (left <= 0) this.send();
    else this.#timer ??= setTimeout(() => this.send(), left);
  }
}
