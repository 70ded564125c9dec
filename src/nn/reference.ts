/**
 * The same mathematics as the kernel's in plain doubles: one loop a formula, the formula's own letters.
 *
 * It is what the kernel is tested against, tensor by tensor, and the place to read how a network works. One sequence at a time;
 * B sequences are B calls. H units, I inputs of the layer, G gates, T steps.
 */
import { backwardCell, forwardCell, type Trace } from './reference-cells.ts';
import { pow } from '../core/math/math.ts';
import { targetsOf, type LossSpec } from './losses.ts';
import { sizeOf, stateSizeOf, tensorsOf, type NetworkShape } from './shape.ts';
import type { OptimizerSpec } from './trainer.ts';

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
  const wide = shape.cell === 'lstm' ? 2 * H : H;
  const after = state.slice();
  const traces: Trace[][] = [];
  let rows = x;
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
      if (s) for (let i = 0; i < shape.inputs; i++) out[o]! += s[o * shape.inputs + i]! * x[t]![i]!;
    }
    return out;
  });
  return { y, state: after, traces };
}

/** Gradients of every tensor, added to `gradients`, for dy [T][outputs] = dL/dy: back-propagation through time. */
export function backward(
  shape: NetworkShape,
  weights: Doubles,
  x: readonly Float64Array[],
  run: Run,
  dy: readonly Float64Array[],
  gradients: Doubles,
): void {
  const H = shape.hidden;
  const T = x.length;
  const w = weights.get('head.w')!;
  const dw = gradients.get('head.w')!;
  const db = gradients.get('head.b')!;
  const ds = gradients.get('head.s');
  let dOut: Float64Array[] = dy.map((row, t) => {
    const h = run.traces.at(-1)![t]!.h;
    const dh = new Float64Array(H);
    row.forEach((d, o) => {
      db[o]! += d;
      for (let j = 0; j < H; j++) {
        dw[o * H + j]! += d * h[j]!;
        dh[j]! += d * w[o * H + j]!;
      }
      if (ds) for (let i = 0; i < shape.inputs; i++) ds[o * shape.inputs + i]! += d * x[t]![i]!;
    });
    return dh;
  });
  for (let layer = shape.layers - 1; layer >= 0; layer--) {
    let dh = new Float64Array(H); // dL/dh_t from step t + 1
    let dc = new Float64Array(H);
    const dx: Float64Array[] = [];
    for (let t = T - 1; t >= 0; t--) {
      const total = dh.map((d, j) => d + dOut[t]![j]!);
      const before = backwardCell(shape, weights, layer, run.traces[layer]![t]!, total, dc, gradients);
      dh = before.dh;
      dc = before.dc;
      dx[t] = before.dx;
    }
    dOut = dx;
  }
}

/** Loss and dL/dy of several sequences: y and target [B][T][...], a target of NaN is unknown. Formulas: {@link LossSpec}. */
export function loss(
  spec: LossSpec,
  y: readonly (readonly Float64Array[])[],
  target: readonly (readonly Float64Array[])[],
): { loss: number; dy: Float64Array[][] } {
  const Q = spec.quantiles.length;
  const K = targetsOf(y[0]![0]!.length, spec);
  const delta = spec.delta ?? 1;
  const dy = y.map((rows) => rows.map((row) => new Float64Array(row.length)));
  const N = target.flat().reduce((sum, row) => sum + row.filter((value) => !Number.isNaN(value)).length, 0);
  let sum = 0;
  y.forEach((rows, b) =>
    rows.forEach((row, t) => {
      for (let k = 0; k < K; k++) {
        const truth = target[b]![t]![k]!;
        if (Number.isNaN(truth)) continue;
        const at = k * (1 + Q);
        const e = row[at]! - truth;
        const size = Math.abs(e);
        const square = spec.mean === 'squared' || (spec.mean === 'huber' && size <= delta);
        const scale = spec.mean === 'squared' ? 1 : 0.5;
        const slope = spec.mean === 'huber' ? delta : 1;
        sum += square ? scale * e * e : slope * (size - (spec.mean === 'huber' ? delta / 2 : 0));
        dy[b]![t]![at] = (square ? 2 * scale * e : slope * Math.sign(e)) / N;
        for (let i = 0; i < Q; i++) {
          const q = spec.quantiles[i]!;
          const u = truth - row[at + 1 + i]!;
          sum += Math.max(q * u, (q - 1) * u) / Q;
          dy[b]![t]![at + 1 + i] = (u > 0 ? -q : u < 0 ? 1 - q : 0) / (Q * N);
        }
      }
    }),
  );
  return { loss: N === 0 ? 0 : sum / N, dy };
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
