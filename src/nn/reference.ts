/**
 * The same mathematics as the kernel's in plain doubles: one loop a formula, the formula's own letters.
 *
 * It is what the kernel is tested against, tensor by tensor, and the place to read how a network works. One sequence at a time;
 * B sequences are B calls. H units, I inputs of the layer, G gates, T steps.
 */
import { backwardCell, forwardCell, type Trace } from './reference-cells.ts';
import { pow } from '../core/math/math.ts';
import { sizeOf, spreadOf, stateSizeOf, tensorsOf, widthOf, type NetworkShape } from './shape.ts';
import type { OptimizerSpec } from './optimizer.ts';

/** Tensors by name in double precision. */
export type Doubles = ReadonlyMap<string, Float64Array>;

/** What a forward pass over one sequence leaves for the backward pass. */
export interface Run {
  /** y [T][outputs] */
  readonly y: Float64Array[];
  /** The state after the last step, by layer h [H], then for `lstm` c [H]. */
  readonly state: Float64Array;
  /** [layer][T] */
  readonly traces: Trace[][];
}

/** One sequence forward: x [T][inputs] from a state. */
export function forward(shape: NetworkShape, weights: Doubles, x: readonly Float64Array[], state: Float64Array): Run {
  const H = shape.hidden;
  const width = widthOf(shape);
  const wide = shape.cell === 'lstm' ? 2 * H : H;
  const after = state.slice();
  const traces: Trace[][] = [];
  const seen = x.map((row) => spread(shape, weights, row));
  let rows = seen;
  for (let layer = 0; layer < shape.layers; layer++) {
    const trace: Trace[] = [];
    for (const row of rows) {
      const at = after.subarray(layer * wide, (layer + 1) * wide);
      const step = forwardCell(shape, weights, layer, row, at.slice(0, H), at.slice(H));
      at.set(step.h);
      at.set(step.c, H);
      trace.push(step);
    }
    traces.push(trace);
    rows = trace.map((step) => step.h);
  }
  const w = weights.get('head.w')!; // [outputs][H]
  const b = weights.get('head.b')!;
  const s = weights.get('head.s'); // [outputs][inputs]
  const y = rows.map((h, t) => {
    const out = b.slice();
    for (let o = 0; o < out.length; o++) {
      for (let j = 0; j < H; j++) out[o]! += w[o * H + j]! * h[j]!;
      if (s) for (let i = 0; i < width; i++) out[o]! += s[o * width + i]! * seen[t]![i]!;
    }
    return out;
  });
  return { y, state: after, traces };
}

/**
 * Gradients of every tensor, added to `gradients`, for dy [T][outputs] = dL/dy: back-propagation through time.
 *
 * `dState` is dL/d(state): that after the last step comes in, that before the first goes out.
 */
export function backward(
  shape: NetworkShape,
  weights: Doubles,
  x: readonly Float64Array[],
  run: Run,
  dy: readonly Float64Array[],
  gradients: Doubles,
  dState: Float64Array = zeroState(shape),
): void {
  const H = shape.hidden;
  const wide = shape.cell === 'lstm' ? 2 * H : H;
  const T = x.length;
  const w = weights.get('head.w')!;
  const dw = gradients.get('head.w')!;
  const db = gradients.get('head.b')!;
  const s = weights.get('head.s');
  const ds = gradients.get('head.s');
  const width = widthOf(shape);
  const seen = run.traces[0]!.map((step) => step.x);
  const dSeen = seen.map(() => new Float64Array(width));
  let dOut: Float64Array[] = dy.map((row, t) => {
    const h = run.traces.at(-1)![t]!.h;
    const dh = new Float64Array(H);
    row.forEach((d, o) => {
      db[o]! += d;
      for (let j = 0; j < H; j++) {
        dw[o * H + j]! += d * h[j]!;
        dh[j]! += d * w[o * H + j]!;
      }
      for (let i = 0; ds && i < width; i++) {
        ds[o * width + i]! += d * seen[t]![i]!;
        dSeen[t]![i]! += d * s![o * width + i]!;
      }
    });
    return dh;
  });
  for (let layer = shape.layers - 1; layer >= 0; layer--) {
    const at = dState.subarray(layer * wide, (layer + 1) * wide);
    let dh = at.slice(0, H); // dL/dh_t from step t + 1
    let dc = wide > H ? at.slice(H) : new Float64Array(H);
    const dx: Float64Array[] = [];
    for (let t = T - 1; t >= 0; t--) {
      const total = dh.map((d, j) => d + dOut[t]![j]!);
      const before = backwardCell(shape, weights, layer, run.traces[layer]![t]!, total, dc, gradients);
      dh = before.dh;
      dc = before.dc;
      dx[t] = before.dx;
    }
    at.set(dh);
    if (wide > H) at.set(dc, H);
    dOut = dx;
  }
  const table = gradients.get('embed.w'); // [categories][embedding]
  if (!table) return;
  const E = shape.embedding!;
  x.forEach((row, t) => {
    for (let j = 0; j < E; j++) table[row[0]! * E + j]! += dOut[t]![j]! + dSeen[t]![j]!;
  });
}

/** A row as the first layer sees it: its category one-hot, or the category's row of the table, then the other numbers. */
export function spread(shape: NetworkShape, weights: Doubles, row: Float64Array): Float64Array {
  if (!shape.categories) return row;
  const E = spreadOf(shape);
  const table = weights.get('embed.w');
  const seen = new Float64Array(widthOf(shape));
  for (let j = 0; j < E; j++) seen[j] = table ? table[row[0]! * E + j]! : Number(j === row[0]);
  seen.set(row.subarray(1), E);
  return seen;
}

/** The moments that {@link adamW} keeps. */
export interface Moments {
  t: number;
  readonly m: Doubles;
  readonly v: Doubles;
}

/** One AdamW update in place (Loshchilov and Hutter, 2019, algorithm 2, after clipping by the global norm); gives the norm before clipping. */
export function adamW(spec: OptimizerSpec, weights: Doubles, gradients: Doubles, moments: Moments): number {
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, clipNorm = Infinity } = spec;
  let squares = 0;
  for (const g of gradients.values()) for (const value of g) squares += value * value;
  const norm = Math.sqrt(squares);
  const clip = norm > clipNorm ? clipNorm / norm : 1;
  const t = ++moments.t;
  for (const [name, w] of weights) {
    const g = gradients.get(name)!;
    const m = moments.m.get(name)!;
    const v = moments.v.get(name)!;
    for (let i = 0; i < w.length; i++) {
      const d = clip * g[i]!;
      m[i] = beta1 * m[i]! + (1 - beta1) * d;
      v[i] = beta2 * v[i]! + (1 - beta2) * d * d;
      const mHat = m[i]! / (1 - pow(beta1, t));
      const vHat = v[i]! / (1 - pow(beta2, t));
      w[i] = w[i]! * (1 - learningRate * weightDecay) - (learningRate * mHat) / (Math.sqrt(vHat) + epsilon);
    }
  }
  return norm;
}

/** Tensors of a shape in doubles: zeros, or a copy of weights. */
export function doubles(shape: NetworkShape, weights?: ReadonlyMap<string, ArrayLike<number>>): Doubles {
  return new Map(
    tensorsOf(shape).map((t) => [t.name, weights ? Float64Array.from(weights.get(t.name)!) : new Float64Array(sizeOf(t))]),
  );
}

/** A state of zeros. */
export function zeroState(shape: NetworkShape): Float64Array {
  return new Float64Array(stateSizeOf(shape));
}
