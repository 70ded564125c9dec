/** `tidecast inspect model`: what a model is, and how its network deals with time. */
import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { TidecastError } from '../core/errors.ts';
import { Encoding, runningMeans } from '../learn/encoding.ts';
import { sequencesOf } from '../learn/learn.ts';
import { checkLearning, isLearning } from '../learn/load.ts';
import { probesOf } from '../learn/probes.ts';
import { learntMeta } from '../learn/saved.ts';
import { bothOf, isPairs } from '../learn/saved-pairs.ts';
import { diagnose, drawnProbes, type Diagnosis, type Probe } from '../nn/diagnostics.ts';
import { diagnoseBothWays, diagnosePairs } from '../nn/diagnostics-closed.ts';
import { loadModel, weightsHash, type ModelFile } from '../nn/files.ts';
import { readPipelineFile } from '../pipeline/load.ts';
import { columns } from './cell.ts';
import { COMPONENTS } from './components.ts';
import type { Pass } from './diagnosis-plots.ts';
import { percent, value, whole } from './numbers.ts';
import { saveFiles } from './save-files.ts';
import { calmTable } from './table.ts';
import type { Paint, Terminal } from './terminal.ts';
import type { Call } from './verbs.ts';

/** Rows and number of probes; fewer where a network is so large that it would take minutes. */
const ROWS = 256;
const PROBES = 8;
/** Rows of what is read to its end, each way. */
const CLOSED_ROWS = 64;
const WORK = 2_000_000;
/** Of the drawn ones: the same numbers each time. */
const SEED = 1;

/** What `inspect model` found: facts, and of a network a diagnosis. */
export interface ModelFound {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly diagnosis?: Diagnosis & { readonly of: string };
  readonly passes: readonly Pass[];
}

/** Reads a model and looks at its network; draws files where `out` is given. */
export async function inspectModel(folder: string, { options }: Call, terminal: Terminal): Promise<ModelFound> {
  const model = loadModel(folder);
  const { shape, weights, meta } = model;
  const tensors = Object.fromEntries([...weights].map(([name, values]) => [name, `${values.length} numbers`]));
  const parameters = [...weights.values()].reduce((sum, { length }) => sum + length, 0);
  const { training, ...told } = meta;
  const passes = passesOf(training);
  const facts = { hash: weightsHash(weights), shape, parameters, tensors, meta: told };
  const { data, out } = options;
  if (!shape) {
    if (data ?? out) throw new TidecastError('NN_MODEL_FOREIGN', { folder, reason: 'it holds no network' });
    return { facts, passes };
  }
  const closed = shape.bidirectional === true || isPairs(model);
  if (closed && data !== undefined)
    throw new TidecastError('CLI_USAGE', { folder, problem: 'a network that reads to the end is looked at without `--data`' });
  const count = Math.max(1, Math.min(PROBES, Math.floor(WORK / parameters)));
  const diagnosis = closed
    ? closedDiagnosis(folder, model, count)
    : await openDiagnosis(model, typeof data === 'string' ? data : undefined, count, terminal);
  if (typeof out === 'string') {
    const { diagnosisPlots } = await import('./diagnosis-plots.ts');
    saveFiles(resolve(terminal.folder, out), diagnosisPlots(diagnosis, passes));
  }
  return { facts, diagnosis, passes };
}

/** Of a network that goes on from row to row. */
async function openDiagnosis(
  model: ModelFile,
  data: string | undefined,
  count: number,
  terminal: Terminal,
): Promise<NonNullable<ModelFound['diagnosis']>> {
  const shape = model.shape!;
  const { probes, of } =
    data !== undefined
      ? await learntProbes(model, data, count, terminal)
      : { probes: drawnProbes(shape, ROWS, count, SEED), of: 'seeded random rows, a random direction of the last output' };
  return { of, ...diagnose(shape, model.weights, probes) };
}

/** Of one that answers when all is read. */
function closedDiagnosis(folder: string, model: ModelFile, count: number): NonNullable<ModelFound['diagnosis']> {
  const look = { rows: CLOSED_ROWS, count, seed: SEED };
  if (model.shape!.bidirectional)
    return {
      of: 'seeded random rows, of which the middle one is changed: each output is of all rows, before it and after it',
      ...diagnoseBothWays(model.shape!, model.weights, look),
    };
  const { shapes, weights } = bothOf(folder, model);
  const { categories = 0 } = shapes.decoder;
  return {
    of: 'seeded random rows that the encoder reads, a random direction of the first output of the decoder',
    ...diagnosePairs(shapes, weights, Math.max(0, categories - 1), look),
  };
}

