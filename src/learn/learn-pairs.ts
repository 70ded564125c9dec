/** A learning file with a decoder: every network reads and answers pairs; beside them stand forecasts that learn nothing. */
import type { Clock } from '../core/clock.ts';
import { seedOf } from '../core/random.ts';
import { Decoding } from './decoding.ts';
import { fitPairs } from './fit-pairs.ts';
import { judgeAnswers, judgePairs, seasonalNaive, type ByLength, type JudgedPairs } from './judge-pairs.ts';
import type { Judgement } from './judge.ts';
import type { Learnt, LearnOptions } from './learn.ts';
import { PairEncoding, type Pair } from './pairs.ts';
import { checkHow } from './search.ts';
import { textOf } from './words.ts';
import { pairModelOf } from './saved-pairs.ts';
import type { Sequence } from './sequences.ts';
import type { DecoderSpec, LearningSpec } from './spec.ts';

/** Answers that are shown of each proof. */
const SHOWN = 3;

/** What was answered to one proof, beside the judgements; of each network in their order. */
export interface AnswersTo {
  readonly proof: string;
  /** The share of answers that are not exact, by the number of rows that were read: what the bottleneck costs. */
  readonly lengths: readonly (Omit<ByLength, 'error'> & { readonly errors: readonly number[] })[];
  /** The first few, where both sides are text. */
  readonly examples: readonly { readonly read: string; readonly right: string; readonly answers: readonly string[] }[];
}

/** The names of what is judged, in order; the names of claims are among them. */
export function baselinesOf({ decoder, classes }: LearningSpec['learn']): string[] {
  if (!decoder || classes || decoder.read === undefined) return [];
  return ['naive', ...decoder.season.map((rows) => `seasonal-${rows}`)];
}

/** Trains and judges; throws LEARN_PAIR, LEARN_UNKNOWN, LEARN_NOTHING and, for a search that would be too wide, SEARCH_OPTION and SEARCH_TOO_LARGE. */
export function learnPairs(
  spec: LearningSpec,
  decoder: DecoderSpec,
  sequences: readonly Sequence[],
  proofs: readonly (readonly Sequence[])[],
  clock: Clock,
  options: Pick<LearnOptions, 'began' | 'progress' | 'fitted' | 'trained'>,
): Omit<Learnt, 'claims'> & { readonly judgements: readonly (readonly Judgement[])[] } {
  const encoding = new PairEncoding(spec.learn, decoder, sequences);
  const { training, said } = encoding;
  const how = decoder.search === 'beam' ? decoder.beam : decoder.search;
  if (said > 0) checkHow(how, said, encoding.longest);
  const { read, train = Infinity } = decoder;
  const rows = read
    ? sequences.reduce((sum, each) => sum + Math.min(each.rows, train), 0)
    : training.reduce((sum, pair) => sum + pair.rows + pair.answer.length, 0);
  options.began?.(training.length, rows);
  const put = proofs.map((proof) => encoding.encode(proof));

  const networks: Learnt['networks'][number][] = [];
  const judgements: Judgement[][] = put.map(() => []);
  const judged: JudgedPairs[][] = put.map(() => []);
  for (const network of spec.learn.networks) {
    const shapes = encoding.shapes(network);
    const since = clock.elapsed();
    // of equal seeds, so that cells and teachers are compared from the same draws
    const seed = seedOf(spec.seed, 'learn');
    const { weights, reached, ...told } = fitPairs(shapes, encoding, spec.learn, decoder, network, seed, (epoch, loss) =>
      options.progress?.(network.name, epoch, loss),
    );
    const seconds = (clock.elapsed() - since) / 1000;
    options.fitted?.(network.name, told, seconds);
    options.trained?.(network.name, pairModelOf(spec, network.name, shapes, weights, encoding.meaning));
    networks.push({ name: network.name, seconds, ...told });
    const decoding = new Decoding(shapes, weights);
    put.forEach((pairs, i) => {
      const each = judgePairs(decoding, pairs, encoding, how);
      judged[i]!.push(each);
      judgements[i]!.push({
        ...each.judgement,
        ...(decoder.reach !== undefined && { epochs: reached.own, epochsShown: reached.shown }),
      });
    });
  }
  const baselines = baselinesOf(spec.learn);
  for (const season of baselines.length > 0 ? [1, ...decoder.season] : [])
    put.forEach((pairs, i) => judgements[i]!.push(judgeAnswers(pairs, seasonalNaive(pairs, season))));
  return {
    sequences: training.length,
    rows,
    networks,
    judged: [...networks.map(({ name }) => name), ...baselines],
    proofs: spec.prove.map(({ name }, i) => ({ name, judgements: judgements[i]! })),
    samples: [],
    answers: said > 0 ? put.map((pairs, i) => answersTo(spec, spec.prove[i]!.name, pairs, encoding, judged[i]!)) : [],
    judgements,
  };
}

function answersTo(
  { learn: { symbols } }: LearningSpec,
  proof: string,
  pairs: readonly Pair[],
  encoding: PairEncoding,
  judged: readonly JudgedPairs[],
): AnswersTo {
  const lengths = judged[0]!.lengths.map(({ error: _, ...group }, g) => ({
    ...group,
    errors: judged.map((each) => each.lengths[g]!.error),
  }));
  const examples = pairs.slice(0, symbols ? SHOWN : 0).map((pair, at) => ({
    read: textOf(encoding.readValues(pair)),
    right: textOf(encoding.answerValues(pair.answer)),
    answers: judged.map(({ answers }) => textOf(encoding.answerValues(answers[at]!))),
  }));
  return { proof, lengths, examples };
}
