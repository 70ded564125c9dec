// A batch of sequences forward, and backward through time. The step is the cells' own, so training and serving agree to the bit.
import { addByCategory, addToTable, rowsByCategory, spread, spreadSums } from './categories';
import { addGradients, backward as cellBackward, forward as cellForward, gatesOf, hasC, input } from './cells/index';
import { loss } from './losses';
import { columnSums, outer } from './outer';
import { product, transpose } from './product';
import { copyRows } from './rows';
import { Batch, Layer, Model } from './structs';

/** Rows of which the gradients of the weights are made at once where symbols are learnt; elsewhere each step's are. */
const AT_ONCE: i32 = 64;

// @ts-ignore: decorator
@inline
function layerOf(m: Model, i: i32): Layer {
  return changetype<Layer>(m.first + <usize>i * offsetof<Layer>());
}

/** From `state` and x to y, the loss, its gradient at the head, and the state after the last step. */
export function forward(m: Model, t: Batch): f64 {
  const n = t.steps * t.batch;
  const hs = <usize>m.hp << 2;
  const as = m.arow;
  const ss = <usize>t.stateSize << 2;
  const part = <usize>m.hidden << 2;
  const tall = <usize>(n + t.batch) * hs;
  let at = t.state;
  const gates = gatesOf(m) * m.hp;
  const x0s = <usize>m.inputs << 2;
  if (t.ac) input(m, layerOf(m, 0), m.categories, m.table, <usize>m.spread << 2, t.ac);
  else if (m.categories) spread(m, n, t.x, t.xw);
  let x = m.categories ? t.xw : t.x;
  let xs = x0s;
  for (let i = 0; i < m.layers; i++) {
    const h = t.h + <usize>i * tall;
    const c = t.c + (hasC(m) ? <usize>i * tall : 0);
    copyRows(t.batch, at, ss, h, hs, m.hidden);
    if (hasC(m)) copyRows(t.batch, at + part, ss, c, hs, m.hidden);
    for (let k = 0; k < t.steps; k++) {
      const row = <usize>(k * t.batch);
      const next = row + t.batch;
      const a = t.a + (<usize>(i * n) + row) * as;
      if (t.ac && !i) rowsByCategory(t.batch, t.x + (row << 2), t.ac, as, gates, a);
      else input(m, layerOf(m, i), t.batch, x + row * xs, xs, a);
      cellForward(
        m, layerOf(m, i), t.batch, a,
        h + row * hs, h + next * hs, c + row * hs, c + next * hs, t.e + (<usize>(i * n) + row) * hs,
      );
    }
    copyRows(t.batch, h + <usize>n * hs, hs, at, ss, m.hidden);
    if (hasC(m)) copyRows(t.batch, c + <usize>n * hs, hs, at + part, ss, m.hidden);
    at += hasC(m) ? part << 1 : part;
    x = h + <usize>t.batch * hs;
    xs = hs;
  }
  const os = <usize>m.op << 2;
  const ys = <usize>m.outputs << 2;
  const from = <usize>(t.warm * t.batch);
  const rows = n - <i32>from;
  const o = t.o + from * os;
  product(rows, x + from * xs, xs, m.hidden, m.w, m.op, m.b, 0, o, os);
  if (m.s) product(rows, (m.categories ? t.xw : t.x) + from * x0s, x0s, m.inputs, m.s, m.op, o, os, o, os);
  copyRows(rows, o, os, t.y + from * ys, ys, m.outputs);
  return loss(m, t);
}

/**
 * Adds the loss's gradient to the gradients, which the caller has set to zero. Activations are used up.
 *
 * What comes from elsewhere: dx, the gradient of the last layer's output, and dstate, that of the state after the last step. What goes
 * elsewhere: din, the gradient of x (without layers: dx), and dstate, that of the state before the first step.
 */
