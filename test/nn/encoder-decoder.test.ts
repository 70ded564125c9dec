/** Encoder and decoder as one: finite differences, the kernel against the reference, PyTorch's numbers, and the seam between the two. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { EncoderDecoder, type Both } from '../../src/nn/encoder-decoder.ts';
import { zeroWeights } from '../../src/nn/initial.ts';
import type { Loss } from '../../src/nn/losses.ts';
import { backwardBoth, forwardBoth, type Pair } from '../../src/nn/reference-decoder.ts';
import { loss as referenceLoss } from '../../src/nn/reference-losses.ts';
import { doubles, forward, type Doubles } from '../../src/nn/reference.ts';
import type { NetworkShape, Weights } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { CELLS, difference, drawnChunk, drawnWeights, nameOf } from './cases.ts';

const [BATCH, READ, ANSWER] = [3, 7, 4];
const SQUARED: Loss = { mean: 'squared', quantiles: [] };

interface Case {
  readonly name: string;
  readonly shapes: Both<NetworkShape>;
  readonly loss: Loss;
  readonly seed: number;
}

/** Every cell with a state, of one layer and of two, with quantities and with symbols (one-hot, and by a table). */
const CASES = CELLS.filter(({ cell }) => cell !== 'none').flatMap((cell, c) =>
  [0, 5].flatMap((classes) =>
    [1, 2].map((layers): Case => {
      const common = { ...cell, hidden: 9, layers, skip: false };
      const symbols = classes ? { inputs: 1, embedding: 3 } : {};
      const encoder = { ...common, inputs: 2, outputs: 1, ...symbols, ...(classes && { categories: 6 }) };
      const decoder = { ...common, inputs: 1, outputs: classes || 1, ...(classes && { categories: classes + 1 }) };
      const loss: Loss = classes ? { head: 'categorical', classes } : SQUARED;
      const shapes = { encoder, decoder };
      return {
        name: `${nameOf(encoder)}, ${classes ? 'symbols' : 'quantities'}`,
        shapes,
        loss,
        seed: 900 + 10 * c + layers + classes,
      };
    }),
  ),
);

interface Chunks {
  readonly x: Float32Array;
  readonly z: Float32Array;
  readonly target: Float32Array;
}

function drawn({ shapes, loss, seed }: Case): { weights: Both<Weights>; chunks: Chunks } {
  const weights = { encoder: drawnWeights(shapes.encoder, seed), decoder: drawnWeights(shapes.decoder, seed + 1) };
  const { x } = drawnChunk(shapes.encoder, BATCH, READ, 1, seed + 2);
  const { x: z, target } = drawnChunk(shapes.decoder, BATCH, ANSWER, 1, seed + 3, 'classes' in loss ? loss.classes : undefined);
  return { weights, chunks: { x, z, target } };
}

const rows = (from: Float32Array, b: number, batch: number, width: number): Float64Array[] =>
  Array.from({ length: from.length / batch / width }, (_, t) =>
    Float64Array.from(from.subarray((t * batch + b) * width, (t * batch + b + 1) * width)),
  );

/** The reference over a batch. */
function reference(shapes: Both<NetworkShape>, weights: Both<Doubles>, spec: Loss, { x, z, target }: Chunks, batch = BATCH) {
  const pairs = Array.from({ length: batch }, (_, b): { pair: Pair; truth: Float64Array[] } => ({
    pair: { encoder: rows(x, b, batch, shapes.encoder.inputs), decoder: rows(z, b, batch, shapes.decoder.inputs) },
    truth: rows(target, b, batch, 1),
  }));
  const runs = pairs.map(({ pair }) => forwardBoth(shapes, weights, pair));
  const { loss, dy } = referenceLoss(
    spec,
    runs.map(({ decoder }) => decoder.y),
    pairs.map(({ truth }) => truth),
  );
  const gradients = { encoder: doubles(shapes.encoder), decoder: doubles(shapes.decoder) };
  pairs.forEach(({ pair }, b) => backwardBoth(shapes, weights, pair, runs[b]!, dy[b]!, gradients));
  return { loss, gradients };
}

function filled(
  each: Case,
  weights: Both<Weights>,
  chunks: Chunks,
  sizes = { batch: BATCH, read: READ, answer: ANSWER },
): EncoderDecoder {
  const both = new EncoderDecoder(each.shapes, sizes, each.loss, { learningRate: 0.01 });
  both.load(weights);
  both.resize({ batch: BATCH, read: READ, answer: ANSWER });
  both.encoder.x.set(chunks.x);
  both.encode();
  both.decoder.x.set(chunks.z);
  both.decoder.target.set(chunks.target);
  return both;
}

