/** Weights that come from a model's folder: what a network begins with, and keeps where it is not retrained. */
import { resolve } from 'node:path';
import type { Saved, Stateful } from '../core/state.ts';
import type { Recurrent } from '../forecast/recurrent.ts';
import { loadModel, weightsHash } from '../nn/files.ts';
import { checkWeights } from '../nn/shape.ts';

/**
 * Puts the weights in force, and gives a part that knows them again: where a saved state was made under others, every series' state is
 * rebuilt from its ring when its next row arrives, as after a training. Throws `NN_MODEL_*`, and `NN_WEIGHTS` where the model has another shape.
 */
export function givenWeights(recurrent: Recurrent, folder: string, path: string): Stateful {
  const { weights } = loadModel(resolve(folder, path));
  checkWeights(recurrent.shape, weights);
  const hash = weightsHash(weights);
  const all = new Map([...recurrent.box.current.weights, ...weights]);
  recurrent.box.swap(-Infinity, all, 1);
  return {
    snapshot: (): Saved => ({ version: recurrent.box.current.version, hash }),
    restore: (saved) => {
      const from = saved as { version: number; hash: string };
      if (from.version > 1 || from.hash !== hash)
        recurrent.box.swap(-Infinity, all, from.hash === hash ? from.version : from.version + 1);
    },
  };
}
