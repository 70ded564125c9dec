/** The record of every retraining: written before new weights take effect, so that a restart repeats history and not the training. */
import { join } from 'node:path';
import type { WeightsVersion } from '../forecast/weights.ts';
import { loadModel, saveModel, type ModelFile } from '../nn/files.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import type { ModelIdentity } from './model-identity.ts';
import { RecordLog } from './record-log.ts';
import { writing } from './state-write.ts';

export interface SwapRecord {
  /** Event time of the trigger, epoch ms. */
  readonly trigger: number;
  /** `rollback`: to the weights of `to`, because it was asked for. `given`: what the line began with. */
  readonly mode: 'exact' | 'asap' | 'rollback' | 'given';
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

/** What is kept of a training with its weights. */
export interface TrainingFacts {
  /** Rows of the longest series. */
  readonly longest: number;
  readonly updates: number;
  readonly clipped: number;
  /** Largest gradient norm met before clipping. */
  readonly largest: number;
}

/** `swaps.jsonl` and `weights/<version>-<hash>/` in the state folder. */
export class SwapLog {
  readonly #log: RecordLog<SwapRecord>;
  readonly #fits: ModelIdentity | undefined;

  /** `fits`: kept with all weights, so that they are known again as a model of such a pipeline. */
  constructor(folder: string, fits?: ModelIdentity) {
    this.#log = new RecordLog(folder, SWAPS);
    this.#fits = fits;
  }

  get records(): readonly SwapRecord[] {
    return this.#log.records;
  }

  find(trigger: number, mode: SwapRecord['mode']): SwapRecord | undefined {
    return this.records.find((record) => record.trigger === trigger && record.mode === mode);
  }

  /** Makes weights durable, then the record; only then may they be used. */
  write(record: SwapRecord, shape: NetworkShape | undefined, weights: Weights, training?: TrainingFacts): void {
    if (record.version > 0)
      writing(this.#log.folder, () =>
        saveModel(weightsFolder(this.#log.folder, record), this.modelOf(record, shape, weights, training)),
      );
    this.#log.append(record);
  }

  /** Trained weights as a model of this pipeline. */
  modelOf(
    { trigger, version }: Pick<SwapRecord, 'trigger' | 'version'>,
    shape: NetworkShape | undefined,
    weights: Weights,
    training?: TrainingFacts,
  ): ModelFile {
    const fits = this.#fits;
    return { shape, weights, meta: { trigger, version, ...(fits && { fits }), ...(training && { training }) } };
  }

  /** Keeps what a line begins with, once: it is a version like others, and the folder that it came from may go. */
  begin(trigger: number, { version, hash, weights }: WeightsVersion, shape: NetworkShape | undefined): void {
    const known = this.records.some((record) => record.mode === 'given' && record.hash === hash);
    // one from elsewhere has no time
    if (known || !Number.isFinite(trigger)) return;
    const none = { rows: 0, position: {}, champion: null, challenger: null };
    this.write({ trigger, mode: 'given', version, hash, ...none }, shape, weights);
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
