/** A learning file from beginning to end: read, train every network, judge each on every proof. */
import { systemClock, type Clock } from '../core/clock.ts';
import type { SourceComponent } from '../core/component.ts';
import { TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import { seedOf } from '../core/random.ts';
import type { ModelFile } from '../nn/files.ts';
import type { Part } from '../pipeline/part.ts';
import { controlsOf } from './controls.ts';
import { Encoding, runningMeans, type Encoded } from './encoding.ts';
import { fit, type Fitted } from './fit.ts';
import { judge, type Judgement } from './judge.ts';
import { learnPairs, type AnswersTo } from './learn-pairs.ts';
import { knownWords, sample } from './sample.ts';
import { readSequences, type Sequence } from './sequences.ts';
import type { ClaimSpec, LearningSpec } from './spec.ts';
import { textOf } from './words.ts';

/** One claim and whether it holds; `words` is the share of a sample's words that occur in training. */
export interface Claimed extends Omit<ClaimSpec, 'measure'> {
  readonly measure: ClaimSpec['measure'] | 'words';
  readonly proof: string;
  readonly found: number;
  /** What `below` or `above` came to. */
  readonly than?: number;
  readonly holds: boolean;
}

/** What came out of a learning file. */
export interface Learnt {
  readonly sequences: number;
  readonly rows: number;
  readonly networks: readonly (Omit<Fitted, 'weights'> & { readonly name: string; readonly seconds: number })[];
  /** Who was judged: the networks, then the controls. */
  readonly judged: readonly string[];
  /** By proof, then as `judged`. */
  readonly proofs: readonly { readonly name: string; readonly judgements: readonly Judgement[] }[];
  readonly claims: readonly Claimed[];
  /** What each network wrote by itself. */
  readonly samples: readonly { readonly network: string; readonly text: string; readonly words: number }[];
  /** With a decoder of classes, by proof. */
  readonly answers?: readonly AnswersTo[];
}

/** What is told while it goes on. */
export interface LearnOptions {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly sources: readonly SourceComponent<any>[];
  readonly clock?: Clock;
  /** After the sequences are read. */
  began?(sequences: number, rows: number): void;
  progress?(network: string, epoch: number, loss: number): void;
  fitted?(network: string, fitted: Omit<Fitted, 'weights'>, seconds: number): void;
  /** The same network, ready to be saved. */
  trained?(network: string, model: ModelFile): void;
}

/** Runs a learning file; the same file gives the same bits. */
export async function learn(spec: LearningSpec, options: LearnOptions): Promise<Learnt> {
  const { clock = systemClock } = options;
  const channels = [...spec.learn.inputs, spec.learn.target];
  const read = (part: Part): Promise<Sequence[]> => sequencesOf(part, channels, spec, clock, options.sources);
  const training = await read(spec.source);
  if (spec.learn.decoder) {
    const put = [];
    for (const { source } of spec.prove) put.push(await read(source));
    const { judgements, ...learnt } = learnPairs(spec, spec.learn.decoder, training, put, clock, options);
    return { ...learnt, claims: claimsOf(spec, learnt.judged, judgements, []) };
  }
  const encoding = new Encoding(spec.learn, training, spec.seed);
  const encoded = encoding.encode(training);
  const rows = encoded.reduce((sum, each) => sum + each.rows, 0);
  options.began?.(encoded.length, rows);
  const proofs = [];
  for (const { name, source } of spec.prove) proofs.push(encoding.encode(await read(source), name));

  const networks: Learnt['networks'][number][] = [];
  const judgements: Judgement[][] = spec.prove.map(() => []);
  const samples: Learnt['samples'][number][] = [];
  for (const network of spec.learn.networks) {
    const shape = encoding.shape(network);
    const shown = (sequences: readonly Encoded[]): readonly Encoded[] => (network.mean ? runningMeans(sequences) : sequences);
    const since = clock.elapsed();
    // of equal seeds, so that cells are compared from the same draws
    const fitted = fit(shape, encoding.loss, spec.learn, network, shown(encoded), seedOf(spec.seed, 'learn'), (epoch, loss) =>
      options.progress?.(network.name, epoch, loss),
    );
    const seconds = (clock.elapsed() - since) / 1000;
    options.fitted?.(network.name, fitted, seconds);
    const { weights, ...told } = fitted;
    networks.push({ name: network.name, seconds, ...told });
    proofs.forEach((sequences, i) =>
      judgements[i]!.push(judge(shape, weights, encoding.classes.length, network.window, shown(sequences))),
    );
    if (spec.learn.sample) {
      const first = encoded[0]!.columns[0]![0]!;
      const drawn = sample(shape, weights, first, spec.learn.sample, seedOf(spec.seed, 'sample'));
      const text = textOf(drawn.map((symbol) => encoding.classes[symbol]!));
      const vocabulary = training.map(({ columns }) => textOf(columns[0]!)).join('\n');
      samples.push({ network: network.name, text, words: knownWords(text, vocabulary) });
    }
  }
  const judged = networks.map(({ name }) => name);
  for (const control of controlsOf(spec.learn, encoding, encoded)) {
    judged.push(control.name);
    proofs.forEach((sequences, i) => judgements[i]!.push(control.judge(sequences)));
  }
  const told = spec.prove.map(({ name }, i) => ({ name, judgements: judgements[i]! }));
  const claims = claimsOf(spec, judged, judgements, samples);
  return { sequences: encoded.length, rows, networks, judged, proofs: told, claims, samples };
}

/** Every claim of the file beside what came out. */
function claimsOf(
  { prove, learn }: LearningSpec,
  judged: readonly string[],
  judgements: readonly (readonly Judgement[])[],
  samples: Learnt['samples'],
): Claimed[] {
  const claims = prove.flatMap(({ name: proof, claims }, i) =>
    claims.map((claim): Claimed => {
      const of = (name: string): number => judgements[i]![judged.indexOf(name)]![claim.measure]!;
      const { at_least = -Infinity, at_most = Infinity, below, above } = claim;
      const found = of(claim.network);
      const other = below ?? above;
      const than = other === undefined ? NaN : of(other);
      const holds = found >= at_least && found <= at_most && (other === undefined || (below ? found < than : found > than));
      return { ...claim, proof, found, ...(other !== undefined && { than }), holds };
    }),
  );
  const known = learn.sample?.known_words;
  if (known === undefined) return claims;
  const common = { proof: 'what it writes', measure: 'words', at_least: known } as const;
  return [...claims, ...samples.map(({ network, words }) => ({ ...common, network, found: words, holds: words >= known }))];
}

async function sequencesOf(
  { type, config }: Part,
  channels: readonly string[],
  spec: LearningSpec,
  clock: Clock,
  sources: LearnOptions['sources'],
): Promise<Sequence[]> {
  const component = sources.find(({ name }) => name === type);
  if (!component) throw new TidecastError('CONNECTOR_UNKNOWN', { type, known: sources.map(({ name }) => name).join(' ') });
  const source = component.build(config as never, {
    folder: spec.folder,
    pipeline: spec.name,
    clock,
    seed: spec.seed,
    events: new EventBus(),
    fresh: false,
  });
  try {
    return await readSequences(source, channels);
  } finally {
    await source.close();
  }
}
