/** What stands beside the networks in every judgement: controls that count instead of learning. */
import { BagOfWords } from './bag-of-words.ts';
import { baseRate, judgeChances } from './counted.ts';
import type { Encoded, Encoding } from './encoding.ts';
import type { Judgement } from './judge.ts';
import { judgeInterpolation } from './gaps.ts';
import { NGram } from './n-gram.ts';
import type { LearnSpec } from './spec.ts';

/** A control, by the name that claims call it by. */
export interface Control {
  readonly name: string;
  judge(sequences: readonly Encoded[]): Judgement;
}

/** Names of the controls that a learning file has, in the order of {@link controlsOf}. */
export function controlNames({ n_gram, bag_of_words, gaps, classes }: LearnSpec): string[] {
  return [
    ...(n_gram ? [`${n_gram}-gram`] : []),
    ...(bag_of_words ? ['bag-of-words'] : []),
    ...(gaps ? ['interpolation'] : []),
    ...(classes ? ['base-rate'] : []),
  ];
}

/** The controls, counted on the sequences of training. */
export function controlsOf(spec: LearnSpec, encoding: Encoding, training: readonly Encoded[]): Control[] {
  const classes = encoding.classes.length;
  const judges: Omit<Control, 'name'>[] = [];
  if (spec.n_gram) judges.push(new NGram(spec.n_gram, classes, training));
  if (spec.bag_of_words) judges.push(new BagOfWords(encoding.symbols, classes, training));
  if (spec.gaps) judges.push({ judge: judgeInterpolation });
  if (spec.classes) {
    const rates = baseRate(classes, training);
    judges.push({ judge: (sequences) => judgeChances(sequences, () => rates) });
  }
  return controlNames(spec).map((name, i) => ({ name, judge: (sequences) => judges[i]!.judge(sequences) }));
}
