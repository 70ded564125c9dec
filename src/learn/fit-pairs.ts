/** Training an encoder and a decoder on pairs, with a teacher who leaves by and by. */
import { cos } from '../core/math/math.ts';
import { Random, seedOf } from '../core/random.ts';
import { EncoderDecoder, type Both } from '../nn/encoder-decoder.ts';
import { initialWeights, rememberFor } from '../nn/initial.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { Decoding, logSoftmax } from './decoding.ts';
import type { Fitted } from './fit.ts';
import type { Pair, PairEncoding } from './pairs.ts';
import type { DecoderSpec, LearnSpec, NetworkSpec } from './spec.ts';
import { trueShare } from './teacher.ts';

/** Pairs of training by which the loss in use is measured. */
const WATCHED = 256;

/** What a training came to; `loss` is that in use. */
export interface FittedPairs extends Omit<Fitted, 'weights' | 'byEpoch'> {
  readonly weights: Both<Weights>;
  /** Epochs after which the loss was first below `reach`, in use and when the true values are shown; Infinity where it never was. */
  readonly reached: { readonly own: number; readonly shown: number };
}

/**
 * Trains both networks from their initial weights; the same job gives the same bits.
 *
 * A batch is of pairs that are read for equally many rows. The loss by which training ends, and that is told, is the one in use: after
 * each epoch the first 256 pairs are answered with the decoder's own values. Gradients do not flow through what the decoder is shown.
 */
export function fitPairs(
  shapes: Both<NetworkShape>,
  encoding: PairEncoding,
  spec: LearnSpec,
  { floor, reach = 0 }: DecoderSpec,
  { teacher, memory }: Pick<NetworkSpec, 'teacher' | 'memory'>,
  seed: number,
  progress: (epoch: number, loss: number) => void,
): FittedPairs {
  const { batch, epochs, learning_rate: rate, clip } = spec;
  const { training } = encoding;
  const read = training.reduce((most, { rows }) => Math.max(most, rows), 0);
  const sizes = { batch, read, answer: encoding.longest };
  const both = new EncoderDecoder(shapes, sizes, encoding.loss, { learningRate: rate, clipNorm: clip });
  const initial = (side: keyof Both<never>): Weights => {
    const weights = initialWeights(shapes[side], seedOf(seed, side));
    return memory === undefined ? weights : rememberFor(shapes[side], weights, memory, seedOf(seed, side, 'memory'));
  };
  both.load({ encoder: initial('encoder'), decoder: initial('decoder') });
  const decoding = new Decoding(shapes, both.weights());
  const random = new Random(seedOf(seed, 'order'));
  const told = { epochs: 0, loss: NaN, clipped: 0, updates: 0, reached: { own: Infinity, shown: Infinity } };
  while (told.epochs < epochs && !(told.loss < (spec.until ?? 0))) {
    const done = told.epochs / Math.max(1, epochs - 1);
    const share = trueShare(teacher, floor, done);
    for (const pairs of batchesOf(training, batch, random)) {
      fill(both, pairs, encoding);
      both.encode();
      if (share < 1) {
        decoding.renew({ decoder: both.decoder.weights() });
        showOwn(both, decoding, share, random);
      }
      both.decode();
      both.backward();
      // cosine decay (Loshchilov and Hutter 2017), to a twentieth
      const norm = both.update(rate * (0.525 + 0.475 * cos(Math.PI * done)));
      told.updates++;
      if (!(norm <= clip)) told.clipped++;
    }
    decoding.renew(both.weights());
    const watched = training.slice(0, WATCHED);
    told.loss = lossInUse(decoding, watched, encoding);
    progress(++told.epochs, told.loss);
    const { reached } = told;
    if (told.loss < reach) reached.own = Math.min(reached.own, told.epochs);
    if (reach > 0 && reached.shown === Infinity && lossInUse(decoding, watched, encoding, true) < reach)
      reached.shown = told.epochs;
  }
  return { ...told, weights: both.weights() };
}

/** The loss of an answer's value where the decoder is shown its own; `forced`: where it is shown the true ones. */
export function lossInUse(decoding: Decoding, pairs: readonly Pair[], encoding: PairEncoding, forced = false): number {
  const { end } = encoding;
  let [sum, answers] = [0, 0];
  decoding.roll(
    decoding.encode(pairs),
    encoding.longest,
    (i, t, own) => (t === 0 ? pairs[i]!.start : forced ? (truthAt(pairs[i]!, t - 1, end) ?? 0) : own),
    (i, t, y) => {
      const truth = truthAt(pairs[i]!, t, end);
      if (truth === undefined) return;
      answers++;
      sum += y.length === 1 ? (y[0]! - truth) * (y[0]! - truth) : -logSoftmax(y)[truth]!;
    },
  );
  return sum / answers;
}

/** What is right at a step: the answer, then its end. */
function truthAt({ answer }: Pair, t: number, end: number | undefined): number | undefined {
  return t < answer.length ? answer[t] : t === answer.length ? end : undefined;
}

/** All pairs in a drawn order, in batches of such as are read for equally many rows. */
function batchesOf(pairs: readonly Pair[], batch: number, random: Random): Pair[][] {
  const waiting = new Map<number, Pair[]>();
  const batches: Pair[][] = [];
  for (const i of random.permutation(pairs.length)) {
    const pair = pairs[i]!;
    const like = waiting.get(pair.rows) ?? [];
    waiting.set(pair.rows, like);
    like.push(pair);
    if (like.length < batch) continue;
    batches.push(like);
    waiting.delete(pair.rows);
  }
  batches.push(...waiting.values());
  return Array.from(random.permutation(batches.length), (i) => batches[i]!);
}

/** Puts a batch before the trainers, the decoder being shown the true values. */
function fill(both: EncoderDecoder, pairs: readonly Pair[], { end }: PairEncoding): void {
  const batch = pairs.length;
  const answer = pairs.reduce((most, each) => Math.max(most, each.answer.length), 0) + Number(end !== undefined);
  both.resize({ batch, read: pairs[0]!.rows, answer });
  const { x } = both.encoder;
  const { x: shown, target } = both.decoder;
  const { inputs } = both.encoder.shape;
  pairs.forEach((pair, b) => {
    for (let t = 0; t < pair.rows; t++) x.set(pair.read.subarray(t * inputs, (t + 1) * inputs), (t * batch + b) * inputs);
    for (let t = 0; t < answer; t++) {
      shown[t * batch + b] = t === 0 ? pair.start : (truthAt(pair, t - 1, end) ?? 0);
      target[t * batch + b] = truthAt(pair, t, end) ?? NaN;
    }
  });
}

/** Exchanges true values for the decoder's own, each by a draw of its own. */
function showOwn({ decoder }: EncoderDecoder, decoding: Decoding, share: number, random: Random): void {
  const { batch, steps } = decoder.sizes;
  const { x } = decoder;
  decoding.roll(
    decoder.state,
    steps,
    (b, t, own) => {
      if (t > 0 && random.uniform() >= share) x[t * batch + b] = own;
      return x[t * batch + b]!;
    },
    () => {},
  );
}
