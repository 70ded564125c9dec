/** Categories and classes are numbers from 0 upwards; what is none of them is refused. */
import { TidecastError } from '../core/errors.ts';

/** Throws NN_CATEGORY unless every `stride`-th value is a whole number below `count`; NaN passes where it is `unknown`. */
export function checkCategories(name: string, values: Float32Array, stride: number, count: number, unknown = false): void {
  for (let i = 0; i < values.length; i += stride) {
    const value = values[i]!;
    if (Number.isInteger(value) ? value >= 0 && value < count : unknown && value !== value) continue;
    throw new TidecastError('NN_CATEGORY', { [name]: String(value), row: i / stride, allowed: `0 to ${count - 1}` });
  }
}
