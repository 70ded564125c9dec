// Which cell a model is made of. A new cell is one file beside these, a number, and one line in each function that it concerns.
import { Layer, Model } from '../structs';
import { backwardAfter, backwardBefore, forwardAfter, forwardBefore } from './gru';
import { backward as lstmBackward, forward as lstmForward } from './lstm';
import { backward as relevanceBackward, forward as relevanceForward } from './lstm-relevance';
import { backward as noneBackward, forward as noneForward } from './none';
import { backward as rnnBackward, forward as rnnForward } from './rnn';

const RNN = 0;
const GRU_BEFORE = 1;
const GRU_AFTER = 2;
const LSTM = 3;
const RELEVANCE = 4;
const NONE = 5;

/** One time step of one layer for `rows` rows. */
export function forward(
  m: Model, l: Layer, rows: i32, x: usize, xs: usize, a: usize, hPrev: usize, h: usize, cPrev: usize, c: usize, e: usize,
): void {
  const cell = m.cell;
  if (cell == LSTM) lstmForward(m, l, rows, x, xs, a, hPrev, h, cPrev, c);
  else if (cell == GRU_AFTER) forwardAfter(m, l, rows, x, xs, a, hPrev, h);
  else if (cell == GRU_BEFORE) forwardBefore(m, l, rows, x, xs, a, hPrev, h, e);
  else if (cell == RELEVANCE) relevanceForward(m, l, rows, x, xs, a, hPrev, h, cPrev, c, e);
  else if (cell == NONE) noneForward(m, l, rows, x, xs, a, h);
  else rnnForward(m, l, rows, x, xs, a, hPrev, h);
}

/** The same step backwards. a: activations in, gradients of the pre-activations out; dh, dc: after this step in, before it out. */
export function backward(
  m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize, cPrev: usize, c: usize, e: usize,
  dOut: usize, dh: usize, dc: usize, de: usize,
): void {
  const cell = m.cell;
  if (cell == LSTM) lstmBackward(m, l, rows, a, hPrev, cPrev, c, dOut, dh, dc);
  else if (cell == GRU_AFTER) backwardAfter(m, l, rows, a, hPrev, dOut, dh);
  else if (cell == GRU_BEFORE) backwardBefore(m, l, rows, a, hPrev, dOut, dh, e, de);
  else if (cell == RELEVANCE) relevanceBackward(m, l, rows, a, hPrev, cPrev, c, e, dOut, dh, dc, de);
  else if (cell == NONE) noneBackward(m, rows, a, h, dOut, dh);
  else rnnBackward(m, l, rows, a, hPrev, h, dOut, dh);
}

/** Whether the state has a c beside h. */
// @ts-ignore: decorator
@inline
export function hasC(m: Model): bool {
  return m.cell == LSTM || m.cell == RELEVANCE;
}

/** Columns of W, in groups of hp. */
export function gatesOf(m: Model): i32 {
  const cell = m.cell;
  return cell == RELEVANCE ? 5 : cell == LSTM ? 4 : cell == RNN || cell == NONE ? 1 : 3;
}
