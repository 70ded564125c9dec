/** Training on whole sequences: truncated back-propagation with the state carried along each of them. */
import { cos } from '../core/math/math.ts';
import { Random, seedOf } from '../core/random.ts';
import { initialWeights, rememberFor } from '../nn/initial.ts';
import { Bidirectional } from '../nn/bidirectional.ts';
import type { Loss } from '../nn/losses.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { Trainer } from '../nn/trainer.ts';
import { longestOf, WholeSequences } from './closed.ts';
import { writeRow, type Encoded } from './encoding.ts';
import type { LearnSpec, NetworkSpec } from './spec.ts';

/** A stretch of a sequence that begins with a state of zeros. */
interface Piece {
  readonly sequence: Encoded;
  readonly from: number;
  readonly to: number;
}

/** What a training came to. */
export interface Fitted {
  readonly weights: Weights;
  readonly epochs: number;
  /** Mean loss of the last epoch. */
  readonly loss: number;
  /** Updates whose gradient was clipped, of all. */
  readonly clipped: number;
  readonly updates: number;
}

/**
 * Trains weights from their initial ones; the same job gives the same bits.
 *
 * Each row of the batch runs through one piece after another, `steps` rows at a time. A piece is a sequence; where there are fewer
 * sequences than rows of the batch, they are cut into as many. A bidirectional network is trained on whole sequences.
 */
export function fit(
  shape: NetworkShape,
  loss: Loss,
  spec: LearnSpec,
  { window, memory }: Pick<NetworkSpec, 'window' | 'memory'>,
  sequences: readonly Encoded[],
  seed: number,
  progress: (epoch: number, loss: number) => void,
): Fitted {
  const { batch, steps, epochs, learning_rate: rate, clip } = spec;
  const optimizer = { learningRate: rate, clipNorm: clip };
  const trainer = shape.bidirectional
    ? new Bidirectional(shape, { batch, steps: longestOf(sequences) }, loss, optimizer)
    : new Trainer(shape, { batch, steps }, loss, optimizer);
  const pieces = cut(sequences, batch);
  const initial = initialWeights(shape, seedOf(seed, 'weights'));
  trainer.load(memory === undefined ? initial : rememberFor(shape, initial, memory, seedOf(seed, 'memory')));
  const random = new Random(seedOf(seed, 'order'));
  const told = { epochs: 0, loss: NaN, clipped: 0, updates: 0 };
  while (told.epochs < epochs && !(told.loss < (spec.until ?? 0))) {
    const share = told.epochs / Math.max(1, epochs - 1);
    const rows =
      trainer instanceof Bidirectional
        ? new WholeSequences(trainer, window, sequences, random)
        : new Rows(trainer, window, pieces, random);
    let sum = 0;
    let asked = 0;
    for (let known = rows.fill(); known !== undefined; known = rows.fill()) {
      if (known === 0) continue;
      sum += known * trainer.forward();
      asked += known;
      trainer.backward();
      // cosine decay (Loshchilov and Hutter 2017), to a twentieth
      const norm = trainer.update(rate * (0.525 + 0.475 * cos(Math.PI * share)));
      told.updates++;
      if (!(norm <= clip)) told.clipped++;
    }
    told.loss = sum / asked;
    progress(++told.epochs, told.loss);
  }
  return { ...told, weights: trainer.weights() };
}

function cut(sequences: readonly Encoded[], batch: number): Piece[] {
  const total = sequences.reduce((sum, { rows }) => sum + rows, 0);
  const longest = sequences.length < batch ? Math.ceil(total / batch) : Infinity;
  return sequences.flatMap((sequence) => {
    const pieces: Piece[] = [];
    for (let from = 0; from < sequence.rows; from += longest) {
      pieces.push({ sequence, from, to: Math.min(sequence.rows, from + longest) });
    }
    return pieces;
  });
}

/** One pass over the pieces, in a drawn order. */
class Rows {
  readonly #trainer: Trainer;
  readonly #window: number;
  readonly #waiting: Piece[];
  readonly #running: ({ piece: Piece; at: number } | undefined)[];

  constructor(trainer: Trainer, window: number, pieces: readonly Piece[], random: Random) {
    this.#trainer = trainer;
    this.#window = window;
    this.#waiting = Array.from(random.permutation(pieces.length), (i) => pieces[i]!);
    this.#running = new Array<undefined>(trainer.sizes.batch).fill(undefined);
  }

  /** Fills the next chunk and gives the number of answers asked in it; undefined after the last. */
  fill(): number | undefined {
    const trainer = this.#trainer;
    const { x, target, state, stateSize } = trainer;
    const { batch, steps } = trainer.sizes;
    let known = 0;
    let any = false;
    x.fill(0);
    target.fill(NaN);
    for (let b = 0; b < batch; b++) {
      let run = this.#running[b];
      if (!run || run.at >= run.piece.to) {
        const piece = this.#waiting.pop();
        run = this.#running[b] = piece && { piece, at: piece.from };
        state.fill(0, b * stateSize, (b + 1) * stateSize);
      }
      if (!run) continue;
      any = true;
      const { sequence, to } = run.piece;
      for (let t = 0; t < steps && run.at < to; t++, run.at++) {
        writeRow(sequence, run.at, this.#window, x, (t * batch + b) * trainer.shape.inputs);
        const truth = sequence.truth[run.at]!;
        target[t * batch + b] = truth;
        if (truth === truth) known++;
      }
    }
    return any ? known : undefined;
  }
}
