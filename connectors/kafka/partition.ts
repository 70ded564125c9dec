/** One partition that the group gave to us: what was fetched of it and is not yet read. */
import type { KafkaMessage } from 'kafkajs';
import type { SourceBatch } from '../../src/core/batch.ts';

/** What one batch is made of at most. */
const MESSAGES = 4096;
const BYTES = 262_144;
/** What a reject costs the heap beside the bytes that it keeps. */
const REJECT_BYTES = 1000;

/** Decodes messages of a partition; the arrays are the batch's own. */
export type Decode = (partition: number, messages: readonly KafkaMessage[]) => SourceBatch;

interface Block {
  /** Its `next` is the position after it; records that are never delivered (transaction marks) may lie before that. */
  readonly batch: SourceBatch & { readonly next: number };
  /** Record time of its first message, epoch ms. */
  readonly time: number;
  readonly cost: number;
}

export class Partition {
  readonly id: number;
  /** Offset of the next message to be fetched; undefined until a reader said where to begin. */
  expected: number | undefined;
  /** Offset of the next message to be read. */
  next = 0;
  /** As the broker said last: the oldest offset that it has, and the one after its newest. */
  low = 0;
  high = 0;
  /** The last offset that the group is known to have committed; before it is known, nothing is told, which might be older. */
  committed = Infinity;
  /** Where messages are missing in the row, until it is known why. */
  doubt: number | undefined;
  /** How often in a row the broker said that it no longer has what comes next. */
  gone = 0;
  /** Full: nothing more is fetched of it until it is half empty. */
  full = false;
  /** Since when (ms) the broker has more and we have nothing. */
  lackingSince: number | undefined;
  /** Estimated bytes of memory that the waiting rows hold. */
  cost = 0;
  readonly #revoked = new AbortController();
  #blocks: Block[] = [];

  constructor(id: number) {
    this.id = id;
  }

  /** Aborted when the partition was taken from us. */
  get revoked(): AbortSignal {
    return this.#revoked.signal;
  }

  revoke(): void {
    this.#blocks = [];
    this.#revoked.abort();
  }

  /** Forgets what was fetched: the next message to be read is the one at `offset`. */
  begin(offset: number): void {
    this.expected = this.next = offset;
    this.doubt = this.lackingSince = undefined;
    this.gone = this.cost = 0;
    this.full = false;
    this.#blocks = [];
  }

  /** Whether messages can be read now. */
  get ready(): boolean {
    return this.#blocks.length > 0 && this.doubt === undefined;
  }

  /** Messages that the broker has and nobody read. */
  get lag(): number {
    const read = this.#blocks.length > 0 ? this.next : (this.expected ?? this.next);
    return Math.max(0, Math.max(this.high, this.expected ?? 0) - read);
  }

  /** Record time of the next message, epoch ms. Only where `ready`. */
  get time(): number {
    return this.#blocks[0]!.time;
  }

  /** Event time of the first tick that waits, epoch ms; -Infinity where it is not known. */
  get firstTime(): number {
    return this.#blocks[0]?.batch.times.find((time) => time === time) ?? -Infinity;
  }

  /**
   * Takes a fetched batch that spans `first` to `end`; false where it is not what comes next.
   *
   * It is decoded at once: as objects of the client its messages would hold twenty times the memory that their columns do.
   */
  accept(messages: readonly KafkaMessage[], first: number, end: number, decode: Decode): boolean {
    const { expected } = this;
    if (expected === undefined || end <= expected) return false;
    if (first > expected) this.doubt ??= expected;
    const wanted = first < expected ? messages.filter(({ offset }) => Number(offset) >= expected) : messages;
    this.expected = end;
    for (let at = 0; at < wanted.length;) {
      const from = at;
      for (let room = BYTES; at < wanted.length && at - from < MESSAGES && room > 0; at++) room -= wanted[at]!.value?.length ?? 0;
      const batch = decode(this.id, wanted.slice(from, at));
      const next = at === wanted.length ? end : Number(wanted[at]!.offset);
      const cost = costOf(batch);
      this.#blocks.push({ batch: { ...batch, next }, time: Number(wanted[from]!.timestamp), cost });
      this.cost += cost;
    }
    return true;
  }

  /** Takes note of records that are never delivered: transaction marks, what a transaction took back. */
  skip(first: number, end: number): void {
    if (this.expected !== undefined && first <= this.expected && end > this.expected) this.expected = end;
  }

  /** The next rows. Only where `ready`. */
  take(): SourceBatch {
    const { batch, cost } = this.#blocks.shift()!;
    this.cost -= cost;
    this.next = batch.next;
    return batch;
  }
}

function costOf({ times, channels, ids, rejects = [] }: SourceBatch): number {
  const columns = 2.5 + channels.length + (ids ? 1 : 0);
  const kept = rejects.reduce((sum, { bytes, key }) => sum + REJECT_BYTES + (bytes?.length ?? 0) + (key?.length ?? 0), 0);
  return 8 * columns * times.length + kept;
}
