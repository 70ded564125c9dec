/** What an output is judged by in training: which losses there are, and how an output row is laid out for each. */
import { TidecastError } from '../core/errors.ts';
import { log } from '../core/math/math.ts';

/**
 * The loss of a forecast: one output row against K targets.
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

/** Log loss of a softmax: an output row is `[target k][logit of each class]`, a truth the number of its class. */
export interface CategoricalLoss {
  readonly head: 'categorical';
  readonly classes: number;
}

/** Negative log likelihood: an output row is `[target k][mean, log of the scale]`; Student's t has fixed degrees of freedom. */
export type DensityLoss = { readonly head: 'gaussian' } | { readonly head: 'student'; readonly degrees: number };

/** Any loss; always the mean over the rows and targets whose truth is known (not NaN). */
export type Loss = LossSpec | CategoricalLoss | DensityLoss;

/** Numbers that a target takes in an output row. */
export function groupOf(loss: Loss): number {
  if (!('head' in loss)) return 1 + loss.quantiles.length;
  return loss.head === 'categorical' ? loss.classes : 2;
}

/** The number of targets K of a network with so many outputs; throws NN_OPTION where outputs is no multiple of a target's, or an option is out of range. */
export function targetsOf(outputs: number, loss: Loss): number {
  checkLoss(loss);
  const width = groupOf(loss);
  if (outputs % width !== 0) throw new TidecastError('NN_OPTION', { outputs, allowed: `a multiple of a target's, ${width}` });
  return outputs / width;
}

function checkLoss(loss: Loss): void {
  if ('head' in loss) {
    if (!['categorical', 'gaussian', 'student'].includes(loss.head))
      throw new TidecastError('NN_OPTION', { head: String(loss.head) });
    if (loss.head === 'categorical' && !(Number.isInteger(loss.classes) && loss.classes >= 2)) {
      throw new TidecastError('NN_OPTION', { classes: loss.classes, allowed: '2 or more' });
    }
    if (loss.head === 'student' && !(loss.degrees > 0 && Number.isFinite(loss.degrees))) {
      throw new TidecastError('NN_OPTION', { degrees: loss.degrees, allowed: 'above 0' });
    }
    return;
  }
  if (!['squared', 'huber', 'absolute'].includes(loss.mean))
    throw new TidecastError('NN_OPTION', { 'loss.mean': String(loss.mean) });
  if (loss.delta !== undefined && !(loss.delta > 0 && Number.isFinite(loss.delta))) {
    throw new TidecastError('NN_OPTION', { 'loss.delta': loss.delta, allowed: 'above 0' });
  }
  for (const level of loss.quantiles) {
    if (!(level > 0 && level < 1)) throw new TidecastError('NN_OPTION', { quantile: level, allowed: 'between 0 and 1' });
  }
}

/** What a likelihood's loss holds beside what depends on the output: log sqrt(2 pi); Student's log(sqrt(v pi) G(v/2) / G((v+1)/2)). */
export function constantOf(loss: Loss): number {
  if (!('head' in loss) || loss.head === 'categorical') return 0;
  if (loss.head === 'gaussian') return 0.5 * log(2 * Math.PI);
  const v = loss.degrees;
  return 0.5 * log(v * Math.PI) + logGamma(v / 2) - logGamma((v + 1) / 2);
}

/** Stirling's series, shifted up to where three terms are exact to 1e-10. */
function logGamma(x: number): number {
  let shift = 0;
  for (; x < 12; x++) shift += log(x);
  return (
    (x - 0.5) * log(x) -
    x +
    0.5 * log(2 * Math.PI) +
    1 / (12 * x) -
    1 / (360 * x * x * x) +
    1 / (1260 * x * x * x * x * x) -
    shift
  );
}
