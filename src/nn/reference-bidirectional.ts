/** A bidirectional network in plain doubles, one sequence at a time. See `reference.ts`. */
import { backwardCell, forwardCell, type Trace } from './reference-cells.ts';
import { spread, type Doubles } from './reference.ts';
import { waysOf, type NetworkShape } from './shape.ts';

/** What a forward pass leaves for the backward pass. */
export interface BothWays {
  /** y [T][outputs] */
  readonly y: Float64Array[];
  /** [layer][forward, back][T], the back's in the order in which it read: from the last row to the first. */
  readonly traces: Trace[][][];
}

/** x [T][inputs], both directions from states of zeros. */
export function forwardBothWays(shape: NetworkShape, weights: Doubles, x: readonly Float64Array[]): BothWays {
  const H = shape.hidden;
  const traces: Trace[][][] = [];
  let rows = x.map((row) => spread(shape, weights, row));
  for (let layer = 0; layer < shape.layers; layer++) {
    const [there, back] = waysOf(shape, layer).map((way, i) => {
      const own = renamed(weights, way);
      const trace: Trace[] = [];
      let h = new Float64Array(H);
      let c = new Float64Array(shape.cell === 'lstm' ? H : 0);
      for (const row of i === 0 ? rows : rows.toReversed()) {
        const step = forwardCell(shape, own, 0, row, h, c);
        trace.push(step);
        h = step.h.slice();
        c = step.c.slice();
      }
      return trace;
    }) as [Trace[], Trace[]];
    traces.push([there, back]);
    rows = there.map(({ h }, t) => Float64Array.of(...h, ...back.at(-1 - t)!.h)); // [2 H]
  }
  const w = weights.get('head.w')!; // [outputs][2 H]
  const y = rows.map((a) =>
    weights.get('head.b')!.map((b, o) => a.reduce((sum, value, j) => sum + w[o * 2 * H + j]! * value, b)),
  );
  return { y, traces };
}

/** Gradients of every tensor, added to `gradients`, for dy [T][outputs] = dL/dy. */
export function backwardBothWays(
  shape: NetworkShape,
  weights: Doubles,
  run: BothWays,
  dy: readonly Float64Array[],
  gradients: Doubles,
): void {
  const H = shape.hidden;
  const w = weights.get('head.w')!;
  const dw = gradients.get('head.w')!;
  const db = gradients.get('head.b')!;
  const [last, lastBack] = run.traces.at(-1)! as [Trace[], Trace[]];
  let da = dy.map((row, t) => {
    const a = Float64Array.of(...last[t]!.h, ...lastBack.at(-1 - t)!.h);
    const d = new Float64Array(2 * H);
    row.forEach((value, o) => {
      db[o]! += value;
      for (let j = 0; j < 2 * H; j++) {
        dw[o * 2 * H + j]! += value * a[j]!;
        d[j]! += value * w[o * 2 * H + j]!;
      }
    });
    return d;
  });
  for (let layer = shape.layers - 1; layer >= 0; layer--) {
    const dx = run.traces[layer]![0]!.map(({ x }) => new Float64Array(x.length));
    waysOf(shape, layer).forEach((way, i) => {
      const [own, ownGradients] = [renamed(weights, way), renamed(gradients, way)];
      const trace = run.traces[layer]![i]!;
      let dh = new Float64Array(H);
      let dc = new Float64Array(H);
      for (let k = trace.length - 1; k >= 0; k--) {
        const t = i === 0 ? k : trace.length - 1 - k;
        const above = da[t]!.subarray(i * H, (i + 1) * H);
        const before = backwardCell(
          shape,
          own,
          0,
          trace[k]!,
          dh.map((d, j) => d + above[j]!),
          dc,
          ownGradients,
        );
        ({ dh, dc } = before);
        before.dx.forEach((d, j) => (dx[t]![j]! += d));
      }
    });
    da = dx;
  }
}

/** The tensors of one direction of a layer, as those of a first layer. */
function renamed(tensors: Doubles, way: string): Doubles {
  const own = ['w', 'u', 'b', 'bn'].flatMap((name) => {
    const values = tensors.get(`${way}.${name}`);
    return values ? [[`layers.0.${name}`, values] as const] : [];
  });
  return new Map(own);
}
