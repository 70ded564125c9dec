// Which cell a model is made of. A new cell is one file beside these and one line in each of the two functions.
import { Layer, Model } from '../structs';
import { backwardAfter, backwardBefore, forwardAfter, forwardBefore } from './gru';
import { backward as lstmBackward, forward as lstmForward } from './lstm';
import { backward as rnnBackward, forward as rnnForward } from './rnn';

export const LSTM = 3;

/** One time step of one layer for `rows` rows. */
export function forward(
  m: Model, l: Layer, rows: i32, x: usize, xs: usize, a: usize, hPrev: usize, h: usize, cPrev: usize, c: usize, e: usize,
): void {
  const cell = m.cell;
  if (cell == LSTM) lstmForward(m, l, rows, x, xs, a, hPrev, h, cPrev, c);
  else if (cell == 2) forwardAfter(m, l, rows, x, xs, a, hPrev, h);
  else if (cell == 1) forwardBefore(m, l, rows, x, xs, a, hPrev, h, e);
  else rnnForward(m, l, rows, x, xs, a, hPrev, h);
}

/** The same step backwards. a: activations in, gradients of the pre-activations out; dh, dc: after this step in, before it out. */
export function backward(
  m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize, cPrev: usize, c: usize, e: usize,
  dOut: usize, dh: usize, dc: usize, de: usize,
): void {
  const cell = m.cell;
  if (cell == LSTM) lstmBackward(m, l, rows, a, hPrev, cPrev, c, dOut, dh, dc);
  else if (cell == 2) backwardAfter(m, l, rows, a, hPrev, dOut, dh);
  else if (cell == 1) backwardBefore(m, l, rows, a, hPrev, dOut, dh, e, de);
  else rnnBackward(m, l, rows, a, hPrev, h, dOut, dh);
}

/** Columns of W, in groups of hp. */
export function gatesOf(m: Model): i32 {
  const cell = m.cell;
  return cell == LSTM ? 4 : cell == 0 ? 1 : 3;
}
