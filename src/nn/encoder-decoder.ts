/**
 * Two recurrent networks trained as one: what an encoder remembers of what it has read is where a decoder begins.
 *
 * The states of all layers are handed over after the encoder's last step (Sutskever et al., 2014); on the way back the gradient of the
 * decoder's first state is that of the encoder's last. The encoder's own head is not used.
 */
import { TidecastError } from '../core/errors.ts';
import { checkShape, type NetworkShape, type Weights } from './shape.ts';
import type { Loss } from './losses.ts';
import type { OptimizerSpec } from './optimizer.ts';
import { Trainer } from './trainer.ts';

/** Something of each of the two. */
export interface Both<T> {
  readonly encoder: T;
  readonly decoder: T;
}

/** Rows of the batch, and the steps of each network. */
export interface BothSizes {
  readonly batch: number;
  readonly read: number;
  readonly answer: number;
}

/** Throws NN_SHAPE where the state of one is not that of the other. */
export function checkBoth({ encoder, decoder }: Both<NetworkShape>): void {
  checkShape(encoder);
  checkShape(decoder);
  if (encoder.cell === 'none') throw new TidecastError('NN_SHAPE', { cell: 'none', allowed: 'one with a state to hand over' });
  for (const key of ['cell', 'reset', 'variant', 'hidden', 'layers'] as const) {
    if (encoder[key] !== decoder[key])
      throw new TidecastError('NN_SHAPE', { [key]: String(decoder[key]), allowed: `the encoder's, ${encoder[key]}` });
  }
}

/**
 * Trains the two on batches of pairs that are equally long; deterministic, to the bit.
 *
 * A batch is: `resize`, fill `encoder.x`, `encode`, fill `decoder.x` and `decoder.target`, `decode`, `backward`, `update`.
 * Throws NN_SHAPE, NN_OPTION or NN_TOO_LARGE before anything is allocated.
 */
export class EncoderDecoder implements Both<Trainer> {
  readonly encoder: Trainer;
  readonly decoder: Trainer;

  constructor(shapes: Both<NetworkShape>, { batch, read, answer }: BothSizes, loss: Loss, optimizer: OptimizerSpec) {
    checkBoth(shapes);
    const unused: Loss = { mean: 'squared', quantiles: [] };
    this.encoder = new Trainer(shapes.encoder, { batch, steps: read }, unused, optimizer);
    this.decoder = new Trainer(shapes.decoder, { batch, steps: answer }, loss, optimizer);
  }

  /** Takes over weights and forgets the optimizers' moments; throws NN_WEIGHTS. */
  load({ encoder, decoder }: Both<Weights>): void {
    this.encoder.load(encoder);
    this.decoder.load(decoder);
  }

  /** A copy of the weights. */
  weights(): Both<Weights> {
    return { encoder: this.encoder.weights(), decoder: this.decoder.weights() };
  }

  /** A copy of the gradients that the last `backward` made. */
  gradients(): Both<Weights> {
    return { encoder: this.encoder.gradients(), decoder: this.decoder.gradients() };
  }

  /** As {@link Trainer.resize}, of both. */
  resize({ batch, read, answer }: BothSizes): void {
    this.encoder.resize({ batch, steps: read });
    this.decoder.resize({ batch, steps: answer });
  }

  /** Reads `encoder.x` from a state of zeros; where the decoder begins then stands in `decoder.state`. */
  encode(): void {
    this.encoder.state.fill(0);
    this.encoder.target.fill(NaN);
    this.encoder.forward();
    this.decoder.state.set(this.encoder.state);
  }

  /** Answers `decoder.x` and gives the loss. */
  decode(): number {
    return this.decoder.forward();
  }

  /** Makes the gradients of the loss that the last `decode` gave, through both. */
  backward(): void {
    this.decoder.backward();
    this.encoder.stateGradient.set(this.decoder.stateGradient);
    this.encoder.backward();
  }

  /** As {@link Trainer.update}, with the norm of both networks' gradients together. */
  update(learningRate?: number): number {
    const [e, d] = [this.encoder.norm(), this.decoder.norm()];
    const norm = Math.sqrt(e * e + d * d);
    this.encoder.update(learningRate, norm);
    return this.decoder.update(learningRate, norm);
  }
}
