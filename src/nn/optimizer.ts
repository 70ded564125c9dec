/** How weights are changed in training: the options of AdamW, checked. */
import { TidecastError } from '../core/errors.ts';

/** AdamW with clipping by the global norm. */
export interface OptimizerSpec {
  readonly learningRate: number;
  /** Left out: 0.9, 0.999 and 1e-8. */
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled, on every tensor: each update first multiplies the weights by 1 - learningRate * weightDecay. Left out: 0. */
  readonly weightDecay?: number;
  /** Gradients with a larger global norm are scaled down to it. Left out: no clipping. */
  readonly clipNorm?: number;
}

/** The options with their defaults; throws NN_OPTION for one out of range. */
export function checkedOptimizer(spec: OptimizerSpec): Required<OptimizerSpec> {
  const full = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, clipNorm: Infinity, ...spec };
  const ranges: Record<keyof OptimizerSpec, (value: number) => boolean> = {
    learningRate: (value) => value >= 0 && value < Infinity,
    beta1: (value) => value >= 0 && value < 1,
    beta2: (value) => value >= 0 && value < 1,
    epsilon: (value) => value > 0 && value < Infinity,
    weightDecay: (value) => value >= 0 && value < Infinity,
    clipNorm: (value) => value > 0,
  };
  for (const [key, allowed] of Object.entries(ranges)) {
    const value = full[key as keyof OptimizerSpec];
    if (!allowed(value)) throw new TidecastError('NN_OPTION', { [key]: String(value) });
  }
  return full;
}
