/** An encoder and a decoder at work: many pairs side by side, or one by a search. */
import { exp, log } from '../core/math/math.ts';
import { checkBoth, type Both } from '../nn/encoder-decoder.ts';
import { Network } from '../nn/network.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import type { Pair } from './pairs.ts';
import { look, type Found, type How, type Search } from './search.ts';

/** Log probabilities from logits, in doubles. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const found = Float64Array.from(logits);
  const largest = found.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const total = log(found.reduce((sum, logit) => sum + exp(logit - largest), 0));
  return found.map((logit) => logit - largest - total);
}

/** What a decoder says by itself: the likeliest symbol, of equals the lower one; or the quantity. */
export function ownValue(y: Float32Array): number {
  if (y.length === 1) return y[0]!;
  let best = 0;
  for (let j = 1; j < y.length; j++) if (y[j]! > y[best]!) best = j;
  return best;
}

/** Steps both networks. Throws NN_SHAPE where they do not fit together, and NN_WEIGHTS where weights are damaged. */
export class Decoding {
  readonly #shapes: Both<NetworkShape>;
  readonly #encoder: Network;
  readonly #decoder: Network;

  constructor(shapes: Both<NetworkShape>, weights: Both<Weights>) {
    checkBoth(shapes);
    this.#shapes = shapes;
    this.#encoder = new Network(shapes.encoder, { slots: 1 });
    this.#decoder = new Network(shapes.decoder, { slots: 1 });
    this.#encoder.setWeights(0, weights.encoder);
    this.#decoder.setWeights(0, weights.decoder);
  }

  /** Takes over newer weights, of the decoder alone or of both; throws NN_WEIGHTS. */
  renew({ encoder, decoder }: Partial<Both<Weights>> & Pick<Both<Weights>, 'decoder'>): void {
    if (encoder) this.#encoder.setWeights(0, encoder);
    this.#decoder.setWeights(0, decoder);
  }

  /** The state after each pair was read: pairs x stateSize. */
  encode(pairs: readonly Pair[]): Float32Array {
    const network = this.#encoder;
    const { inputs } = this.#shapes.encoder;
    network.reserve(pairs.length);
    network.reserveWave(pairs.length);
    network.state.fill(0);
    const longest = pairs.reduce((most, { rows }) => Math.max(most, rows), 0);
    for (let t = 0; t < longest; t++) {
      let wave = 0;
      pairs.forEach(({ rows, read }, lane) => {
        if (t >= rows) return;
        network.lanes[wave] = lane;
        network.x.set(read.subarray(t * inputs, (t + 1) * inputs), wave++ * inputs);
      });
      network.step(0, wave);
    }
    return network.state.slice(0, pairs.length * network.stateSize);
  }

  /**
   * Answers from states: at each step `shown` says what a pair's decoder is shown, given what it said at the step before (at the first
   * step NaN), and `told` is given what comes out.
   */
  roll(
    states: Float32Array,
    steps: number,
    shown: (pair: number, t: number, own: number) => number,
    told: (pair: number, t: number, y: Float32Array) => void,
  ): void {
    const network = this.#decoder;
    const { outputs } = this.#shapes.decoder;
    const pairs = states.length / network.stateSize;
    network.reserve(pairs);
    network.reserveWave(pairs);
    network.state.set(states);
    const { x, y, lanes } = network;
    const own = new Float64Array(pairs).fill(NaN);
    for (let t = 0; t < steps; t++) {
      for (let i = 0; i < pairs; i++) {
        lanes[i] = i;
        x[i] = shown(i, t, own[i]!);
      }
      network.step(0, pairs);
      for (let i = 0; i < pairs; i++) {
        const row = y.subarray(i * outputs, (i + 1) * outputs);
        own[i] = ownValue(row);
        told(i, t, row);
      }
    }
  }

  /** The answer to one pair; throws SEARCH_OPTION and SEARCH_TOO_LARGE. */
  search(state: Float32Array, start: number, length: number, end: number | undefined, how: How): Found {
    const network = this.#decoder;
    network.reserve(1);
    network.lanes[0] = 0;
    const search: Search<Float32Array> = {
      symbols: this.#shapes.decoder.outputs,
      state,
      first: start,
      length,
      ...(end !== undefined && { end }),
      step: (before, symbol) => {
        network.state.set(before);
        network.x[0] = symbol;
        network.step(0, 1);
        return {
          logs: logSoftmax(network.y.subarray(0, this.#shapes.decoder.outputs)),
          state: network.state.slice(0, network.stateSize),
        };
      },
    };
    return look(search, how);
  }
}
