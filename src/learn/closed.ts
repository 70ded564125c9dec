/** Sequences that have ended, read both ways: how a bidirectional network is trained and judged. */
import type { Random } from '../core/random.ts';
import { Bidirectional } from '../nn/bidirectional.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { writeRow, type Encoded } from './encoding.ts';
import type { Judgement } from './judge.ts';
import { Tally } from './tally.ts';

/** Sequences that are judged at once. */
const JUDGED = 32;

/** Rows of the longest sequence. */
export function longestOf(sequences: readonly Encoded[]): number {
  return sequences.reduce((most, { rows }) => Math.max(most, rows), 0);
}

/** One pass over whole sequences, in a drawn order. */
export class WholeSequences {
  readonly #network: Bidirectional;
  readonly #window: number;
  readonly #waiting: Encoded[];

  constructor(network: Bidirectional, window: number, sequences: readonly Encoded[], random: Random) {
    this.#network = network;
    this.#window = window;
    this.#waiting = Array.from(random.permutation(sequences.length), (i) => sequences[i]!);
  }

  /** Fills the next batch and gives the number of answers asked in it; undefined after the last. */
  fill(): number | undefined {
    if (this.#waiting.length === 0) return undefined;
    return place(this.#network, this.#window, this.#waiting.splice(-this.#network.sizes.batch));
  }
}

/** What a bidirectional network is worth on sequences. */
export function judgeClosed(
  shape: NetworkShape,
  weights: Weights,
  classes: number,
  window: number,
  sequences: readonly Encoded[],
): Judgement {
  const sizes = { batch: Math.min(JUDGED, sequences.length), steps: longestOf(sequences) };
  const loss = classes > 0 ? ({ head: 'categorical', classes } as const) : ({ mean: 'squared', quantiles: [] } as const);
  const network = new Bidirectional(shape, sizes, loss, { learningRate: 0 });
  network.load(weights);
  const tally = new Tally(classes);
  for (let first = 0; first < sequences.length; first += sizes.batch) {
    const some = sequences.slice(first, first + sizes.batch);
    place(network, window, some);
    network.forward();
    some.forEach(({ truth }, b) =>
      truth.forEach((value, t) => tally.add(first + b, value, network.y, (t * sizes.batch + b) * shape.outputs)),
    );
  }
  return tally.judgement(sequences.length);
}

/** Puts sequences into a network, one a row of its batch; gives the number of answers asked. */
function place(network: Bidirectional, window: number, sequences: readonly Encoded[]): number {
  const { x, target, lengths } = network;
  const { batch } = network.sizes;
  let known = 0;
  lengths.fill(0);
  sequences.forEach((sequence, b) => {
    lengths[b] = sequence.rows;
    for (let t = 0; t < sequence.rows; t++) {
      writeRow(sequence, t, window, x, (t * batch + b) * network.shape.inputs);
      const truth = sequence.truth[t]!;
      target[t * batch + b] = truth;
      if (truth === truth) known++;
    }
  });
  return known;
}
