/** The record of every retraining: written before new weights take effect, so that a restart repeats history and not the training. */
import { join } from 'node:path';
import { loadModel, saveModel } from '../nn/files.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { RecordLog } from './record-log.ts';
import { writing } from './state-write.ts';

export interface SwapRecord {
  /** Event time of the trigger, epoch ms. */
  readonly trigger: number;
  /** `rollback`: to the weights of `to`, because it was asked for. */
  readonly mode: 'exact' | 'asap' | 'rollback';
  /** Rows ingested at which the weights took effect; not used in `exact` mode. */
  readonly rows: number;
  /** Position of the source there. */
  readonly position: Readonly<Record<string, number>>;
  /** 0: the challenger was refused, the weights stay. */
  readonly version: number;
  readonly hash: string;
  readonly champion: number | null;
  readonly challenger: number | null;
  /** Of a rollback: the version gone back to, and the request. */
  readonly to?: number;
  readonly request?: string;
}

/** `swaps.jsonl` and `weights/<version>-<hash>/` in the state folder. */
export class SwapLog {
  readonly #log: RecordLog<SwapRecord>;

  constructor(folder: string) {
    this.#log = new RecordLog(folder, SWAPS);
  }

  get records(): readonly SwapRecord[] {
    return this.#log.records;
  }

  find(trigger: number, mode: SwapRecord['mode']): SwapRecord | undefined {
    return this.records.find((record) => record.trigger === trigger && record.mode === mode);
  }

  /** Makes weights durable, then the record; only then may they be used. */
  write(
    record: SwapRecord,
    shape: NetworkShape | undefined,
    weights: Weights,
    training?: { readonly updates: number; readonly clipped: number; readonly largest: number },
  ): void {
    if (record.version > 0)
      writing(this.#log.folder, () =>
        saveModel(weightsFolder(this.#log.folder, record), {
          shape,
          weights,
          meta: { trigger: record.trigger, version: record.version, ...(training && { training }) },
        }),
      );
    this.#log.append(record);
  }

  weights(record: SwapRecord): Weights {
    return loadModel(weightsFolder(this.#log.folder, record)).weights;
  }
}

/** In a state folder, the folder of the shadow's swaps and weights. */
export const SHADOW = 'shadow';
/** The records' file in a state folder. */
export const SWAPS = 'swaps.jsonl';

/** Where the weights of a record are. */
export function weightsFolder(folder: string, { version, hash }: Pick<SwapRecord, 'version' | 'hash'>): string {
  return join(folder, 'weights', `${String(version).padStart(6, '0')}-${hash}`);
}
