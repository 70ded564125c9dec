/**
 * A bidirectional network: y_t = W_y [forward a_t, backward a_t] + b_y (Schuster and Paliwal, 1997), any cell, stacked as in PyTorch and Keras.
 *
 * Two trainers a layer, of which one reads each sequence from its end, and a linear one that reads what both of the last layer gave. So nothing
 * can be said of a row before the sequence has ended: this serves what is closed, never what is live.
 */
import { TidecastError } from '../core/errors.ts';
import type { Loss } from './losses.ts';
import { checkShape, checkWeights, tensorsOf, waysOf, type NetworkShape, type Weights } from './shape.ts';
import type { OptimizerSpec } from './optimizer.ts';
import { Trainer } from './trainer.ts';

const UNUSED: Loss = { mean: 'squared', quantiles: [] };

/**
 * Trains a bidirectional network on batches of whole sequences, or runs it over them; deterministic, to the bit.
 *
 * A batch is: fill `lengths`, `x` and `target`, `forward`, `backward`, `update`. Rows of a sequence from its length on are emptied.
 * Throws NN_SHAPE, NN_OPTION or NN_TOO_LARGE before anything is allocated.
 */
export class Bidirectional {
  readonly shape: NetworkShape;
  readonly sizes: { readonly batch: number; readonly steps: number };
  /** Rows of each sequence of the batch, at most `steps`; at first all have that many. */
  readonly lengths: Int32Array;
  readonly #layers: readonly (readonly [Trainer, Trainer])[];
  readonly #head: Trainer;

