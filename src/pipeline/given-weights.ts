/** A model that a line begins with: trained weights from a folder, for rows later than those that they learned from. */
import { resolve } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import type { Saved, Stateful } from '../core/state.ts';
import type { Inputs } from '../forecast/inputs.ts';
import { RIDGE, ridgeSize } from '../forecast/ridge.ts';
import type { WeightsBox } from '../forecast/weights.ts';
import { loadModel } from '../nn/files.ts';
import { checkWeights, isExtra, type NetworkShape } from '../nn/shape.ts';
import type { ModelIdentity } from './model-identity.ts';
import { changes, leaves } from './state-identity.ts';
import type { TrainingFacts } from './swap-log.ts';

/** What there is to know of it. */
export interface Given {
  /** Event time of the newest row that it learned from; -Infinity where the model does not say. */
  readonly until: number;
  /** Rows of the longest series that it learned from; 0 where the model does not say. */
  readonly longest: number;
}

/**
 * Puts the weights of a model's folder into the box, as version 1. Throws `NN_MODEL_*` where it cannot be read, and before anything is changed
 * `MODEL_MISFIT` where it was trained for other channels, windows, seasons, steps, quantiles, models or sizes.
 */
export function beginWith(inputs: Inputs, path: string, shape: NetworkShape | undefined, now: ModelIdentity): Given {
  const { box, columns } = inputs;
  const { weights, shape: network, meta } = loadModel(path);
  const { trigger, fits, training } = meta as { trigger?: number; fits?: ModelIdentity; training?: Partial<TrainingFacts> };
  // a network from elsewhere, and nothing else, need not say what it is for
  const foreign = fits === undefined && network !== undefined && [...weights.keys()].every((name) => !isExtra(name));
  const { targets, horizon } = inputs.sizes;
  const ridge = weights.get(RIDGE)?.length;
  const wanted = ridge && columns && targets * horizon * ridgeSize(columns);
  const changed = changes(
    leaves({ ...(foreign ? {} : fits), network, ridge }),
    leaves({ ...(foreign ? {} : now), network: shape, ridge: wanted }),
  );
  if (changed) throw new TidecastError('MODEL_MISFIT', { folder: path, ...changed });
  checkWeights(shape, weights);
  const until = trigger ?? -Infinity;
  box.swap(until, new Map([...box.current.weights, ...weights]), 1);
  return { until, longest: training?.longest ?? 0 };
}

/** The seasons that a model was trained with; undefined where it does not say. Throws `NN_MODEL_*`. */
export function seasonsOfModel(path: string): readonly number[] | undefined {
  return (loadModel(path).meta['fits'] as { season?: readonly number[] } | undefined)?.season;
}

/** Where the folder is. */
export function givenFolder(folder: string | undefined, path: string): string {
  return resolve(folder ?? '.', path);
}

/**
 * For weights that are not retrained: knows them again. Where a saved state was made under others, these are in force at once, and every series'
 * state is rebuilt from its ring when its next row arrives, as after a training.
 */
export function keptWeights(box: WeightsBox): Stateful {
  const { hash, weights } = box.current;
  return {
    snapshot: (): Saved => ({ version: box.current.version, hash }),
    restore: (saved) => {
      const from = saved as { version: number; hash: string };
      const same = from.hash === hash;
      if (from.version > 1 || !same)
        // alone: that the version before held other weights must not be looked up in these
        box.restore([{ version: same ? from.version : from.version + 1, after: -Infinity, weights, hash }]);
    },
  };
}