export function backward(m: Model, t: Batch): void {
  const n = t.steps * t.batch;
  const hs = <usize>m.hp << 2;
  const as = m.arow;
  const os = <usize>m.op << 2;
  const tall = <usize>(n + t.batch) * hs;
  const gates = gatesOf(m) * m.hp;
  const ss = <usize>t.stateSize << 2;
  const part = <usize>m.hidden << 2;
  const x = m.categories ? t.xw : t.x;
  const top = m.layers ? t.h + <usize>(m.layers - 1) * tall + <usize>t.batch * hs : x;
  const ts = m.layers ? hs : <usize>m.inputs << 2;
  const from = <usize>(t.warm * t.batch);
  const rows = n - <i32>from;
  const d = t.do + from * os;
  outer(rows, top + from * ts, ts, m.hidden, d, os, m.op, m.gw);
  columnSums(rows, d, os, m.op, m.gb);
  if (m.s) outer(rows, x + ((from * m.inputs) << 2), <usize>m.inputs << 2, m.inputs, d, os, m.op, m.gs);
  product(rows, d, os, m.op, m.wt, m.hp, t.dx + from * hs, hs, t.dx + from * hs, hs);
  const span = t.ac ? max(1, AT_ONCE / t.batch) : 1;
  for (let i = m.layers - 1; i >= 0; i--) {
    const l = layerOf(m, i);
    const h = t.h + <usize>i * tall;
    const c = t.c + (hasC(m) ? <usize>i * tall : 0);
    const below = i ? h - tall + <usize>t.batch * hs : x;
    const xs = i ? hs : <usize>m.inputs << 2;
    const at = t.dstate + <usize>i * (hasC(m) ? part << 1 : part);
    const sums = i ? 0 : t.ac;
    if (sums) memory.fill(sums, 0, <usize>m.categories * as);
    memory.fill(t.dh, 0, <usize>t.batch * hs);
    memory.fill(t.dc, 0, <usize>t.batch * hs);
    copyRows(t.batch, at, ss, t.dh, hs, m.hidden);
    if (hasC(m)) copyRows(t.batch, at + part, ss, t.dc, hs, m.hidden);
    for (let k = t.steps - 1; k >= 0; k--) {
      const row = <usize>(k * t.batch);
      const next = row + t.batch;
      const a = t.a + (<usize>(i * n) + row) * as;
      const dx = t.dx + row * hs;
      cellBackward(
        m, l, t.batch, a, h + row * hs, h + next * hs, c + row * hs, c + next * hs, t.e + (<usize>(i * n) + row) * hs,
        dx, t.dh, t.dc, t.de,
      );
      if (sums) addByCategory(t.batch, t.x + (row << 2), a, as, gates, sums);
      if (k % span == 0) {
        const some = min(span, t.steps - k) * t.batch;
        const e = t.e + (<usize>(i * n) + row) * hs;
        addGradients(m, l, some, sums ? 0 : below + row * xs, xs, a, h + row * hs, e);
      }
      if (sums) continue;
      if (i) {
        memory.fill(dx, 0, <usize>t.batch * hs);
        product(t.batch, a, as, gates, l.wt, m.hp, dx, hs, dx, hs);
      } else if (m.table) {
        const wide = (m.spread + 7) & ~7;
        const ws = <usize>wide << 2;
        memory.fill(t.dxw, 0, <usize>t.batch * ws);
        product(t.batch, a, as, gates, l.wt, wide, t.dxw, ws, t.dxw, ws);
        if (m.s) product(t.batch, t.do + row * os, os, m.op, m.st, wide, t.dxw, ws, t.dxw, ws);
        addToTable(m, t.batch, t.x + ((row * m.raw) << 2), t.dxw, ws);
      } else if (t.din) {
        const wide = (m.inputs + 7) & ~7;
        const ws = <usize>wide << 2;
        const din = t.din + row * ws;
        memory.fill(din, 0, <usize>t.batch * ws);
        product(t.batch, a, as, gates, l.wt, wide, din, ws, din, ws);
      }
    }
    if (sums) {
      columnSums(m.categories, sums, as, gates, l.gb);
      spreadSums(m, l, gates, sums, as, t.dxw);
    }
    copyRows(t.batch, t.dh, hs, at, ss, m.hidden);
    if (hasC(m)) copyRows(t.batch, t.dc, hs, at + part, ss, m.hidden);
  }
}

/** Makes the transposed weights that `backward` multiplies by; to be called whenever the weights have changed. */
export function transposeAll(m: Model): void {
  const gates = gatesOf(m) * m.hp;
  for (let i = 0; i < m.layers; i++) {
    const l = layerOf(m, i);
    if (l.wt) transpose(l.w, l.inputs, gates, l.wt);
    if (l.u) transpose(l.u, m.hidden, l.un ? gates - m.hp : gates, l.ut);
    if (l.un) transpose(l.un, m.hidden, m.hp, l.unt);
  }
  transpose(m.w, m.hidden, m.op, m.wt);
  if (m.st) transpose(m.s, m.inputs, m.op, m.st);
}
