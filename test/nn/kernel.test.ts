/** The kernel against the reference: outputs, loss, state and every tensor's gradient, by name. */
import { describe, expect, test } from 'vitest';
import { doubles } from '../../src/nn/reference.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { CELLS, LOSSES, difference, drawnChunk, drawnWeights, nameOf, referenceRun } from './cases.ts';

const SIZES = [
  { layers: 1, hidden: 5, inputs: 3, steps: 1, batch: 1, skip: false },
  { layers: 1, hidden: 16, inputs: 8, steps: 7, batch: 6, skip: true },
  { layers: 2, hidden: 13, inputs: 2, steps: 20, batch: 5, skip: true },
  { layers: 3, hidden: 40, inputs: 7, steps: 9, batch: 3, skip: false },
  { layers: 3, hidden: 12, inputs: 4, steps: 64, batch: 2, skip: true },
];

describe('kernel = reference', () => {
  for (const cell of CELLS) {
    SIZES.forEach(({ steps, batch, ...sizes }, place) => {
      const spec = LOSSES[place % LOSSES.length]!;
      const targets = 2;
      const shape: NetworkShape = { ...cell, ...sizes, outputs: targets * (1 + spec.quantiles.length) };
      test(`${nameOf(shape)}, ${batch} x ${steps}, ${spec.mean}`, () => {
        const seed = 100 + place;
        const weights = drawnWeights(shape, seed);
        const chunk = drawnChunk(shape, batch, steps, targets, seed + 1);
        const trainer = new Trainer(shape, { batch, steps }, spec, { learningRate: 0.01 });
        trainer.load(weights);
        trainer.x.set(chunk.x);
        trainer.target.set(chunk.target);
        trainer.state.set(chunk.state);
        const loss = trainer.forward();
        trainer.backward();
        const expected = referenceRun(shape, doubles(shape, weights), spec, chunk, batch);
        const found: Record<string, number> = {
          loss: Math.abs(loss / expected.loss - 1),
          y: difference(trainer.y, expected.y),
          state: difference(trainer.state, expected.state),
        };
        for (const [name, values] of trainer.gradients()) found[name] = difference(values, expected.gradients.get(name)!);
        const wrong = Object.entries(found).filter(([, value]) => !(value < 2e-5));
        expect(wrong, `seed ${seed}, max differences ${JSON.stringify(found)}`).toEqual([]);
      });
    });
  }
});
