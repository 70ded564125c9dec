/** Several gates as one: each is passed at its own triggers, in the order of time. */
import type { Position } from '../core/position.ts';
import type { Gate } from '../stream/ingest.ts';

/** Joins gates of one mode; where two have the same trigger, they are passed in the order given. */
export class Gates implements Gate {
  readonly exact: boolean;
  readonly #gates: readonly Gate[];

  constructor(gates: readonly [Gate, ...Gate[]]) {
    this.#gates = gates;
    this.exact = gates[0].exact;
  }

  get trigger(): number {
    return Math.min(...this.#gates.map(({ trigger }) => trigger));
  }

  /** The first place: records are of one line, so the one before lies before in every partition. */
  get swapAt(): Position | undefined {
    const places = this.#gates.map(({ swapAt }) => swapAt).filter((place) => place !== undefined);
    return places.reduce<Position | undefined>((first, place) => (first && sum(first) <= sum(place) ? first : place), undefined);
  }

  start(time: number): void {
    for (const gate of this.#gates) gate.start(time);
  }

  async pass(next: number, newest: number, last?: boolean): Promise<void> {
    const { trigger } = this;
    for (const gate of this.#gates) if (gate.trigger === trigger) await gate.pass(next, newest, last);
  }

  async between(rows: number, position: Position): Promise<void> {
    for (const gate of this.#gates) await gate.between(rows, position);
  }
}

function sum(position: Position): number {
  return Object.values(position).reduce((all, offset) => all + offset, 0);
}
