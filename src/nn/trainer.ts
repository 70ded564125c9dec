/** Training by truncated back-propagation through time, over a batch of sequences. It is long for the layout of the kernel's memory. */
import { TidecastError } from '../core/errors.ts';
import { pow } from '../core/math/math.ts';
import { checkCategories } from './categories.ts';
import { zeroWeights } from './initial.ts';
import { Instance, LARGEST_MEMORY } from './kernel/instance.ts';
import { gatesRow, modelWords, writeModel } from './kernel/structs.ts';
import { constantOf, groupOf, targetsOf, type Loss } from './losses.ts';
import { checkedOptimizer, type OptimizerSpec } from './optimizer.ts';
import { pack, partsOf, unpack, wideOf, type Part } from './packing.ts';
import {
  candidateApart,
  checkOneWay,
  checkShape,
  checkWeights,
  checkWhole,
  stateSizeOf,
  widthOf,
  type NetworkShape,
  type Weights,
} from './shape.ts';

/** Rows side by side, and rows one after the other. */
export interface TrainerSizes {
  readonly batch: number;
  readonly steps: number;
  /** Of the steps, the first: they move the state and pass gradients on, but have neither output nor loss. Left out: 0. */
  readonly warm?: number;
}

/** By their numbers in `assembly/structs.ts`. */
const LOSSES = ['squared', 'huber', 'absolute', 'categorical', 'gaussian', 'student'];

type View = 'x' | 'target' | 'state' | 'y' | 'stateGradient';

/**
 * Trains a network on chunks of steps x batch rows; deterministic, to the bit.
 *
 * A chunk is: fill `x` and `target`, `forward`, `backward`, `update`. `state` is carried from chunk to chunk: what stands there is the
 * state before the first step, and after `forward` it is the state after the last; gradients cross that border through `stateGradient` alone.
 * As a part of something larger, it shows in `hidden` what its last layer gave, takes the gradient of that, and with `inputGradient` gives that of x.
 * Throws NN_SHAPE, NN_OPTION or NN_TOO_LARGE before anything is allocated.
 */
export class Trainer {
  readonly shape: NetworkShape;
  readonly stateSize: number;
  readonly #loss: Loss;
  readonly #optimizer: Required<OptimizerSpec>;
  readonly #instance = new Instance();
  readonly #parts: readonly Part[];
  readonly #length: number;
  readonly #arrays: { readonly h: number; readonly dx: number; readonly din: number };
  readonly #at: { weights: number; gradients: number; m: number; v: number; model: number; batch: number };
  readonly #room: Required<TrainerSizes>;
  readonly #whole: Readonly<Record<View, Float32Array>>;
  #sizes: Required<TrainerSizes>;
  #views: Readonly<Record<View, Float32Array>>;
  #updates = 0;
  #stage: 'empty' | 'loaded' | 'forward' = 'empty';

