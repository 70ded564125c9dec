/** What time does to a network: how far back its error reaches, how long an input is felt, what its units do. In doubles, by `reference.ts`. */
import { log } from '../core/math/math.ts';
import { Random, seedOf } from '../core/random.ts';
import { backwardCell } from './reference-cells.ts';
import { doubles, forward, zeroState, type Doubles, type Run } from './reference.ts';
import type { NetworkShape, Weights } from './shape.ts';

/** A sequence to look at a network with: rows [T][inputs], and the gradient of the loss of the last row at its output, dL_T/dy_T. */
export interface Probe {
  readonly x: readonly Float64Array[];
  dy(y: Float64Array): Float64Array;
}

/** The norm of dL_T/dh_{T-k} by distance k from 0, or of dL_T/dc_{T-k}. */
export interface Reach {
  readonly layer: number;
  readonly of: 'h' | 'c';
  readonly norms: readonly number[];
  /** Powers of ten that it changes by in 100 rows: a straight line through the logarithms; 0 stays the same. */
  readonly slope: number;
}

/** What the units of a layer do along the first probe. */
export interface Traces {
  readonly layer: number;
  /** Of a network that reads both ways: which. */
  readonly way?: 'forward' | 'back';
  /** h by row of the first units. */
  readonly units: readonly (readonly number[])[];
  /** Mean of |h| over all units and rows, and the share with |h| above 0.95. */
  readonly mean: number;
  readonly saturated: number;
}

/** All of it, over several probes of one length. */
export interface Diagnosis {
  readonly rows: number;
  readonly probes: number;
  /** Quadratic means over the probes. */
  readonly gradient: readonly Reach[];
  /** By row: the norm of the change of the output when the first row is changed; quadratic means. */
  readonly impulse: readonly number[];
  /** Rows until the impulse stays below a hundredth of its largest; the number of rows where it does not. */
  readonly felt: number;
  /** Of a network that reads both ways: the same for the rows before the one that is changed. */
  readonly before?: { readonly impulse: readonly number[]; readonly felt: number };
  readonly hidden: readonly Traces[];
}

/** Units of a layer whose traces are kept. */
const SHOWN = 8;

/** Looks at a network with probes of the same length, from a state of zeros. */
export function diagnose(shape: NetworkShape, weights: Weights, probes: readonly Probe[]): Diagnosis {
  const w = doubles(shape, weights);
  const runs = probes.map(({ x }) => forward(shape, w, x, zeroState(shape)));
  const reaches = probes.map(({ x, dy }, i) => reach(shape, w, runs[i]!, dy(runs[i]!.y[x.length - 1]!)));
  const gradient = reaches[0]!.map(({ layer, of }, r) => {
    const norms = quadraticMean(reaches.map((each) => each[r]!.norms));
    return { layer, of, norms, slope: slopeOf(norms) };
  });
  const impulse = quadraticMean(probes.map(({ x }, i) => impulseOf(shape, w, x, runs[i]!)));
  return {
    rows: probes[0]!.x.length,
    probes: probes.length,
    gradient,
    impulse,
    felt: feltFor(impulse),
    hidden: runs[0]!.traces.map((trace, layer) =>
      tracesOf(
        trace.map(({ h }) => h, layer),
        layer,
      ),
    ),
  };
}

/** Made-up probes: numbers are standard normal, categories drawn evenly, and the loss is a drawn direction of the last output. */
export function drawnProbes(shape: NetworkShape, rows: number, count: number, seed: number): Probe[] {
  return Array.from({ length: count }, (_, i) => {
    const random = new Random(seedOf(seed, 'probe', i));
    const x = Array.from({ length: rows }, () => {
      const row = Float64Array.from({ length: shape.inputs }, () => random.normal(log));
      if (shape.categories) row[0] = random.below(shape.categories);
      return row;
    });
    const direction = Float64Array.from({ length: shape.outputs }, () => random.normal(log));
    const length = norm(direction);
    return { x, dy: () => direction.map((each) => each / length) };
  });
}