const SIDES = ['encoder', 'decoder'] as const;

describe('reference = finite differences', () => {
  test.each(CASES)('$name', (each) => {
    const { weights, chunks } = drawn(each);
    const of = { encoder: doubles(each.shapes.encoder, weights.encoder), decoder: doubles(each.shapes.decoder, weights.decoder) };
    const { gradients } = reference(each.shapes, of, each.loss, chunks);
    const random = new Random(each.seed);
    const wrong: string[] = [];
    for (const side of SIDES)
      for (const [name, values] of of[side])
        for (let n = 0; n < Math.min(10, values.length); n++) {
          const i = random.below(values.length);
          const kept = values[i]!;
          const [up, down] = [1e-6, -1e-6].map((offset) => {
            values[i] = kept + offset;
            return reference(each.shapes, of, each.loss, chunks).loss;
          }) as [number, number];
          values[i] = kept;
          const gap = Math.abs((up - down) / 2e-6 - gradients[side].get(name)![i]!);
          if (!(gap < 1e-7)) wrong.push(`${side} ${name}[${i}]: ${gap}`);
        }
    expect(wrong, `seed ${each.seed}`).toEqual([]);
    // the encoder learns through the seam alone
    expect(Math.max(...gradients.encoder.get('layers.0.w')!.map(Math.abs))).toBeGreaterThan(1e-4);
  });
});

describe('kernel = reference', () => {
  test.each(CASES)('$name', (each) => {
    const { weights, chunks } = drawn(each);
    const both = filled(each, weights, chunks);
    const loss = both.decode();
    both.backward();
    const found = both.gradients();
    const of = { encoder: doubles(each.shapes.encoder, weights.encoder), decoder: doubles(each.shapes.decoder, weights.decoder) };
    const expected = reference(each.shapes, of, each.loss, chunks);
    expect(loss / expected.loss).toBeCloseTo(1, 5);
    for (const side of SIDES)
      for (const [name, values] of found[side])
        expect(difference(values, expected.gradients[side].get(name)!), `${side} ${name}`).toBeLessThan(2e-5);
  });

  test.each(CASES)('$name: made for more and made smaller gives the same bits', (each) => {
    const { weights, chunks } = drawn(each);
    const [exact, larger] = [
      filled(each, weights, chunks),
      filled(each, weights, chunks, { batch: BATCH + 2, read: READ + 5, answer: ANSWER + 1 }),
    ];
    for (const both of [exact, larger]) {
      both.decode();
      both.backward();
    }
    expect(larger.gradients()).toEqual(exact.gradients());
  });
});

interface Fixture {
  readonly batch: number;
  readonly read: number;
  readonly answer: number;
  readonly hidden: number;
  readonly rate: number;
  readonly clip: number;
  readonly cases: readonly {
    readonly cell: 'rnn' | 'gru' | 'lstm';
    readonly layers: number;
    readonly classes: number;
    readonly read: number[];
    readonly shown: number[];
    readonly truth: number[];
    readonly weights: Both<Record<string, number[]>>;
    readonly loss: number;
    readonly gradients: Both<Record<string, number[]>>;
    readonly losses: number[];
  }[];
}

describe('PyTorch (test/fixtures/torch)', () => {
  const { cases, batch, read, answer, hidden, rate, clip } = JSON.parse(
    readFileSync('test/fixtures/torch/encoder-decoder.json', 'utf8'),
  ) as Fixture;

  test.each(cases)('$cell, $layers layers, $classes classes: loss, gradient by tensor, ten steps', (each) => {
    const { cell, layers, classes } = each;
    const common = { cell, hidden, layers, skip: false };
    const shapes: Both<NetworkShape> = {
      encoder: { ...common, ...(classes ? { inputs: 1, categories: 7 } : { inputs: 2 }), outputs: 1 },
      decoder: { ...common, inputs: 1, ...(classes && { categories: classes + 1 }), outputs: classes || 1 },
    };
    const weights = (side: 'encoder' | 'decoder'): Weights => {
      const found = zeroWeights(shapes[side]);
      for (const [name, values] of found) values.set(each.weights[side][name]!);
      return found;
    };
    const loss: Loss = classes ? { head: 'categorical', classes } : SQUARED;
    const both = new EncoderDecoder(shapes, { batch, read, answer }, loss, { learningRate: rate, clipNorm: clip });
    both.load({ encoder: weights('encoder'), decoder: weights('decoder') });
    const losses = Array.from({ length: each.losses.length }, (_, i) => {
      both.encoder.x.set(each.read);
      both.encode();
      both.decoder.x.set(each.shown);
      both.decoder.target.set(each.truth);
      const value = both.decode();
      both.backward();
      if (i === 0)
        for (const side of SIDES)
          for (const [name, values] of both.gradients()[side])
            expect(difference(values, each.gradients[side][name]!), `${side} ${name}`).toBeLessThan(2e-5);
      both.update();
      return value;
    });
    expect(difference(losses, each.losses), `${losses.join(' ')}\n${each.losses.join(' ')}`).toBeLessThan(1e-4);
    expect(losses.at(-1)).toBeLessThan(losses[0]!);
  });
});

