/** One step of each cell, forward and backward, in plain doubles. See `reference.ts`. */
import { exp, tanh } from '../core/math/math.ts';
import { candidateApart, cellOf, gatesOf, type NetworkShape } from './shape.ts';
import type { Doubles } from './reference.ts';

/** One step: what came in, what went out, and the activated gates. */
export interface Trace {
  readonly x: Float64Array; // [I]
  readonly hPrev: Float64Array; // [H]
  readonly cPrev: Float64Array; // [H], lstm
  readonly h: Float64Array; // [H]
  readonly c: Float64Array; // [H], lstm
  /** rnn, none h; gru r, z, n; lstm i, f, g, o; with relevance r, u, f, o, n, each [H] */
  readonly gates: Float64Array[];
  /** gru, reset after: U_n h_prev + bn; gru, reset before, and lstm with relevance: r * h_prev */
  readonly k: Float64Array; // [H]
}

const sigmoid = (a: number): number => 1 / (1 + exp(-a));

/** h and c of a step of one layer. */
export function forwardCell(
  shape: NetworkShape,
  weights: Doubles,
  layer: number,
  x: Float64Array,
  hPrev: Float64Array,
  cPrev: Float64Array,
): Trace {
  const H = shape.hidden;
  const W = weights.get(`layers.${layer}.w`)!; // [G H][I]
  const U = weights.get(`layers.${layer}.u`)!; // [G H][H]
  const b = weights.get(`layers.${layer}.b`)!; // [G H]
  const wx = (g: number): Float64Array => Float64Array.from({ length: H }, (_, j) => b[g * H + j]! + dot(W, g * H + j, x));
  const uh = (g: number, h: Float64Array): Float64Array => Float64Array.from({ length: H }, (_, j) => dot(U, g * H + j, h));
  const sum = (g: number): Float64Array => added(wx(g), uh(g, hPrev));
  const none = new Float64Array(0);
  const cell = cellOf(shape);
  if (cell === 'rnn' || cell === 'none') {
    const h = (cell === 'none' ? wx(0) : sum(0)).map(tanh);
    return { x, hPrev, cPrev, h, c: none, gates: [h], k: none };
  }
  if (cell === 'lstm relevance') {
    const [r, u, f, o] = [0, 1, 2, 3].map((g) => sum(g).map(sigmoid)) as [Float64Array, Float64Array, Float64Array, Float64Array];
    const k = times(r, hPrev);
    const n = added(wx(4), uh(4, k)).map(tanh);
    const c = cPrev.map((before, j) => u[j]! * n[j]! + f[j]! * before);
    return { x, hPrev, cPrev, h: times(o, c), c, gates: [r, u, f, o, n], k };
  }
  if (cell === 'lstm') {
    const i = sum(0).map(sigmoid);
    const f = sum(1).map(sigmoid);
    const g = sum(2).map(tanh);
    const o = sum(3).map(sigmoid);
    const c = cPrev.map((before, j) => f[j]! * before + i[j]! * g[j]!);
    const h = c.map((value, j) => o[j]! * tanh(value));
    return { x, hPrev, cPrev, h, c, gates: [i, f, g, o], k: none };
  }
  const r = sum(0).map(sigmoid);
  const z = sum(1).map(sigmoid);
  const bn = weights.get(`layers.${layer}.bn`); // [H]
  const after = cell === 'gru after';
  const k = after ? added(uh(2, hPrev), bn!) : times(r, hPrev);
  const n = added(wx(2), after ? times(r, k) : uh(2, k)).map(tanh);
  const h = n.map((value, j) => (1 - z[j]!) * value + z[j]! * hPrev[j]!);
  return { x, hPrev, cPrev, h, c: none, gates: [r, z, n], k };
}

