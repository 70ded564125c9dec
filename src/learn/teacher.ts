/** What a decoder is shown as the value before: the true one, by a teacher, or its own. */
import { exp } from '../core/math/math.ts';

/**
 * How the share of true values goes from 1 to its floor over a training.
 *
 * `always` is teacher forcing (Williams and Zipser, 1989), `never` goes without. Between them is scheduled sampling (Bengio et al., 2015,
 * "Scheduled sampling for sequence prediction with recurrent neural networks"): a straight line, or an inverse sigmoid.
 */
export type Teacher = 'always' | 'linear' | 'inverse_sigmoid' | 'never';

/** The share of true values at `done`, from 0 where training begins to 1 where it ends. */
export function trueShare(teacher: Teacher, floor: number, done: number): number {
  if (teacher === 'always') return 1;
  if (teacher === 'never') return 0;
  const falling = teacher === 'linear' ? 1 - done : 1 / (1 + exp(10 * (done - 0.5)));
  return floor + (1 - floor) * falling;
}
