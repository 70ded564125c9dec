/** One partition that the group gave to us: what was fetched of it and is not yet read. */
import type { KafkaMessage } from 'kafkajs';

/** What a message costs the heap beside its own bytes: it is an object of a dozen fields in the client. */
const OBJECT_BYTES = 600;

interface Block {
  readonly messages: readonly KafkaMessage[];
  /** The position after it; records that are never delivered (transaction marks) may lie before it. */
  readonly end: number;
}

export class Partition {
  readonly id: number;
  /** Offset of the next message to be fetched; undefined until a reader said where to begin. */
  expected: number | undefined;
  /** Offset of the next message to be read. */
  next = 0;
  /** Whether anything was read since the reader began. */
  touched = false;
  /** Event time of its first tick, where that was looked up. */
  firstTime: number | undefined;
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
  /** Estimated bytes of heap that the waiting messages hold. */
  cost = 0;
  readonly #revoked = new AbortController();
  #blocks: Block[] = [];
  #at = 0;

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
    this.touched = false;
    this.doubt = this.lackingSince = this.firstTime = undefined;
    this.gone = this.cost = this.#at = 0;
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
    return Number(this.#blocks[0]!.messages[this.#at]!.timestamp);
  }

  /** The next messages, left where they are. Only where `ready`. */
  peek(count: number): readonly KafkaMessage[] {
    return this.#blocks[0]!.messages.slice(this.#at, this.#at + count);
  }

  /** Takes a fetched batch that spans `first` to `end`; false where it is not what comes next. */
  accept(messages: readonly KafkaMessage[], first: number, end: number): boolean {
    const { expected } = this;
    if (expected === undefined || end <= expected) return false;
    if (first > expected) this.doubt ??= expected;
    const wanted = first < expected ? messages.filter(({ offset }) => Number(offset) >= expected) : messages;
    this.expected = end;
    if (wanted.length === 0) return true;
    this.#blocks.push({ messages: wanted, end });
    for (const message of wanted) this.cost += costOf(message);
    return true;
  }

  /** Takes note of records that are never delivered: transaction marks, what a transaction took back. */
  skip(first: number, end: number): void {
    if (this.expected !== undefined && first <= this.expected && end > this.expected) this.expected = end;
  }

  /** The next messages, at most so many and about so many bytes, and the position after them. Only where `ready`. */
  take(count: number, bytes: number): { messages: readonly KafkaMessage[]; next: number } {
    const { messages, end } = this.#blocks[0]!;
    const from = this.#at;
    for (let room = bytes; this.#at < messages.length && this.#at - from < count && room > 0; this.#at++) {
      const message = messages[this.#at]!;
      this.cost -= costOf(message);
      room -= message.value?.length ?? 0;
    }
    const taken = messages.slice(from, this.#at);
    const whole = this.#at === messages.length;
    this.next = whole ? end : Number(messages[this.#at - 1]!.offset) + 1;
    if (whole) {
      this.#blocks.shift();
      this.#at = 0;
    }
    this.touched = true;
    return { messages: taken, next: this.next };
  }
}

function costOf({ value, key }: KafkaMessage): number {
  return OBJECT_BYTES + (value?.length ?? 0) + (key?.length ?? 0);
}
