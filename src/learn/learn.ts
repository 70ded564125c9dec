/** A learning file from beginning to end: read, train every network, judge each on every proof. */
import { systemClock, type Clock } from '../core/clock.ts';
import type { SourceComponent } from '../core/component.ts';
import { TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import { seedOf } from '../core/random.ts';
import type { Part } from '../pipeline/part.ts';
import { Encoding } from './encoding.ts';
import { fit, type Fitted } from './fit.ts';
import { judge, type Judgement } from './judge.ts';
import { readSequences, type Sequence } from './sequences.ts';
import type { ClaimSpec, LearningSpec } from './spec.ts';

/** One claim and whether it holds. */
export interface Claimed extends ClaimSpec {
  readonly proof: string;
  readonly found: number;
  readonly holds: boolean;
}

/** What came out of a learning file. */
export interface Learnt {
  readonly sequences: number;
  readonly rows: number;
  readonly networks: readonly (Omit<Fitted, 'weights'> & { readonly name: string; readonly seconds: number })[];
  /** By proof, then by network. */
  readonly proofs: readonly { readonly name: string; readonly judgements: readonly Judgement[] }[];
  readonly claims: readonly Claimed[];
}

/** What is told while it goes on. */
export interface LearnOptions {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly sources: readonly SourceComponent<any>[];
  readonly clock?: Clock;
  /** After the sequences are read. */
  began?(sequences: number, rows: number): void;
  progress?(network: string, epoch: number, loss: number): void;
  fitted?(network: string, fitted: Fitted, seconds: number): void;
}

/** Runs a learning file; the same file gives the same bits. */
export async function learn(spec: LearningSpec, options: LearnOptions): Promise<Learnt> {
  const { clock = systemClock } = options;
  const channels = [...spec.learn.inputs, spec.learn.target];
  const read = (part: Part): Promise<Sequence[]> => sequencesOf(part, channels, spec, clock, options.sources);
  const training = await read(spec.source);
  const encoding = new Encoding(spec.learn, training);
  const encoded = encoding.encode(training);
  const rows = encoded.reduce((sum, each) => sum + each.rows, 0);
  options.began?.(encoded.length, rows);
  const proofs = [];
  for (const { source } of spec.prove) proofs.push(encoding.encode(await read(source)));

  const networks: Learnt['networks'][number][] = [];
  const judgements: Judgement[][] = spec.prove.map(() => []);
  for (const network of spec.learn.networks) {
    const shape = encoding.shape(network);
    const since = clock.elapsed();
    // of equal seeds, so that cells are compared from the same draws
    const fitted = fit(shape, encoding.loss, spec.learn, network, encoded, seedOf(spec.seed, 'learn'), (epoch, loss) =>
      options.progress?.(network.name, epoch, loss),
    );
    const seconds = (clock.elapsed() - since) / 1000;
    options.fitted?.(network.name, fitted, seconds);
    const { weights, ...told } = fitted;
    networks.push({ name: network.name, seconds, ...told });
    proofs.forEach((sequences, i) =>
      judgements[i]!.push(judge(shape, weights, encoding.classes.length, network.window, sequences)),
    );
  }
  const claims = spec.prove.flatMap(({ name: proof, claims }, i) =>
    claims.map((claim): Claimed => {
      const place = networks.findIndex(({ name }) => name === claim.network);
      const found = judgements[i]![place]![claim.measure]!;
      const holds = found >= (claim.at_least ?? -Infinity) && found <= (claim.at_most ?? Infinity);
      return { ...claim, proof, found, holds };
    }),
  );
  const judged = spec.prove.map(({ name }, i) => ({ name, judgements: judgements[i]! }));
  return { sequences: encoded.length, rows, networks, proofs: judged, claims };
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
