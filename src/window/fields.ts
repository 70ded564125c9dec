/** What a bar says about its ticks: the fields, and the few running numbers that they are worked out from. */
import { TidecastError } from '../core/errors.ts';

export type FieldKind = 'open' | 'high' | 'low' | 'close' | 'mean' | 'sum' | 'count' | 'last';

/** One value of a bar, worked out from one channel of its ticks. `last` is another name for `close`. */
export interface BarField {
  readonly name: string;
  /** Number of the channel. */
  readonly channel: number;
  readonly of: FieldKind;
}

type Running = 'open' | 'high' | 'low' | 'last' | 'sum';
const RUNNING: Readonly<Record<FieldKind, Running | undefined>> = {
  open: 'open',
  high: 'high',
  low: 'low',
  close: 'last',
  last: 'last',
  mean: 'sum',
  sum: 'sum',
  count: undefined,
};

/**
 * Layout of a pane (the ticks of one stretch): their count, then the running numbers that the fields need, each once.
 * Sums that leave the range of doubles stay at its edge, so that a bar is always finite.
 * Throws `WINDOW_FIELD` for a field without a channel.
 */
export class Fields {
  readonly length: number;
  /** Numbers a pane takes. */
  readonly width: number;
  readonly #fields: readonly { readonly of: FieldKind; readonly at: number; readonly last: number }[];
  readonly #running: { readonly kind: Running; readonly channel: number }[] = [];

  constructor(fields: readonly BarField[], channels: number) {
    this.length = fields.length;
    this.#fields = fields.map(({ name, channel, of }) => {
      if (!(channel >= 0 && channel < channels) || !(of in RUNNING))
        throw new TidecastError('WINDOW_FIELD', { field: name, channel, of });
      const kind = RUNNING[of];
      const still = kind === undefined || kind === 'sum' ? of === 'mean' : true;
      return { of, at: kind === undefined ? 0 : this.#place(kind, channel), last: still ? this.#place('last', channel) : -1 };
    });
    this.width = 1 + this.#running.length;
  }

  /** Adds a tick to the pane at `panes[at ..]`. */
  add(panes: Float64Array, at: number, channels: readonly Float64Array[], row: number): void {
    const first = panes[at] === 0;
    panes[at]! += 1;
    for (let r = 0; r < this.#running.length; r++) {
      const { kind, channel } = this.#running[r]!;
      const value = channels[channel]![row]!;
      panes[at + 1 + r] = first ? value : next(kind, panes[at + 1 + r]!, value);
    }
  }

  /** Adds a later pane to an earlier one. */
  join(into: Float64Array, panes: Float64Array, at: number): void {
    const first = into[0] === 0;
    into[0]! += panes[at]!;
    for (let r = 0; r < this.#running.length; r++) {
      const value = panes[at + 1 + r]!;
      into[1 + r] = first ? value : next(this.#running[r]!.kind, into[1 + r]!, value);
    }
  }

  /** The fields of a pane. */
  values(pane: Float64Array, at: number, into: Float64Array): void {
    this.#fields.forEach((field, f) => {
      const value = pane[at + field.at]!;
      into[f] = field.of === 'mean' ? value / pane[at]! : value;
    });
  }

  /** The fields of a bar without ticks that follows: prices stand where they were, sums and counts are 0. */
  still(pane: Float64Array, at: number, into: Float64Array): void {
    this.#fields.forEach((field, f) => {
      into[f] = field.last < 0 ? 0 : pane[at + field.last]!;
    });
  }

  #place(kind: Running, channel: number): number {
    const known = this.#running.findIndex((running) => running.kind === kind && running.channel === channel);
    return 1 + (known >= 0 ? known : this.#running.push({ kind, channel }) - 1);
  }
}

function next(kind: Running, before: number, value: number): number {
  switch (kind) {
    case 'open':
      return before;
    case 'high':
      return value > before ? value : before;
    case 'low':
      return value < before ? value : before;
    case 'last':
      return value;
    case 'sum':
      return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, before + value));
  }
}