describe('the seam', () => {
  test.each(CELLS)('$cell $reset $variant: a sequence cut in two, with the state’s gradient handed back, = the whole', (cell) => {
    const shape: NetworkShape = { ...cell, inputs: 3, hidden: 10, layers: 2, outputs: 2, skip: true };
    const weights = drawnWeights(shape, 1);
    const chunk = drawnChunk(shape, 2, 10, 2, 2);
    chunk.target.fill(0.5);
    const [whole, first, second] = [10, 4, 6].map((steps) => {
      const trainer = new Trainer(shape, { batch: 2, steps }, SQUARED, { learningRate: 0.01 });
      trainer.load(weights);
      return trainer;
    }) as [Trainer, Trainer, Trainer];
    whole.x.set(chunk.x);
    whole.target.set(chunk.target);
    whole.state.set(chunk.state);
    whole.forward();
    whole.backward();
    first.x.set(chunk.x.subarray(0, first.x.length));
    first.target.set(chunk.target.subarray(0, first.target.length));
    first.state.set(chunk.state);
    first.forward();
    second.x.set(chunk.x.subarray(first.x.length));
    second.target.set(chunk.target.subarray(first.target.length));
    second.state.set(first.state);
    second.forward();
    second.backward();
    // each part's loss is the mean over its own steps
    first.stateGradient.set(second.stateGradient.map((value) => value * 1.5));
    first.backward();
    const parts = [first.gradients(), second.gradients()] as const;
    for (const [name, values] of whole.gradients()) {
      const sum = values.map((_, i) => 0.4 * parts[0].get(name)![i]! + 0.6 * parts[1].get(name)![i]!);
      expect(difference(sum, values), name).toBeLessThan(2e-5);
    }
    expect(
      difference(
        first.stateGradient.map((value) => 0.4 * value),
        whole.stateGradient,
      ),
    ).toBeLessThan(2e-5);
  });

  test('where the decoder begins is where the encoder ends', () => {
    const each = CASES[0]!;
    const { weights, chunks } = drawn(each);
    const both = filled(each, weights, chunks);
    const x = rows(chunks.x, 1, BATCH, each.shapes.encoder.inputs);
    const { state } = forward(each.shapes.encoder, doubles(each.shapes.encoder, weights.encoder), x, new Float64Array(9));
    expect(difference(both.decoder.state.subarray(9, 18), state)).toBeLessThan(1e-6);
  });

  test('what does not fit together is refused', () => {
    const { shapes, loss } = CASES[0]!;
    const make =
      (more: Partial<NetworkShape>, sizes = { batch: 1, read: 1, answer: 1 }) =>
      () =>
        new EncoderDecoder({ ...shapes, decoder: { ...shapes.decoder, ...more } }, sizes, loss, { learningRate: 0.01 });
    const refused = (code: string) => expect.objectContaining({ code }) as unknown;
    expect(make({ hidden: 10 })).toThrow(refused('NN_SHAPE'));
    expect(make({ layers: 2 })).toThrow(refused('NN_SHAPE'));
    expect(make({ cell: 'gru' })).toThrow(refused('NN_SHAPE'));
    expect(make({ outputs: 0 })).toThrow(refused('NN_SHAPE'));
    expect(make({}, { batch: 1, read: 0, answer: 1 })).toThrow(refused('NN_SHAPE'));
    expect(() => make({})().resize({ batch: 1, read: 2, answer: 1 })).toThrow(refused('NN_SHAPE'));
    const none = { encoder: { ...shapes.encoder, cell: 'none' }, decoder: { ...shapes.decoder, cell: 'none' } } as const;
    expect(() => new EncoderDecoder(none, { batch: 1, read: 1, answer: 1 }, loss, { learningRate: 0.01 })).toThrow(
      /a state to hand over/,
    );
  });
});
