/** Back to earlier weights: asked for by a file in the state folder, carried out between two batches, recorded like a swap. */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { EventBus } from '../core/events.ts';
import { reached, type Position } from '../core/position.ts';
import type { WeightsBox } from '../forecast/weights.ts';
import type { NetworkShape } from '../nn/shape.ts';
import type { Gate } from '../stream/ingest.ts';
import { syncFolder, writeWhole, writing } from './state-write.ts';
import type { SwapLog, SwapRecord } from './swap-log.ts';

const FILE = 'rollback.json';

export interface RollbackRequest {
  /** Tells requests apart: one that is recorded is done. */
  readonly id: string;
  /** The version to go back to. */
  readonly to: number;
}

/** Asks for it, durably; a request before it that was not taken up yet is replaced. */
export function requestRollback(folder: string, to: number): RollbackRequest {
  const request = { id: randomUUID(), to };
  const file = join(folder, FILE);
  writing(folder, () => {
    const draft = openSync(`${file}.tmp`, 'w');
    try {
      writeWhole(draft, Buffer.from(JSON.stringify(request)));
      fsyncSync(draft);
    } finally {
      closeSync(draft);
    }
    renameSync(`${file}.tmp`, file);
    syncFolder(folder);
  });
  return request;
}

/** The request that waits in a folder, if there is one. */
export function readRollback(folder: string): RollbackRequest | undefined {
  const file = join(folder, FILE);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RollbackRequest) : undefined;
}

/** What goes back: all trained models, a network among them or not. */
interface Trained {
  readonly box: WeightsBox;
  readonly shape: NetworkShape | undefined;
}

/** Requests of a folder; the file is looked for at the start and after each `look`. */
export class RollbackRequests {
  readonly #folder: string;
  #looking = true;

  constructor(folder: string) {
    this.#folder = folder;
  }

  look(): void {
    this.#looking = true;
  }

  take(): RollbackRequest | undefined {
    if (!this.#looking) return undefined;
    this.#looking = false;
    return readRollback(this.#folder);
  }

  done(): void {
    writing(this.#folder, () => rmSync(join(this.#folder, FILE), { force: true }));
  }
}

/** The gate of rollbacks: it has no triggers of its own; what is recorded is repeated at its position, in either mode. */
export class Rollback implements Gate {
  readonly trigger = Infinity;
  readonly exact: boolean;
  readonly #trained: Trained;
  readonly #log: SwapLog;
  readonly #requests: RollbackRequests;
  readonly #events: EventBus;
  /** The rollbacks among the first so many records. */
  #back: readonly SwapRecord[] = [];
  #read = 0;

  constructor(trained: Trained, log: SwapLog, requests: RollbackRequests, events: EventBus, exact: boolean) {
    this.#trained = trained;
    this.#log = log;
    this.#requests = requests;
    this.#events = events;
    this.exact = exact;
  }

  get swapAt(): Position | undefined {
    return this.#due?.position;
  }

  /** Versions only grow, so those above the one in force are still to come. */
  get #due(): SwapRecord | undefined {
    const { records } = this.#log;
    // asked for at every batch, and there may be thousands of records of trainings
    if (records.length !== this.#read) this.#back = records.filter(({ mode }) => mode === 'rollback');
    this.#read = records.length;
    return this.#back.find(({ version }) => version > this.#trained.box.current.version);
  }

  start(): void {
    // nothing depends on when the input begins
  }

  async pass(): Promise<void> {
    // it has no triggers
  }

  async between(rows: number, position: Position): Promise<void> {
    const due = this.#due;
    if (due) return reached(position, due.position) ? this.#swap(due) : undefined;
    const request = this.#requests.take();
    if (!request) return;
    const { records } = this.#log;
    const back = records.findLast(({ version }) => version === request.to);
    if (back && !records.some(({ request: id }) => id === request.id)) {
      const record: SwapRecord = {
        ...back,
        ...{ mode: 'rollback', rows, position, to: back.version, request: request.id },
        // above every recorded one, those of triggers still to come included
        version: Math.max(...records.map(({ version }) => version), this.#trained.box.current.version) + 1,
      };
      this.#log.write(record, this.#trained.shape, this.#log.weights(back));
      this.#swap(record);
    }
    this.#requests.done();
  }

  #swap(record: SwapRecord): void {
    const { version, trigger } = record;
    const { hash } = this.#trained.box.swap(-Infinity, this.#log.weights(record), version);
    this.#events.emit('weights.swapped', { trigger, version, hash });
  }
}
