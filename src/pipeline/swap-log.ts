/** The record of every retraining: written before new weights take effect, so that a restart repeats history and not the training. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import { loadModel, saveModel } from '../nn/files.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { writeWhole, writing } from './state-write.ts';

export interface SwapRecord {
  /** Event time of the trigger, epoch ms. */
  readonly trigger: number;
  readonly mode: 'exact' | 'asap';
  /** Rows ingested at which the weights took effect; used in `asap` mode. */
  readonly rows: number;
  /** Position of the source there. */
  readonly position: Readonly<Record<string, number>>;
  /** 0: the challenger was refused, the weights stay. */
  readonly version: number;
  readonly hash: string;
  readonly champion: number | null;
  readonly challenger: number | null;
}

/** `swaps.jsonl` and `weights/<version>-<hash>/` in the state folder. */
export class SwapLog {
  readonly #folder: string;
  readonly #records: SwapRecord[] = [];

  /** Reads what is there; a torn last line was never in effect and is cut off. */
  constructor(folder: string) {
    this.#folder = folder;
    writing(folder, () => mkdirSync(folder, { recursive: true }));
    if (!existsSync(this.#file)) return;
    const text = readFileSync(this.#file);
    const whole = text.lastIndexOf(0x0a) + 1;
    if (whole < text.length) truncateSync(this.#file, whole);
    const lines = text.toString('utf8', 0, whole).split('\n').slice(0, -1);
    lines.forEach((line, i) => {
      try {
        this.#records.push(JSON.parse(line) as SwapRecord);
      } catch (cause) {
        throw new TidecastError('STATE_DAMAGED', { file: this.#file, line: i + 1 }, { cause });
      }
    });
  }

  get #file(): string {
    return join(this.#folder, 'swaps.jsonl');
  }

  get records(): readonly SwapRecord[] {
    return this.#records;
  }

  find(trigger: number, mode: SwapRecord['mode']): SwapRecord | undefined {
    return this.#records.find((record) => record.trigger === trigger && record.mode === mode);
  }

  /** Makes weights durable, then the record; only then may they be used. */
  write(record: SwapRecord, shape: NetworkShape | undefined, weights: Weights): void {
    writing(this.#folder, () => {
      if (record.version > 0)
        saveModel(this.#weightsFolder(record), { shape, weights, meta: { trigger: record.trigger, version: record.version } });
      const file = openSync(this.#file, 'a');
      try {
        writeWhole(file, Buffer.from(`${JSON.stringify(record)}\n`));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
    this.#records.push(record);
  }

  weights(record: SwapRecord): Weights {
    return loadModel(this.#weightsFolder(record)).weights;
  }

  #weightsFolder({ version, hash }: SwapRecord): string {
    return join(this.#folder, 'weights', `${String(version).padStart(6, '0')}-${hash}`);
  }
}