/** From dh = dL/dh and dc = dL/dc (of the steps after) to the same of the step before, and dx; adds to the layer's gradients. */
export function backwardCell(
  shape: NetworkShape,
  weights: Doubles,
  layer: number,
  step: Trace,
  dh: Float64Array,
  dc: Float64Array,
  gradients: Doubles,
): { dh: Float64Array<ArrayBuffer>; dc: Float64Array<ArrayBuffer>; dx: Float64Array<ArrayBuffer> } {
  const H = shape.hidden;
  const U = weights.get(`layers.${layer}.u`)!;
  const dU = gradients.get(`layers.${layer}.u`)!;
  const { x, hPrev, cPrev } = step;
  const dhPrev = new Float64Array(H);
  const dcPrev = new Float64Array(H);
  const da: Float64Array[] = []; // by gate, dL/d(what the gate's function is applied to)
  const cell = cellOf(shape);
  if (cell === 'rnn' || cell === 'none') {
    da[0] = dh.map((d, j) => d * (1 - step.h[j]! * step.h[j]!));
  } else if (cell === 'lstm relevance') {
    const [r, u, f, o, n] = step.gates as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
    const dC = dc.map((d, j) => d + dh[j]! * o[j]!);
    da[1] = dC.map((d, j) => d * n[j]! * u[j]! * (1 - u[j]!));
    da[2] = dC.map((d, j) => d * cPrev[j]! * f[j]! * (1 - f[j]!));
    da[3] = dh.map((d, j) => d * step.c[j]! * o[j]! * (1 - o[j]!));
    da[4] = dC.map((d, j) => d * u[j]! * (1 - n[j]! * n[j]!));
    const drh = new Float64Array(H); // dL/d(r * h_prev)
    product(U, dU, 4 * H, da[4], step.k, drh);
    da[0] = drh.map((d, j) => d * hPrev[j]! * r[j]! * (1 - r[j]!));
    drh.forEach((d, j) => (dhPrev[j]! += d * r[j]!));
    dC.forEach((d, j) => (dcPrev[j] = d * f[j]!));
  } else if (cell === 'lstm') {
    const [i, f, g, o] = step.gates as [Float64Array, Float64Array, Float64Array, Float64Array];
    const tc = step.c.map(tanh);
    const dC = dc.map((d, j) => d + dh[j]! * o[j]! * (1 - tc[j]! * tc[j]!));
    da[0] = dC.map((d, j) => d * g[j]! * i[j]! * (1 - i[j]!));
    da[1] = dC.map((d, j) => d * cPrev[j]! * f[j]! * (1 - f[j]!));
    da[2] = dC.map((d, j) => d * i[j]! * (1 - g[j]! * g[j]!));
    da[3] = dh.map((d, j) => d * tc[j]! * o[j]! * (1 - o[j]!));
    dC.forEach((d, j) => (dcPrev[j] = d * f[j]!));
  } else {
    const [r, z, n] = step.gates as [Float64Array, Float64Array, Float64Array];
    da[2] = dh.map((d, j) => d * (1 - z[j]!) * (1 - n[j]! * n[j]!));
    let dr: Float64Array;
    if (cell === 'gru after') {
      dr = times(da[2], step.k);
      const dk = times(da[2], r);
      add(gradients.get(`layers.${layer}.bn`)!, 0, dk);
      product(U, dU, 2 * H, dk, hPrev, dhPrev);
    } else {
      const drh = new Float64Array(H); // dL/d(r * h_prev)
      product(U, dU, 2 * H, da[2], step.k, drh);
      dr = times(drh, hPrev);
      drh.forEach((d, j) => (dhPrev[j]! += d * r[j]!));
    }
    da[0] = dr.map((d, j) => d * r[j]! * (1 - r[j]!));
    da[1] = dh.map((d, j) => d * (hPrev[j]! - n[j]!) * z[j]! * (1 - z[j]!));
    dh.forEach((d, j) => (dhPrev[j]! += d * z[j]!));
  }
  const W = weights.get(`layers.${layer}.w`)!;
  const dW = gradients.get(`layers.${layer}.w`)!;
  const dx = new Float64Array(x.length);
  const gates = gatesOf(shape);
  const together = cell === 'none' ? 0 : candidateApart(shape) ? gates - 1 : gates;
  for (let g = 0; g < gates; g++) {
    if (g < together) product(U, dU, g * H, da[g]!, hPrev, dhPrev);
    product(W, dW, g * H, da[g]!, x, dx);
    add(gradients.get(`layers.${layer}.b`)!, g * H, da[g]!);
  }
  return { dh: dhPrev, dc: dcPrev, dx };
}

/** Backward of a = M v, rows `first` on: dM += da v^T, dv += M^T da. */
function product(M: Float64Array, dM: Float64Array, first: number, da: Float64Array, v: Float64Array, dv: Float64Array): void {
  da.forEach((d, j) => {
    for (let k = 0; k < v.length; k++) {
      dM[(first + j) * v.length + k]! += d * v[k]!;
      dv[k]! += d * M[(first + j) * v.length + k]!;
    }
  });
}

function dot(M: Float64Array, row: number, v: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < v.length; k++) sum += M[row * v.length + k]! * v[k]!;
  return sum;
}

function add(to: Float64Array, at: number, values: Float64Array): void {
  values.forEach((value, j) => (to[at + j]! += value));
}

function added(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, j) => value + b[j]!);
}

function times(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, j) => value * b[j]!);
}
