/** A Keras model on disk: `model.json` and its weights, as the TensorFlow.js converter writes them. Nothing in it is trusted. */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join, sep } from 'node:path';
import { z } from 'zod';
import { TidecastError } from '../core/errors.ts';
import { readTopology, type KerasTopology } from './keras-topology.ts';

/** A model whose every tensor is there, of its shape, and finite. */
export interface KerasModel {
  readonly topology: KerasTopology;
  /** By layer, then by the name of the tensor, such as `kernel`. Row-major. */
  readonly tensors: ReadonlyMap<string, ReadonlyMap<string, Float32Array>>;
}

const FILE = 'model.json';
/** The longest `model.json` that is read, in bytes. */
const LARGEST_FILE = 16777216;
const MOST_FILES = 10000;

const manifestSchema = z.array(
  z.object({
    paths: z.array(z.string().min(1).max(400)).max(MOST_FILES),
    weights: z.array(
      z.object({
        name: z.string().max(1000),
        shape: z.array(z.int().min(0)).max(8),
        dtype: z.literal('float32', { error: 'only float32 is read' }),
        quantization: z.undefined({ error: 'quantized weights are not read' }).optional(),
      }),
    ),
  }),
);
type Manifest = z.infer<typeof manifestSchema>;

/**
 * Reads a model's folder.
 *
 * Layers, tensors, their shapes and the lengths of the files are checked before any weight is read. Throws KERAS_MISSING, KERAS_FOREIGN,
 * KERAS_DAMAGED, KERAS_OUTSIDE, KERAS_UNSUPPORTED or NN_TOO_LARGE.
 */
export function readKeras(folder: string): KerasModel {
  try {
    const { modelTopology, weightsManifest } = documentOf(join(folder, FILE));
    const topology = readTopology(modelTopology);
    const manifest = manifestOf(weightsManifest);
    const places = placesOf(topology, manifest);
    const files = manifest.map((group) => filesOf(folder, group));
    return { topology, tensors: filled(topology, manifest, files, places) };
  } catch (cause) {
    if (cause instanceof TidecastError) throw new TidecastError(cause.code, { folder, ...cause.facts }, { cause });
    throw new TidecastError('KERAS_MISSING', { folder, reason: reasonOf(cause) }, { cause });
  }
}

function documentOf(path: string): { modelTopology?: unknown; weightsManifest?: unknown } {
  const bytes = statSync(path).size;
  if (bytes > LARGEST_FILE) throw new TidecastError('KERAS_FOREIGN', { file: FILE, bytes });
  const text = readFileSync(path, 'utf8');
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new TidecastError('KERAS_DAMAGED', { file: FILE, reason: 'not JSON' }, { cause });
  }
  const known = z
    .object({ format: z.enum(['layers-model']).optional(), modelTopology: z.looseObject({}), weightsManifest: z.unknown() })
    .safeParse(document);
  if (!known.success) throw new TidecastError('KERAS_FOREIGN', { file: FILE });
  return known.data;
}

function manifestOf(written: unknown): Manifest {
  const { data, error } = manifestSchema.safeParse(written);
  if (!error) return data;
  const { path, message } = error.issues[0]!;
  throw damaged(`weightsManifest.${path.join('.')}: ${message}`);
}

interface Place {
  readonly layer: string;
  readonly tensor: string;
  readonly size: number;
}

/** Where each tensor of the manifest belongs; all that the layers need are there, of the right shapes, and no others. */
function placesOf(topology: KerasTopology, manifest: Manifest): Place[][] {
  const missing = new Map<string, { layer: string; tensor: string; shape: readonly number[] }>(
    [...topology.plans].flatMap(([layer, { tensors }]) =>
      [...tensors].map(([tensor, shape]) => [`${layer}/${tensor}`, { layer, tensor, shape }] as const),
    ),
  );
  const places = manifest.map(({ weights }) =>
    weights.map(({ name, shape }) => {
      const wanted = `${layerOf(topology, name)}/${tensorOf(topology, name)}`;
      const found = missing.get(wanted);
      if (!found) throw damaged(`no layer needs the tensor ${name.slice(0, 120)}`);
      if (found.shape.join() !== shape.join())
        throw damaged(`${name.slice(0, 120)} is ${shape.join('x')}, not ${found.shape.join('x')}`);
      missing.delete(wanted);
      return { layer: found.layer, tensor: found.tensor, size: shape.reduce((product, n) => product * n, 1) };
    }),
  );
  for (const name of missing.keys()) throw damaged(`the tensor ${name} is missing`);
  return places;
}

/** `sequential/gru/gru_cell/kernel:0` belongs to the layer `gru`. */
function layerOf(topology: KerasTopology, name: string): string | undefined {
  return name
    .split('/')
    .slice(0, -1)
    .findLast((part) => topology.plans.has(part));
}

/** `kernel`; Keras 3 numbers a layer's tensors instead: `layers/gru/cell/vars/0`. */
function tensorOf(topology: KerasTopology, name: string): string | undefined {
  const [parent, last] = name.split('/').slice(-2);
  if (parent !== 'vars') return last?.replace(/:0$/, '');
  const plan = topology.plans.get(layerOf(topology, name) ?? '');
  return plan && [...plan.tensors.keys()][Number(last)];
}

/** The paths of a group's files, each a file inside the folder, together exactly as long as its tensors. */
function filesOf(folder: string, { paths, weights }: Manifest[number]): string[] {
  const root = realpathSync(folder);
  const files = paths.map((path) => {
    const at = join(root, path);
    // neither by its name nor through a link
    const outside = (full: string) => !full.startsWith(root.endsWith(sep) ? root : root + sep);
    if (isAbsolute(path) || outside(at) || outside(realpathSync(at)))
      throw new TidecastError('KERAS_OUTSIDE', { file: path.slice(0, 200) });
    return at;
  });
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const expected = weights.reduce((sum, { shape }) => sum + 4 * shape.reduce((product, n) => product * n, 1), 0);
  if (bytes !== expected) throw damaged(`${paths.join(' ').slice(0, 200)}: ${bytes} bytes, not ${expected}`);
  return files;
}

function filled(
  topology: KerasTopology,
  manifest: Manifest,
  files: readonly string[][],
  places: readonly Place[][],
): KerasModel['tensors'] {
  const tensors = new Map([...topology.plans.keys()].map((layer) => [layer, new Map<string, Float32Array>()]));
  manifest.forEach((_, group) => {
    const bytes = Buffer.concat(files[group]!.map((file) => readFileSync(file)));
    const expected = places[group]!.reduce((sum, { size }) => sum + 4 * size, 0);
    if (bytes.length !== expected) throw damaged('a file of weights changed while it was read');
    let at = 0;
    for (const { layer, tensor, size } of places[group]!) {
      const values = new Float32Array(size);
      for (let i = 0; i < size; i++) values[i] = bytes.readFloatLE(at + 4 * i);
      const bad = values.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) throw damaged(`${layer}/${tensor}[${bad}] is ${values[bad]}`);
      tensors.get(layer)!.set(tensor, values);
      at += 4 * size;
    }
  });
  return tensors;
}

function damaged(reason: string): TidecastError {
  return new TidecastError('KERAS_DAMAGED', { reason });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