  constructor(shape: NetworkShape, sizes: { batch: number; steps: number }, loss: Loss, optimizer: OptimizerSpec) {
    checkShape(shape);
    if (!shape.bidirectional) throw new TidecastError('NN_SHAPE', { bidirectional: 'false', allowed: 'true' });
    this.shape = shape;
    this.sizes = { batch: sizes.batch, steps: sizes.steps };
    this.#layers = Array.from({ length: shape.layers }, (_, layer) => {
      const one = layerShape(shape, layer);
      const make = (): Trainer => new Trainer(one, sizes, UNUSED, optimizer, { inputGradient: layer > 0 });
      return [make(), make()] as const;
    });
    this.#head = new Trainer(headShape(shape), sizes, loss, optimizer);
    this.lengths = new Int32Array(sizes.batch).fill(sizes.steps);
  }

  /** Takes over weights and forgets the optimizers' moments; throws NN_WEIGHTS, with nothing changed. */
  load(weights: Weights): void {
    checkWeights(this.shape, weights);
    this.#parts().forEach(({ trainer, names }) => {
      const own = tensorsOf(trainer.shape).map(({ name, shape }) => {
        const given = names.get(name);
        return [name, given ? weights.get(given)! : new Float32Array(shape.reduce((product, n) => product * n, 1))] as const;
      });
      trainer.load(new Map(own));
    });
  }

  /** A copy of the weights. */
  weights(): Weights {
    return this.#gathered((trainer) => trainer.weights());
  }

  /** A copy of the gradients that the last `backward` made. */
  gradients(): Weights {
    return this.#gathered((trainer) => trainer.gradients());
  }

  /** Inputs, steps x batch x inputs. */
  get x(): Float32Array {
    return this.#layers[0]![0].x;
  }

  /** Truths, steps x batch x K; NaN is unknown and adds nothing to the loss. */
  get target(): Float32Array {
    return this.#head.target;
  }

  /** Outputs of the last `forward`, steps x batch x outputs. */
  get y(): Float32Array {
    return this.#head.y;
  }

  /** Runs the batch, both ways from states of zeros, and gives its loss. Throws NN_CATEGORY, and NN_OPTION for a length out of range. */
  forward(): number {
    const { batch, steps } = this.sizes;
    this.#empty();
    this.#layers.forEach(([there, back], layer) => {
      const { inputs, hidden } = there.shape;
      back.x.fill(0);
      this.#turned((row, other) => copy(there.x, row * inputs, back.x, other * inputs, inputs));
      for (const one of [there, back]) {
        one.state.fill(0);
        one.target.fill(NaN);
        one.forward();
      }
      const above = this.#layers[layer + 1]?.[0] ?? this.#head;
      const { x } = above;
      const wide = there.strides.hidden;
      const [h, g] = [there.hidden, back.hidden];
      for (let row = 0; row < batch * steps; row++) copy(h, row * wide, x, row * 2 * hidden, hidden);
      this.#turned((row, other) => copy(g, other * wide, x, row * 2 * hidden + hidden, hidden));
    });
    return this.#head.forward();
  }

  /** Makes the gradients of the loss that the last `forward` gave; once after each `forward`. */
  backward(): void {
    const { hidden } = this.shape;
    const head = this.#head;
    head.backward();
    let gradient = { of: head.hiddenGradient, stride: head.strides.hidden };
    for (const [there, back] of [...this.#layers].reverse()) {
      const wide = there.strides.hidden;
      const [dh, dg] = [there.hiddenGradient, back.hiddenGradient];
      this.#turned((row, other) => {
        copy(gradient.of, row * gradient.stride, dh, row * wide, hidden);
        copy(gradient.of, row * gradient.stride + hidden, dg, other * wide, hidden);
      });
      there.backward();
      back.backward();
      if (there === this.#layers[0]![0]) return;
      const stride = there.strides.input;
      const [dx, from] = [there.inputGradient, back.inputGradient];
      this.#turned((row, other) => {
        for (let j = 0; j < stride; j++) dx[row * stride + j]! += from[other * stride + j]!;
      });
      gradient = { of: dx, stride };
    }
  }

  /** As {@link Trainer.update}, with the norm of all gradients together. */
  update(learningRate?: number): number {
    const trainers = [...this.#layers.flat(), this.#head];
    const norm = Math.sqrt(trainers.map((trainer) => trainer.norm()).reduce((sum, each) => sum + each * each, 0));
    for (const trainer of trainers) trainer.update(learningRate, norm);
    return norm;
  }

  /** Rows that belong to no sequence, so that nothing of an earlier batch is in them. */
  #empty(): void {
    const { x, target } = this;
    const { batch, steps } = this.sizes;
    const targets = target.length / batch / steps;
    this.lengths.forEach((length, b) => {
      if (length < 0 || length > steps) throw new TidecastError('NN_OPTION', { length, allowed: `0 to ${steps}` });
      for (let row = length * batch + b; row < steps * batch; row += batch) {
        x.fill(0, row * this.shape.inputs, (row + 1) * this.shape.inputs);
        target.fill(NaN, row * targets, (row + 1) * targets);
      }
    });
  }

  /** Every row of the sequences, beside where its step stands on the way back. */
  #turned(each: (row: number, other: number) => void): void {
    const { batch } = this.sizes;
    this.lengths.forEach((length, b) => {
      for (let t = 0; t < length; t++) each(t * batch + b, (length - 1 - t) * batch + b);
    });
  }

  /** Every trainer with the names that its tensors have in the whole. */
  #parts(): { trainer: Trainer; names: ReadonlyMap<string, string> }[] {
    const layers = this.#layers.flatMap((pair, layer) =>
      waysOf(this.shape, layer).map((way, i) => {
        const own = ['w', 'u', 'b', 'bn'].map((name) => [`layers.0.${name}`, `${way}.${name}`] as const);
        return { trainer: pair[i]!, names: new Map(own) };
      }),
    );
    const ofHead = ['head.w', 'head.b'].map((name) => [name, name] as const);
    return [...layers, { trainer: this.#head, names: new Map(ofHead) }];
  }

  #gathered(of: (trainer: Trainer) => Weights): Weights {
    const found = new Map<string, Float32Array>();
    for (const { trainer, names } of this.#parts()) {
      const own = of(trainer);
      for (const [name, whole] of names) if (own.has(name)) found.set(whole, own.get(name)!);
    }
    return new Map(tensorsOf(this.shape).map(({ name }) => [name, found.get(name)!]));
  }
}

/** One direction of one layer. The head that it has is not used. */
function layerShape(shape: NetworkShape, layer: number): NetworkShape {
  const { bidirectional: _, categories, ...rest } = shape;
  const first = { ...rest, layers: 1, outputs: 1 };
  return layer > 0 ? { ...first, inputs: 2 * shape.hidden } : { ...first, ...(categories && { categories }) };
}

/** The linear map at the end. */
function headShape({ hidden, outputs }: NetworkShape): NetworkShape {
  return { cell: 'none', inputs: 2 * hidden, hidden: 2 * hidden, layers: 0, outputs, skip: false };
}

function copy(from: Float32Array, at: number, to: Float32Array, place: number, n: number): void {
  for (let j = 0; j < n; j++) to[place + j] = from[at + j]!;
}
