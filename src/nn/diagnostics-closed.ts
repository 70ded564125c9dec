/** Diagnostics of networks that work on what has ended: one that reads both ways, and an encoder with its decoder. See `diagnostics.ts`. */
import { backward, doubles, forward, zeroState, type Doubles } from './reference.ts';
import { forwardBothWays } from './reference-bidirectional.ts';
import {
  changed,
  difference,
  drawnProbes,
  feltFor,
  quadraticMean,
  reach,
  slopeOf,
  tracesOf,
  type Diagnosis,
} from './diagnostics.ts';
import type { Both } from './encoder-decoder.ts';
import type { NetworkShape, Weights } from './shape.ts';

/** How many rows to look at each way, with how many drawn sequences, of which seed. */
export interface Look {
  readonly rows: number;
  readonly count: number;
  readonly seed: number;
}

/** The middle row of drawn sequences is changed: how far after it, and how far before, the output feels that. Without gradients. */
export function diagnoseBothWays(shape: NetworkShape, weights: Weights, { rows, count, seed }: Look): Diagnosis {
  const w = doubles(shape, weights);
  const middle = rows - 1;
  const looked = drawnProbes(shape, 2 * rows - 1, count, seed).map(({ x }) => {
    const run = forwardBothWays(shape, w, x);
    const other = forwardBothWays(shape, w, x.with(middle, changed(shape, x[middle]!)));
    return { run, sizes: run.y.map((row, t) => difference(row, other.y[t]!)) };
  });
  const later = quadraticMean(looked.map(({ sizes }) => sizes.slice(middle)));
  const before = quadraticMean(looked.map(({ sizes }) => sizes.slice(0, rows).reverse()));
  const hidden = looked[0]!.run.traces.flatMap((ways, layer) =>
    ways.map((trace, i) => ({
      ...tracesOf(
        trace.map(({ h }) => h),
        layer,
      ),
      way: i === 0 ? ('forward' as const) : ('back' as const),
    })),
  );
  return {
    ...{ rows, probes: count, gradient: [], impulse: later, felt: feltFor(later) },
    before: { impulse: before, felt: feltFor(before) },
    hidden,
  };
}

/**
 * The first output of the decoder, shown `start`: its gradient back through the encoder's states by distance from the last row that was
 * read, and how much it changes when the row so far back is another.
 */
export function diagnosePairs(shapes: Both<NetworkShape>, weights: Both<Weights>, start: number, look: Look): Diagnosis {
  const { rows, count, seed } = look;
  const w = { encoder: doubles(shapes.encoder, weights.encoder), decoder: doubles(shapes.decoder, weights.decoder) };
  const shown = [Float64Array.of(start)];
  const first = (x: readonly Float64Array[], state = zeroState(shapes.encoder)) => {
    const encoder = forward(shapes.encoder, w.encoder, x, state);
    return { encoder, decoder: forward(shapes.decoder, w.decoder, shown, encoder.state) };
  };
  const directions = drawnProbes(shapes.decoder, 1, count, seed);
  const looked = drawnProbes(shapes.encoder, rows, count, seed).map(({ x }, i) => {
    const run = first(x);
    const dState = zeroState(shapes.decoder);
    const dy = directions[i]!.dy(run.decoder.y[0]!);
    const unused: Doubles = doubles(shapes.decoder);
    backward(shapes.decoder, w.decoder, shown, run.decoder, [dy], unused, dState);
    const sizes = Array.from({ length: rows }, (_, k) => {
      const at = rows - 1 - k;
      return difference(run.decoder.y[0]!, first(x.with(at, changed(shapes.encoder, x[at]!))).decoder.y[0]!);
    });
    return { run, sizes, reaches: reach(shapes.encoder, w.encoder, run.encoder, undefined, dState) };
  });
  const impulse = quadraticMean(looked.map(({ sizes }) => sizes));
  const gradient = looked[0]!.reaches.map(({ layer, of }, r) => {
    const norms = quadraticMean(looked.map(({ reaches }) => reaches[r]!.norms));
    return { layer, of, norms, slope: slopeOf(norms) };
  });
  const hidden = looked[0]!.run.encoder.traces.map((trace, layer) =>
    tracesOf(
      trace.map(({ h }) => h),
      layer,
    ),
  );
  return { rows, probes: count, gradient, impulse, felt: feltFor(impulse), hidden };
}
