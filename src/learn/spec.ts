/**
 * THE learning file: a pipeline file with `learn` in place of a line. Every field, its type, default and bounds.
 *
 * Where a pipeline forecasts what goes on, a learning file ends: networks are trained on the sequences of a source, each series one
 * sequence, and then judged on others.
 */
import { z } from 'zod';
import { between, count, label, positive } from '../pipeline/fields.ts';
import { part, type Described } from '../pipeline/part.ts';

const NETWORK = z.strictObject({
  name: label().describe('What it is called in the report and in claims.'),
  cell: z
    .enum(['rnn', 'gru', 'lstm', 'none'])
    .default('gru')
    .describe('The recurrent cell; `none` is a feed-forward network without memory, the control experiment.'),
  reset: z.enum(['before', 'after']).optional().describe('GRU only: where the reset gate acts. Default: after the product.'),
  variant: z.enum(['relevance']).optional().describe('LSTM only: with a relevance gate. Default: the usual LSTM.'),
  hidden: count(1, 1024).default(32).describe('Hidden units a layer.'),
  layers: count(1, 8).default(1).describe('Stacked layers.'),
  embedding: count(1, 1024).optional().describe('Numbers that a symbol becomes, by a learnt table. Default: one-hot.'),
  memory: count(2, 1_000_000)
    .optional()
    .describe('LSTM and GRU: rows that the gates are set to remember up to before training (chrono initialisation).'),
  bidirectional: z
    .boolean()
    .default(false)
    .describe(
      'Each layer reads a sequence from its end as well (its `hidden` units both ways), so that every answer knows of the rows after it. Always over whole sequences, without `steps`.',
    ),
  teacher: z
    .enum(['always', 'linear', 'inverse_sigmoid', 'never'])
    .default('linear')
    .describe(
      'With a decoder: which values before it is shown in training. `always` the true ones (teacher forcing), `never` its own; `linear` and `inverse_sigmoid` go from the true ones to its own over the epochs (scheduled sampling, Bengio et al., 2015).',
    ),
  window: count(1, 1000).default(1).describe('Rows that the network is shown at once: the newest and those before it.'),
  mean: z
    .boolean()
    .default(false)
    .describe('The network is shown the mean of the rows so far instead of the row: the control that does not know their order.'),
});

const DECODER = z.strictObject({
  answer: count(1, 10_000).describe('Rows of an answer: with `read` exactly so many, else at most.'),
  read: count(1, 10_000)
    .optional()
    .describe(
      'Rows that are read before an answer: sequences are cut into windows. Default: each sequence is one pair, the rows whose inputs are known and then the known values of the target; an end symbol is learnt with them.',
    ),
  every: count(1, 10_000).optional().describe('With `read`: rows from one window of training to the next. Default: `answer`.'),
  train: count(1, 100_000_000)
    .optional()
    .describe('With `read`: rows of each sequence that are trained on. A proof asks for what comes after them. Default: all.'),
  floor: between(0, 1).default(0).describe('The share of true values at which the teachers `linear` and `inverse_sigmoid` end.'),
  search: z
    .enum(['greedy', 'beam', 'exhaustive'])
    .default('beam')
    .describe(
      'Classes: how the likeliest answer is looked for. `greedy` takes the likeliest symbol at each step, `beam` keeps the `beam` best sequences, `exhaustive` scores every sequence there is: at most a million, symbols to the power of the longest answer, else it is refused.',
    ),
  beam: count(1, 1000)
    .default(1)
    .describe(
      'Classes: sequences that the search for an answer keeps at each step, at most the number of classes; 1 is greedy. The score of n symbols is their log probability over ((5 + n) / 6)^0.6 (Wu et al., 2016).',
    ),
  reach: positive(1e6)
    .optional()
    .describe(
      'A loss as that of `until`: the report tells after how many epochs it was reached, and after how many by the same pairs when the true values are shown, for teachers to be compared.',
    ),
  season: z
    .array(count(2, 100_000))
    .max(4)
    .default([])
    .describe('Numbers with `read`: rows of a season. Beside the networks `naive` and a `seasonal-ROWS` for each are judged.'),
});

const SAMPLE = z.strictObject({
  length: count(1, 1_000_000).default(500).describe('Characters that are written.'),
  temperature: positive(10).default(1).describe('Below 1 the likelier symbols are drawn more often, above 1 less often.'),
  known_words: between(0, 1).optional().describe('A claim: at least this share of the words occurs in training.'),
});

const GAPS = z.strictObject({
  rows: count(4, 10_000).describe('Rows of a window.'),
  windows: count(1, 1_000_000).describe('Windows that are cut out at drawn places, for training and again for each proof.'),
  train: count(4, 100_000_000).describe(
    'Rows of each series that are trained on, and scaled by. A proof cuts what comes after them.',
  ),
  shortest: count(1, 10_000).default(1).describe('Rows of a gap at least; the length of each is drawn.'),
  longest: count(1, 10_000).describe(
    'Rows of a gap at most. Between two gaps at least so many rows are kept, and up to twice as many.',
  ),
  season: z
    .array(count(2, 100_000))
    .max(4)
    .default([])
    .describe('Rows of a season, such as those of a day: networks are shown where in it a row stands.'),
});

