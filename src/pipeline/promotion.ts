/** Who is in charge: the pipeline's own forecast or its shadow; decided at moments of event time, written down before it takes effect. */
import type { EventBus } from '../core/events.ts';
import { reached, type Position } from '../core/position.ts';
import type { Saved, State, Stateful } from '../core/state.ts';
import type { Duel } from '../forecast/duel.ts';
import type { Gate } from '../stream/ingest.ts';
import { firstTrigger, nextTrigger } from '../train/schedule.ts';
import type { RecordLog } from './record-log.ts';

export interface PromotionRecord {
  /** Event time of the decision, epoch ms. */
  readonly trigger: number;
  readonly mode: 'exact' | 'asap';
  /** Rows ingested, and position of the source, where it took effect; used in `asap` mode. */
  readonly rows: number;
  readonly position: Readonly<Record<string, number>>;
  /** 0: the pipeline's own forecast, 1: the shadow's. */
  readonly charge: 0 | 1;
  /** By step ahead: how much lower its MAE was, as a share. */
  readonly gains: readonly number[];
  /** Rows of the first target that this was seen on. */
  readonly scored: number;
}

/** The records' file in a state folder. */
export const PROMOTIONS = 'promotions.jsonl';
/** Intervals between two moments at which is looked whether there are rows enough. */
const LOOK = 64;

export interface PromotionOptions {
  readonly state: State;
  readonly duel: Duel;
  /** Names of the pipeline's own forecast and of the shadow. */
  readonly names: readonly [string, string];
  readonly interval: number;
  /** Share by which the MAE must be lower at every step ahead, over so many rows. */
  readonly margin: number;
  readonly rows: number;
  readonly exact: boolean;
  readonly log: RecordLog<PromotionRecord>;
  readonly events: EventBus;
}

/**
 * The gate of promotions. Every `rows` scored rows, at the next whole multiple of 64 intervals, the round is closed; who was not in charge
 * takes over if its MAE was lower by the margin at every step ahead.
 *
 * `exact`: all rows up to that moment are in and no others, and every later row is sent out by the one that takes over. `asap`: it takes over
 * between two batches, at a position that is written down first; a restart finds the record and repeats it there.
 */
export class Promotion implements Gate, Stateful {
  readonly exact: boolean;
  readonly #o: PromotionOptions;
  #trigger = Infinity;
  /** `asap`: the newest decision in force, and the one that takes effect between two batches. */
  #settled = -Infinity;
  #decided: Omit<PromotionRecord, 'rows' | 'position'> | undefined;

  constructor(options: PromotionOptions) {
    this.#o = options;
    this.exact = options.exact;
    options.state.add('promotion', this);
  }

  get trigger(): number {
    return this.#trigger;
  }

  get swapAt(): Position | undefined {
    return this.#due?.position;
  }

  get #due(): PromotionRecord | undefined {
    if (this.exact) return undefined;
    return this.#o.log.records.find(({ mode, trigger }) => mode === 'asap' && trigger > this.#settled);
  }

  start(time: number): void {
    this.#trigger = firstTrigger(time, LOOK * this.#o.interval);
  }

  async pass(next: number, newest: number, last = false): Promise<void> {
    const trigger = this.#trigger;
    const { duel, rows, log } = this.#o;
    if (duel.rows >= rows) {
      const decided = this.#decide(trigger);
      const known = this.exact && log.records.some((record) => record.mode === 'exact' && record.trigger === trigger);
      if (decided && this.exact) {
        // rows up to the trigger may follow when the input grows: at its end this is no history to repeat
        const record = { ...decided, rows: 0, position: {} };
        if (!known && !last) log.append(record);
        this.#take(record);
      } else if (decided && !last && !this.#due) this.#decided = decided;
    }
    this.#trigger = nextTrigger(trigger, next, LOOK * this.#o.interval, 1, newest);
  }

  async between(rows: number, position: Position): Promise<void> {
    const due = this.#due;
    if (due) {
      if (!reached(position, due.position)) return;
      this.#settled = due.trigger;
      this.#take(due);
    } else if (this.#decided) {
      const record = { ...this.#decided, rows, position };
      this.#o.log.append(record);
      this.#settled = record.trigger;
      this.#take(record);
    }
    this.#decided = undefined;
  }

  /** Closes the round; who takes over, if anybody does. */
  #decide(trigger: number): Omit<PromotionRecord, 'rows' | 'position'> | undefined {
    const { duel, margin } = this.#o;
    const scored = duel.rows;
    const steps = duel.close();
    if (!steps.every(({ n, gain }) => n > 0 && gain >= margin)) return undefined;
    const charge = duel.charge === 0 ? 1 : 0;
    return { trigger, mode: this.exact ? 'exact' : 'asap', charge, gains: steps.map(({ gain }) => gain), scored };
  }

  #take({ trigger, charge, gains, scored }: PromotionRecord): void {
    this.#o.duel.charge = charge;
    this.#o.events.emit('model.promoted', { trigger, name: this.#o.names[charge], gain: Math.min(...gains), rows: scored });
  }

  snapshot(): Saved {
    return Float64Array.of(this.#trigger, this.exact ? this.#trigger - LOOK * this.#o.interval : this.#settled);
  }

  restore(saved: Saved): void {
    [this.#trigger, this.#settled] = saved as unknown as [number, number];
  }
}
