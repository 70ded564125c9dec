/** What an encoder and a decoder are worth on pairs, answering with their own values; and by how much was to be read. */
import { log } from '../core/math/math.ts';
import type { Decoding } from './decoding.ts';
import { lossInUse } from './fit-pairs.ts';
import type { Judgement } from './judge.ts';
import type { Pair, PairEncoding } from './pairs.ts';
import type { How } from './search.ts';

/** Answers to pairs that were read for about equally many rows. */
export interface ByLength {
  readonly shortest: number;
  readonly longest: number;
  readonly sequences: number;
  /** The share of answers that are not exact. */
  readonly error: number;
}

/** A judgement, every answer, and of symbols the error by length. */
export interface JudgedPairs {
  readonly judgement: Judgement;
  readonly answers: readonly (readonly number[])[];
  readonly lengths: readonly ByLength[];
}

/** Groups of lengths that are told apart at most. */
const GROUPS = 8;

/** Answers pairs, symbols by a search; throws SEARCH_OPTION and SEARCH_TOO_LARGE. */
export function judgePairs(decoding: Decoding, pairs: readonly Pair[], encoding: PairEncoding, how: How): JudgedPairs {
  return encoding.said > 0 ? judgeSymbols(decoding, pairs, encoding, how) : judgeQuantities(decoding, pairs, encoding);
}

function judgeSymbols(decoding: Decoding, pairs: readonly Pair[], encoding: PairEncoding, how: How): JudgedPairs {
  const { end, longest } = encoding;
  const states = decoding.encode(pairs);
  const size = states.length / pairs.length;
  const answers = pairs.map(({ start }, i) => {
    const { symbols } = decoding.search(states.subarray(i * size, (i + 1) * size), start, longest, end, how);
    return symbols.filter((symbol) => symbol !== end);
  });
  const truths = pairs.reduce((sum, { answer }) => sum + answer.length, 0);
  const right = pairs.reduce((sum, { answer }, i) => sum + answer.filter((value, t) => value === answers[i]![t]).length, 0);
  const exact = pairs.map(
    ({ answer }, i) => answer.length === answers[i]!.length && answer.every((value, t) => value === answers[i]![t]),
  );
  const judgement = {
    sequences: pairs.length,
    answers: truths,
    exact: exact.filter(Boolean).length / pairs.length,
    right: right / truths,
    bits: lossInUse(decoding, pairs, encoding, true) / log(2),
  };
  return { judgement, answers, lengths: byLength(pairs, exact) };
}

function judgeQuantities(decoding: Decoding, pairs: readonly Pair[], encoding: PairEncoding): JudgedPairs {
  const answers = pairs.map(({ answer }) => new Array<number>(answer.length));
  decoding.roll(
    decoding.encode(pairs),
    encoding.longest,
    (i, t, own) => (t === 0 ? pairs[i]!.start : own),
    (i, t, y) => {
      if (t < answers[i]!.length) answers[i]![t] = y[0]!;
    },
  );
  return { judgement: judgeAnswers(pairs, answers), answers, lengths: [] };
}

/** The error of quantities: mean squared, over the variance of the truth. */
export function judgeAnswers(pairs: readonly Pair[], answers: readonly (readonly number[])[]): Judgement {
  const sums = { n: 0, squares: 0, truth: 0, truths: 0 };
  pairs.forEach(({ answer }, i) =>
    answer.forEach((truth, t) => {
      const gap = answers[i]![t]! - truth;
      sums.n++;
      sums.squares += gap * gap;
      sums.truth += truth;
      sums.truths += truth * truth;
    }),
  );
  const { n, squares, truth, truths } = sums;
  return { sequences: pairs.length, answers: n, error: squares / n / (truths / n - (truth / n) * (truth / n)) };
}

/** What stands one season before, of the last season that is known; a season of 1 row is the last value. */
export function seasonalNaive(pairs: readonly Pair[], season: number): number[][] {
  return pairs.map(({ answer, within }) => Array.from(answer, (_, t) => within!.truth[within!.at - season + (t % season)]!));
}

function byLength(pairs: readonly Pair[], exact: readonly boolean[]): ByLength[] {
  const lengths = pairs.map(({ rows }) => rows);
  const [shortest, longest] = [lengths.reduce((a, b) => Math.min(a, b)), lengths.reduce((a, b) => Math.max(a, b))];
  const width = Math.ceil((longest - shortest + 1) / GROUPS);
  return Array.from({ length: GROUPS }, (_, g) => {
    const from = shortest + g * width;
    const within = exact.filter((_, i) => lengths[i]! >= from && lengths[i]! < from + width);
    const wrong = within.filter((each) => !each).length;
    return {
      shortest: from,
      longest: Math.min(longest, from + width - 1),
      sequences: within.length,
      error: wrong / within.length,
    };
  }).filter(({ sequences }) => sequences > 0);
}