const LEARN = z.strictObject({
  inputs: z.array(label()).min(1).max(64).describe('Channels that the network reads.'),
  symbols: z
    .boolean()
    .default(false)
    .describe('The one input is no quantity but a symbol, such as a character: each value that occurs is a category.'),
  target: label().describe('The channel that is asked for; where it is missing (NaN) nothing is asked.'),
  ahead: count(0, 1000).default(0).describe('How many rows ahead the target stands: 1 asks for what comes next.'),
  asked: z
    .enum(['every', 'last'])
    .default('every')
    .describe('`last`: the target is asked for at the last row of a sequence alone (many to one).'),
  classes: z
    .boolean()
    .default(true)
    .describe('Each value of the target that occurs is a class, learnt by log loss. `false`: a number, learnt by squared error.'),
  n_gram: count(2, 6)
    .optional()
    .describe(
      'With symbols that are asked for one ahead: a model that counts what followed the last n - 1, `3-gram` in the report.',
    ),
  bag_of_words: z
    .boolean()
    .default(false)
    .describe(
      'With characters as symbols, and classes asked for at the last row: a model that counts words, whatever their order, `bag-of-words` in the report.',
    ),
  skill: z
    .boolean()
    .default(false)
    .describe(
      'With classes that are ahead: whether the log loss of each network is below that of the `base-rate` by more than luck.',
    ),
  decoder: DECODER.optional().describe(
    'Sequence to sequence: an encoder reads all rows, and a decoder that begins with its state answers a sequence of any length.',
  ),
  sample: SAMPLE.optional().describe('With symbols that are asked for one ahead: each network writes on by itself.'),
  gaps: GAPS.optional().describe(
    'Gaps are cut into windows of one input, which is the target too, and what was there is asked for. Networks see the value, scaled, or 0 in a gap, and whether it is there. `interpolation`, a straight line across the gap, is judged beside them.',
  ),
  networks: z.array(NETWORK).min(1).max(8).describe('The networks that are trained side by side, with the same budget.'),
  steps: count(1, 10_000)
    .default(64)
    .describe(
      'Rows that the error is carried back through; the state goes on beyond (truncated BPTT). With a decoder it is carried through all.',
    ),
  batch: count(1, 4096).default(32).describe('Sequences trained side by side; fewer sequences are cut into as many pieces.'),
  epochs: count(1, 10_000).default(20).describe('Passes over the sequences.'),
  until: positive(1e6)
    .optional()
    .describe(
      'Training ends early after an epoch whose mean loss is below this; with a decoder the loss of the first 256 pairs when it is shown its own values.',
    ),
  learning_rate: positive(1).default(0.01).describe('Step size of Adam; it falls to a twentieth along a cosine.'),
  clip: positive(1e6).default(1).describe('The gradient is clipped to this global norm.'),
});

const CLAIM = z.strictObject({
  network: label().describe('Whose result it is about.'),
  measure: z
    .enum(['exact', 'right', 'bits', 'error', 'epochs', 'skill'])
    .describe(
      '`exact`: share of sequences with every answer right. `right`: share of answers that are. `bits`: log loss of an answer in bits. `error`: mean squared error over the variance of the truth. `epochs`, with a decoder: those that training took to get to its `reach`. `skill`: with `learn.skill`, the standard errors by which the log loss is below that of the base rate; above 2 it is hardly luck.',
    ),
  at_least: z.number().optional().describe('It is at least this.'),
  at_most: z.number().optional().describe('It is at most this.'),
  below: label().optional().describe('It is less than that of this other network or control, such as `3-gram`.'),
  above: label()
    .optional()
    .describe(
      'It is more than that of this other network or control, such as `base-rate`, which knows how often each class is right.',
    ),
});

const PROOF = z.strictObject({
  name: label().describe('What is put to the networks, in words.'),
  source: z.record(z.string(), z.unknown()).describe('Fields of the source that are different from those of training.'),
  claims: z.array(CLAIM).max(32).default([]).describe('What must come out; `run` ends with exit code 1 where it does not.'),
});

/** The sections of a learning file by name, each with its schema. */
export function learningSections(sources: readonly Described[]) {
  return {
    name: z
      .string()
      .max(64)
      .regex(/^[a-z0-9][a-z0-9-]*$/, { error: 'must be lower-case letters, digits and hyphens' })
      .describe('Name of the file, in the report.'),
    seed: count(0, 4_294_967_295).default(1).describe('Seed of every random draw.'),
    source: part('source', sources).describe('Where the sequences come from: a source that ends. Each series is a sequence.'),
    learn: LEARN.describe('What is learnt from them, and by which networks.'),
    prove: z.array(PROOF).min(1).max(32).describe('What the trained networks are judged on.'),
  };
}

type Sections = ReturnType<typeof learningSections>;
type Parsed = { readonly [K in keyof Sections]: z.output<Sections[K]> };

export type NetworkSpec = z.output<typeof NETWORK>;
export type GapsSpec = z.output<typeof GAPS>;
export type DecoderSpec = z.output<typeof DECODER>;
export type LearnSpec = z.output<typeof LEARN>;
export type ClaimSpec = z.output<typeof CLAIM>;

/** A checked learning file; the source of each proof is complete. */
export interface LearningSpec extends Omit<Parsed, 'prove'> {
  readonly folder: string;
  readonly prove: readonly { readonly name: string; readonly source: Parsed['source']; readonly claims: readonly ClaimSpec[] }[];
}
