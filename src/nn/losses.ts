/** What a forecast is judged by in training. */
import { TidecastError } from '../core/errors.ts';

/**
 * The loss of one output row against K targets.
 *
 * An output row is laid out `[target k][mean, q_0 .. q_(Q-1)]`. The loss is the mean, over the rows and targets whose truth is known,
 * of the mean's loss plus the average of the quantiles' pinball losses.
 * With e the error: squared e^2; huber e^2 / 2 up to delta and delta * (|e| - delta / 2) beyond; absolute |e|.
 */
export interface LossSpec {
  readonly mean: 'squared' | 'huber' | 'absolute';
  /** Huber only: where it turns from square to straight; left out, 1. */
  readonly delta?: number;
  /** Levels strictly between 0 and 1; may be empty. */
  readonly quantiles: readonly number[];
}

/** The number of targets K of a network with so many outputs; throws NN_OPTION where outputs is no multiple of 1 + Q or a level is out of range. */
export function targetsOf(outputs: number, loss: LossSpec): number {
  if (!['squared', 'huber', 'absolute'].includes(loss.mean))
    throw new TidecastError('NN_OPTION', { 'loss.mean': String(loss.mean) });
  if (loss.delta !== undefined && !(loss.delta > 0 && Number.isFinite(loss.delta))) {
    throw new TidecastError('NN_OPTION', { 'loss.delta': loss.delta, allowed: 'above 0' });
  }
  for (const level of loss.quantiles) {
    if (!(level > 0 && level < 1)) throw new TidecastError('NN_OPTION', { quantile: level, allowed: 'between 0 and 1' });
  }
  const width = 1 + loss.quantiles.length;
  if (outputs % width !== 0) throw new TidecastError('NN_OPTION', { outputs, allowed: `a multiple of 1 + quantiles, ${width}` });
  return outputs / width;
}
