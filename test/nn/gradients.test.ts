/** The reference against finite differences: every tensor, every cell. So the two ways to be right meet in one place. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { doubles } from '../../src/nn/reference.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { CELLS, LOSSES, drawnChunk, drawnWeights, nameOf, referenceRun } from './cases.ts';

const BATCH = 2;

describe('reference = finite differences', () => {
  for (const cell of CELLS) {
    for (const [layers, steps] of [
      [1, 5],
      [2, 9],
      [3, 4],
      [1, 64],
    ] as const) {
      const spec = LOSSES[layers % 2]!;
      const shape: NetworkShape = {
        ...cell,
        layers,
        hidden: 4,
        inputs: 3,
        outputs: 2 * (1 + spec.quantiles.length),
        skip: layers > 1,
      };
      test(`${nameOf(shape)}, T = ${steps}, ${spec.mean}`, () => {
        const seed = 300 + 10 * layers + steps;
        const weights = doubles(shape, drawnWeights(shape, seed));
        const chunk = drawnChunk(shape, BATCH, steps, 2, seed + 1);
        const { gradients } = referenceRun(shape, weights, spec, chunk, BATCH);
        const random = new Random(seed + 2);
        const differences: Record<string, number> = {};
        for (const [name, values] of weights) {
          differences[name] = 0;
          // A dozen entries of each tensor.
          for (let n = 0; n < Math.min(12, values.length); n++) {
            const i = random.below(values.length);
            const kept = values[i]!;
            const at = (offset: number): number => {
              values[i] = kept + offset;
              const { loss } = referenceRun(shape, weights, spec, chunk, BATCH);
              values[i] = kept;
              return loss;
            };
            const step = 1e-6;
            const slope = (at(step) - at(-step)) / (2 * step);
            differences[name] = Math.max(differences[name]!, Math.abs(slope - gradients.get(name)![i]!));
          }
        }
        const wrong = Object.entries(differences).filter(([, value]) => !(value < 1e-7));
        expect(wrong, `seed ${seed}, max differences ${JSON.stringify(differences)}`).toEqual([]);
      });
    }
  }
});