/** Rows until an impulse stays below a hundredth of its largest; their number where it does not. */
export function feltFor(impulse: readonly number[]): number {
  const limit = Math.max(...impulse) / 100;
  return impulse.findLastIndex((size) => size > 0 && size >= limit) + 1;
}

/** Back-propagation of dL_T/dy_T, or of dL/d(state after T), top layer first; what it leaves behind at every step. */
export function reach(
  shape: NetworkShape,
  weights: Doubles,
  run: Run,
  dy: Float64Array = new Float64Array(shape.outputs),
  dState: Float64Array = zeroState(shape),
): Omit<Reach, 'slope'>[] {
  const H = shape.hidden;
  const T = run.y.length;
  const head = weights.get('head.w')!;
  const unused = doubles(shape);
  let above = run.y.map(() => new Float64Array(H)); // dL/dh_t from the layer above, or from the head
  dy.forEach((d, o) => {
    for (let j = 0; j < H; j++) above[T - 1]![j]! += d * head[o * H + j]!;
  });
  const found: Omit<Reach, 'slope'>[] = [];
  for (let layer = shape.layers - 1; layer >= 0; layer--) {
    const [hNorms, cNorms]: [number[], number[]] = [[], []];
    const below: Float64Array<ArrayBuffer>[] = [];
    const at = layer * (shape.cell === 'lstm' ? 2 * H : H);
    let dh = dState.slice(at, at + H);
    let dc = shape.cell === 'lstm' ? dState.slice(at + H, at + 2 * H) : new Float64Array(H);
    for (let t = T - 1; t >= 0; t--) {
      const total = dh.map((d, j) => d + above[t]![j]!);
      hNorms.push(norm(total));
      cNorms.push(norm(dc));
      const before = backwardCell(shape, weights, layer, run.traces[layer]![t]!, total, dc, unused);
      [dh, dc, below[t]] = [before.dh, before.dc, before.dx];
    }
    found.unshift({ layer, of: 'h', norms: hNorms });
    // what reaches c_t by the steps after t; at the last there is none
    if (shape.cell === 'lstm') found.splice(1, 0, { layer, of: 'c', norms: cNorms });
    above = below;
  }
  return found;
}

/** The same sequence but for its first row. */
function impulseOf(shape: NetworkShape, weights: Doubles, x: readonly Float64Array[], run: Run): number[] {
  const other = forward(shape, weights, x.with(0, changed(shape, x[0]!)), zeroState(shape));
  return other.y.map((row, t) => difference(row, run.y[t]!));
}

/** Another row: every number one larger, its category the next one. */
export function changed(shape: NetworkShape, row: Float64Array): Float64Array {
  return row.map((value, i) => (shape.categories && i === 0 ? (value + 1) % shape.categories : value + 1));
}

/** The norm of the difference of two rows. */
export function difference(a: Float64Array, b: Float64Array): number {
  return norm(a.map((value, i) => value - b[i]!));
}

/** What units do, from h by row. */
export function tracesOf(h: readonly Float64Array[], layer: number): Traces {
  const all = h.flatMap((row) => [...row].map(Math.abs));
  return {
    layer,
    units: Array.from({ length: Math.min(SHOWN, h[0]!.length) }, (_, j) => h.map((row) => row[j]!)),
    mean: all.reduce((sum, size) => sum + size, 0) / all.length,
    saturated: all.filter((size) => size > 0.95).length / all.length,
  };
}

/** Powers of ten in 100 rows: least squares of log10 against k; what has become 0 counts as the smallest number there is. */
export function slopeOf(norms: readonly number[]): number {
  const n = norms.length - 1;
  let [sum, squares] = [0, 0];
  for (let k = 1; k <= n; k++) {
    const off = k - (n + 1) / 2;
    sum += off * (log(Math.max(norms[k]!, Number.MIN_VALUE)) / log(10));
    squares += off * off;
  }
  return squares === 0 ? 0 : (100 * sum) / squares;
}

/** The quadratic mean of rows, number by number. */
export function quadraticMean(rows: readonly (readonly number[])[]): number[] {
  return rows[0]!.map((_, k) => Math.sqrt(rows.reduce((sum, row) => sum + row[k]! * row[k]!, 0) / rows.length));
}

function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}
