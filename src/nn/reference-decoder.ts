/** An encoder and a decoder in plain doubles: one pair forward and backward. See `reference.ts`; what is computed: `encoder-decoder.ts`. */
import type { Both } from './encoder-decoder.ts';
import { backward, forward, zeroState, type Doubles, type Run } from './reference.ts';
import type { NetworkShape } from './shape.ts';

/** What was read, and what the decoder is shown: [T][inputs] each. */
export type Pair = Both<readonly Float64Array[]>;

/** A pair forward: the decoder begins with the state in which the encoder ends. */
export function forwardBoth(shapes: Both<NetworkShape>, weights: Both<Doubles>, x: Pair): Both<Run> {
  const encoder = forward(shapes.encoder, weights.encoder, x.encoder, zeroState(shapes.encoder));
  return { encoder, decoder: forward(shapes.decoder, weights.decoder, x.decoder, encoder.state) };
}

/** Gradients of every tensor of both, added to `gradients`, for dy = dL/dy of the decoder [T][outputs]. */
export function backwardBoth(
  shapes: Both<NetworkShape>,
  weights: Both<Doubles>,
  x: Pair,
  run: Both<Run>,
  dy: readonly Float64Array[],
  gradients: Both<Doubles>,
): void {
  const dState = zeroState(shapes.decoder);
  backward(shapes.decoder, weights.decoder, x.decoder, run.decoder, dy, gradients.decoder, dState);
  const unused = x.encoder.map(() => new Float64Array(shapes.encoder.outputs));
  backward(shapes.encoder, weights.encoder, x.encoder, run.encoder, unused, gradients.encoder, dState);
}