async function learntProbes(
  model: ModelFile,
  data: string,
  count: number,
  terminal: Terminal,
): Promise<{ probes: Probe[]; of: string }> {
  const file = resolve(terminal.folder, data);
  const read = readPipelineFile(file, { env: terminal.env, from: terminal.folder });
  const meta = learntMeta(model);
  if (!meta || !isLearning(read)) throw new TidecastError('LEARN_OTHER', { file, network: meta?.network });
  const spec = { ...checkLearning(file, read, COMPONENTS.sources), seed: meta.seed };
  const network = spec.learn.networks.find(({ name }) => name === meta.network);
  const channels = [...spec.learn.inputs, spec.learn.target];
  const sequences = await sequencesOf(spec.source, channels, spec, systemClock, COMPONENTS.sources);
  const encoding = new Encoding(spec.learn, sequences, spec.seed);
  const same = JSON.stringify([encoding.symbols, encoding.classes]) === JSON.stringify([meta.symbols, meta.classes]);
  if (!network || !same || JSON.stringify(encoding.shape(network)) !== JSON.stringify(model.shape))
    throw new TidecastError('LEARN_OTHER', { file, network: meta.network });
  const encoded = encoding.encode(sequences);
  const shown = network.mean ? runningMeans(encoded) : encoded;
  const probes = probesOf(model.shape!, encoding, meta.window, shown, { rows: ROWS, count });
  return { probes, of: `sequences of ${spec.name}, the loss of the last answer` };
}

/** A learning file keeps every pass; a training of a pipeline its sums. */
function passesOf(training: unknown): Pass[] {
  const { epochs } = (training ?? {}) as { epochs?: Pass[] };
  return epochs ?? (training === undefined ? [] : [training as Pass]);
}

/** The diagnosis in words and one table. */
export function diagnosisText({ diagnosis, passes }: ModelFound, paint: Paint): string {
  if (!diagnosis) return '';
  const { of, rows, gradient, impulse, felt, before, hidden } = diagnosis;
  const rowsFelt = (felt: number): string =>
    felt < rows ? `for ${whole(felt)} rows (until below 1 % of its largest)` : `for all ${whole(rows)} rows looked at`;
  const distances = [0, 1, 2, 5, 10, 20, 50, 100, 200].filter((k) => k < rows - 1).concat(rows - 1);
  const shown = (sizes: readonly number[]): string[] => distances.map((k) => value(sizes[k]!));
  const table = calmTable(
    ['rows back, or later', ...distances.map(String)],
    [
      ...gradient.map(({ layer, of: state, norms }) => [`|dL/d${state}| of layer ${layer + 1}`, ...shown(norms)]),
      [before ? 'change of outputs later' : 'change of the output', ...shown(impulse)],
      ...(before ? [['change of outputs before', ...shown(before.impulse)]] : []),
    ],
    paint,
  );
  const updates = passes.reduce((sum, each) => sum + each.updates, 0);
  const clipped = passes.reduce((sum, each) => sum + each.clipped, 0);
  const largest = passes.reduce((most, each) => Math.max(most, each.largest), 0);
  const said = [
    ...gradient.map(({ layer, of: state, slope }) => [
      `slope of ${state}, layer ${layer + 1}`,
      `${value(slope)} powers of ten in 100 rows`,
    ]),
    [before ? 'an input is felt later' : 'an input is felt', rowsFelt(felt)],
    ...(before ? [['an input is felt before', rowsFelt(before.felt)]] : []),
    ...hidden.map(({ layer, way, mean, saturated }) => [
      `units of layer ${layer + 1}${way ? `, ${way}` : ''}`,
      `|h| ${value(mean)} on average, above 0.95 in ${percent(saturated, 1)}`,
    ]),
    ...(updates > 0
      ? [['clipping', `${whole(clipped)} of ${whole(updates)} updates, largest gradient norm ${value(largest)}`]]
      : []),
  ];
  return [`looked at with ${of}`, table, ...columns(said)].join('\n');
}