  constructor(
    shape: NetworkShape,
    sizes: TrainerSizes,
    loss: Loss,
    optimizer: OptimizerSpec,
    { inputGradient = false }: { inputGradient?: boolean } = {},
  ) {
    checkShape(shape);
    checkOneWay(shape);
    if (inputGradient && shape.categories) throw new TidecastError('NN_OPTION', { inputGradient, categories: shape.categories });
    checkWhole('batch', sizes.batch, 65536);
    checkWhole('steps', sizes.steps, 1048576);
    const { batch, steps, warm = 0 } = sizes;
    if (!(Number.isInteger(warm) && warm >= 0 && warm < steps)) throw new TidecastError('NN_OPTION', { warm, steps });
    const targets = targetsOf(shape.outputs, loss);
    this.shape = shape;
    this.#sizes = this.#room = { batch, steps, warm };
    this.stateSize = stateSizeOf(shape);
    this.#loss = loss;
    this.#optimizer = checkedOptimizer(optimizer);
    const { parts, length } = partsOf(shape);
    this.#parts = parts;
    this.#length = length;

    const { layers, inputs, outputs } = shape;
    const n = batch * steps;
    const hp = wideOf(shape.hidden);
    const op = wideOf(outputs);
    const lstm = shape.cell === 'lstm';
    const levels = 'head' in loss ? [] : loss.quantiles;
    const tall = (n + batch) * hp;
    // a category that comes many times is multiplied once
    const byCategory = shape.embedding && inputs === 1 && !shape.skip && layers > 0 && shape.categories! <= n;
    // The arrays of the structure Batch, in its order.
    const words = {
      levels: levels.length,
      state: batch * this.stateSize,
      x: n * inputs,
      target: n * targets,
      y: n * outputs,
      // the last vector of a row's classes may reach beyond it
      o: n * op + 4,
      do: n * op + 4,
      a: layers * n * gatesRow(shape),
      h: layers * tall,
      c: lstm ? layers * tall : tall,
      e: candidateApart(shape) ? layers * n * hp : 0,
      dx: n * hp,
      dh: batch * hp,
      dc: batch * hp,
      de: batch * hp,
      xw: shape.categories ? n * widthOf(shape) : 0,
      dxw: (byCategory ? Math.max(batch, shape.categories!) : batch) * wideOf(shape.embedding ?? 0),
      din: inputGradient ? n * wideOf(inputs) : 0,
      dstate: batch * this.stateSize,
      ac: byCategory ? shape.categories! * gatesRow(shape) : 0,
    };
    const ofX = inputGradient || shape.embedding !== undefined;
    const all = Object.values(words).reduce((sum, count) => sum + count, 0);
    const bytes = 4 * (all + 4 * length + modelWords(shape, true, ofX)) + 8192;
    if (bytes > LARGEST_MEMORY) throw new TidecastError('NN_TOO_LARGE', { bytes, largest: LARGEST_MEMORY });

    const instance = this.#instance;
    instance.reach(instance.top + bytes);
    const [weights, gradients, m, v] = [0, 1, 2, 3].map(() => instance.take(length)) as [number, number, number, number];
    const model = writeModel(instance, shape, parts, weights, gradients, ofX);
    const batchAt = instance.take(9 + 20);
    this.#at = { weights, gradients, m, v, model, batch: batchAt };
    const at = Object.fromEntries(Object.entries(words).map(([key, count]) => [key, instance.take(count)])) as typeof words;
    const kind = LOSSES.indexOf('head' in loss ? loss.head : loss.mean);
    const bend = 'degrees' in loss ? loss.degrees : 'delta' in loss ? loss.delta : undefined;
    instance.words(batchAt, 7).set([batch, steps, warm, this.stateSize, targets, groupOf(loss), kind]);
    instance.floats(batchAt + 28, 2).set([bend ?? 1, constantOf(loss)]);
    instance
      .words(batchAt + 36, 20)
      .set(Object.values({ ...at, ...(!inputGradient && { din: 0 }), ...(!byCategory && { ac: 0 }) }));
    this.#arrays = at;
    instance.floats(at.levels, levels.length).set(levels);
    this.#whole = this.#views = {
      x: instance.floats(at.x, words.x),
      target: instance.floats(at.target, words.target),
      state: instance.floats(at.state, words.state),
      y: instance.floats(at.y, words.y),
      stateGradient: instance.floats(at.dstate, words.dstate),
    };
  }

  /** Rows of the batch and steps of a chunk. */
  get sizes(): Required<TrainerSizes> {
    return this.#sizes;
  }

  /** Makes the next chunks smaller, or larger again up to what the trainer was made for; read the views anew. Throws NN_SHAPE. */
  resize({ batch, steps }: { batch: number; steps: number }): void {
    checkWhole('batch', batch, this.#room.batch);
    checkWhole('steps', steps, this.#room.steps);
    const { warm } = this.#room;
    if (warm >= steps) throw new TidecastError('NN_OPTION', { warm, steps });
    this.#sizes = { batch, steps, warm };
    this.#instance.words(this.#at.batch, 2).set([batch, steps]);
    const n = batch * steps;
    const { x, target, y, state, stateGradient } = this.#whole;
    // rows that are warm now may have had an output before
    if (warm > 0) y.fill(0);
    this.#views = {
      x: x.subarray(0, n * this.shape.inputs),
      target: target.subarray(0, n * targetsOf(this.shape.outputs, this.#loss)),
      y: y.subarray(0, n * this.shape.outputs),
      state: state.subarray(0, batch * this.stateSize),
      stateGradient: stateGradient.subarray(0, batch * this.stateSize),
    };
    if (this.#stage === 'forward') this.#stage = 'loaded';
  }

  /** Takes over weights and forgets the optimizer's moments; throws NN_WEIGHTS, with nothing changed. */
  load(weights: Weights): void {
    checkWeights(this.shape, weights);
    pack(this.#parts, weights, this.#packed(this.#at.weights));
    for (const at of [this.#at.gradients, this.#at.m, this.#at.v]) this.#packed(at).fill(0);
    this.#updates = 0;
    this.#instance.kernel.transposeAll(this.#at.model);
    this.#stage = 'loaded';
  }

  /** A copy of the weights. */
  weights(): Weights {
    return this.#unpacked(this.#at.weights);
  }

  /** A copy of the gradients that the last `backward` made. */
  gradients(): Weights {
    return this.#unpacked(this.#at.gradients);
  }

  /** Inputs, steps x batch x inputs. */
  get x(): Float32Array {
    return this.#views.x;
  }

  /** Truths, steps x batch x K; NaN is unknown and adds nothing to the loss, and nor does what stands in warm steps. */
  get target(): Float32Array {
    return this.#views.target;
  }

  /** batch x stateSize: before the first step; after `forward`, after the last. */
  get state(): Float32Array {
    return this.#views.state;
  }

  /** Outputs of the last `forward`, steps x batch x outputs; 0 in warm steps. */
  get y(): Float32Array {
    return this.#views.y;
  }

  /**
   * dL/d(state), batch x stateSize: `forward` sets it to 0; before `backward` it may be set to what comes from beyond the last step, after it
   * holds that of the state before the first step.
   */
  get stateGradient(): Float32Array {
    return this.#views.stateGradient;
  }

  /** Numbers from row to row of what is rounded up to 8: of `hidden` and its gradient, and of `inputGradient`. */
  get strides(): { readonly hidden: number; readonly input: number } {
    return { hidden: wideOf(this.shape.hidden), input: wideOf(this.shape.inputs) };
  }

  /** What the last layer gave in the last `forward`, steps x batch rows. */
  get hidden(): Float32Array {
    const { batch, steps } = this.#sizes;
    const wide = this.strides.hidden;
    const before = ((this.shape.layers - 1) * (steps + 1) + 1) * batch * wide;
    return this.#instance.floats(this.#arrays.h + 4 * before, steps * batch * wide);
  }

  /** dL/d(hidden) but for what comes from the head: `forward` sets it to 0, `backward` uses it up. Without layers it is dL/dx after `backward`. */
  get hiddenGradient(): Float32Array {
    return this.#instance.floats(this.#arrays.dx, this.#sizes.steps * this.#sizes.batch * this.strides.hidden);
  }

  /** dL/dx after `backward`, steps x batch rows, where it was asked for. */
  get inputGradient(): Float32Array {
    return this.#instance.floats(this.#arrays.din, this.#sizes.steps * this.#sizes.batch * this.strides.input);
  }

  /** Runs the chunk and gives its loss; 0 where no target is known. Throws NN_CATEGORY where a category or class is none of the set. */
  forward(): number {
    if (this.#stage === 'empty') throw new TidecastError('INTERNAL', { 'Trainer.forward': 'before load' });
    const { shape } = this;
    if (shape.categories) checkCategories('category', this.x, shape.inputs, shape.categories);
    if ('classes' in this.#loss) checkCategories('class', this.target, 1, this.#loss.classes, true);
    this.stateGradient.fill(0);
    this.hiddenGradient.fill(0);
    const loss = this.#instance.kernel.forward(this.#at.model, this.#at.batch);
    this.#stage = 'forward';
    return loss;
  }

  /** Makes the gradients of the loss that the last `forward` gave; once after each `forward`. */
  backward(): void {
    if (this.#stage !== 'forward') throw new TidecastError('INTERNAL', { 'Trainer.backward': 'without forward' });
    this.#packed(this.#at.gradients).fill(0);
    this.#instance.kernel.backward(this.#at.model, this.#at.batch);
    this.#stage = 'loaded';
  }

  /** The norm of the gradients that the last `backward` made. */
  norm(): number {
    return Math.sqrt(this.#instance.kernel.squares(this.#at.gradients, this.#length));
  }

  /**
   * Changes the weights by the gradients: clipping by the global norm, then AdamW (Loshchilov and Hutter, 2019).
   *
   * Gives the norm before clipping. Where that is not finite nothing is changed. A norm that is given counts instead of its own: that of
   * several networks which are trained as one.
   */
  update(learningRate: number = this.#optimizer.learningRate, norm: number = this.norm()): number {
    const { weights, gradients, m, v, model } = this.#at;
    const { beta1, beta2, epsilon, weightDecay, clipNorm } = this.#optimizer;
    const { kernel } = this.#instance;
    if (!Number.isFinite(norm)) return norm;
    const t = ++this.#updates;
    const clip = norm > clipNorm ? clipNorm / norm : 1;
    const rate = learningRate / (1 - pow(beta1, t));
    const root = 1 / Math.sqrt(1 - pow(beta2, t));
    const keep = 1 - learningRate * weightDecay;
    kernel.adam(weights, gradients, m, v, this.#length, clip, beta1, beta2, rate, root, epsilon, keep);
    kernel.transposeAll(model);
    return norm;
  }

  #packed(at: number): Float32Array {
    return this.#instance.floats(at, this.#length);
  }

  #unpacked(at: number): Weights {
    const tensors = zeroWeights(this.shape);
    unpack(this.#parts, this.#packed(at), tensors);
    return tensors;
  }
}
