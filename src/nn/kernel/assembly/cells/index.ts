// Which cell a model is made of. A new cell is one file beside these, a number, and one line in each function that it concerns.
import { columnSums, outer } from '../outer';
import { product } from '../product';
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

/** a [rows] = W x + b, the part of a step that knows nothing of the state. */
export function input(m: Model, l: Layer, rows: i32, x: usize, xs: usize, a: usize): void {
  product(rows, x, xs, l.inputs, l.w, gatesOf(m) * m.hp, l.b, 0, a, m.arow);
}

/** One time step of one layer for `rows` rows, a holding what {@link input} gave. */
export function forward(
  m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize, cPrev: usize, c: usize, e: usize,
): void {
  const cell = m.cell;
  if (cell == LSTM) lstmForward(m, l, rows, a, hPrev, h, cPrev, c);
  else if (cell == GRU_AFTER) forwardAfter(m, l, rows, a, hPrev, h);
  else if (cell == GRU_BEFORE) forwardBefore(m, l, rows, a, hPrev, h, e);
  else if (cell == RELEVANCE) relevanceForward(m, l, rows, a, hPrev, h, cPrev, c, e);
  else if (cell == NONE) noneForward(m, rows, a, h);
  else rnnForward(m, l, rows, a, hPrev, h);
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

/** Adds to the weights' gradients what `rows` rows of one or more steps give, {@link backward} having left theirs in a; to gw and gb where there is an x. */
export function addGradients(m: Model, l: Layer, rows: i32, x: usize, xs: usize, a: usize, hPrev: usize, e: usize): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  const gates = gatesOf(m);
  if (x) {
    outer(rows, x, xs, l.inputs, a, as, gates * m.hp, l.gw);
    columnSums(rows, a, as, gates * m.hp, l.gb);
  }
  if (l.gu) outer(rows, hPrev, s, m.hidden, a, as, (l.gun ? gates - 1 : gates) * m.hp, l.gu);
  if (!l.gun) return;
  const after = m.cell == GRU_AFTER;
  const apart = a + s * <usize>(after ? gates : gates - 1);
  outer(rows, after ? hPrev : e, s, m.hidden, apart, as, m.hp, l.gun);
  if (after) columnSums(rows, apart, as, m.hp, l.gbn);
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
