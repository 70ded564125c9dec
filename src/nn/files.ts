/**
 * A model on disk: `model.safetensors`, which other tools read too, and `model.json`, which says what it is.
 *
 * The manifest is written last and names the tensors' length and SHA-256, so the pair is whole or refused.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import { decodeTensors, encodeTensors, encodedLength, extrasOf, tensorsWith } from './safetensors.ts';
import { checkShape, checkWeights, isExtra, LARGEST, type NetworkShape, type Tensor, type Weights } from './shape.ts';

/** Trained models, a network among them or not, and whatever their owner wants to keep with them; `meta` is plain JSON. */
export interface ModelFile {
  readonly shape: NetworkShape | undefined;
  readonly weights: Weights;
  readonly meta: Readonly<Record<string, unknown>>;
}

const FORMAT = 'tidecast-model';
const VERSION = 1;
const MANIFEST = 'model.json';
const TENSORS = 'model.safetensors';
/** What a manifest says of the shape, in this order. */
const KEYS: (keyof NetworkShape)[] = [
  ...([
    'cell',
    'reset',
    'variant',
    'bidirectional',
    'inputs',
    'categories',
    'embedding',
    'hidden',
    'layers',
    'outputs',
    'skip',
  ] as const),
];
/** The longest manifest that is read, in bytes. */
const LARGEST_MANIFEST = 16777216;

/** The two files' contents, the same bytes for the same model; throws NN_WEIGHTS where weights and shape do not fit. */
export function encodeModel(m: ModelFile): { manifest: string; tensors: Uint8Array } {
  checkWeights(m.shape, m.weights);
  const extras = extrasOf(m.weights);
  const tensors = encodeTensors(tensorsWith(m.shape, extras), m.weights);
  const facts = { file: TENSORS, bytes: tensors.length, sha256: sha256(tensors) };
  const beside = extras.length > 0 ? { extras: Object.fromEntries(extras) } : {};
  const manifest = { format: FORMAT, version: VERSION, shape: written(m.shape), ...beside, tensors: facts, meta: m.meta };
  return { manifest: `${JSON.stringify(manifest, null, 2)}\n`, tensors };
}

function written(shape: NetworkShape | undefined): object | null {
  return shape ? Object.fromEntries(KEYS.flatMap((key) => (shape[key] === undefined ? [] : [[key, shape[key]]]))) : null;
}

/** The model that two files hold; throws NN_MODEL_FOREIGN, NN_MODEL_VERSION, NN_MODEL_DAMAGED, NN_SHAPE or NN_TOO_LARGE. */
export function decodeModel(manifest: string, tensors: Uint8Array): ModelFile {
  const { shape, list, meta, bytes, hash } = readManifest(manifest);
  checkLength(tensors.length, bytes);
  const found = sha256(tensors);
  if (found !== hash) throw new TidecastError('NN_MODEL_DAMAGED', { file: TENSORS, sha256: found, expected: hash });
  const weights = decodeTensors(list, tensors);
  try {
    checkWeights(shape, weights);
  } catch (cause) {
    throw new TidecastError('NN_MODEL_DAMAGED', { file: TENSORS, ...(cause as TidecastError).facts }, { cause });
  }
  return { shape, weights, meta };
}

/**
 * Writes the two files, tensors first, each by temporary file, fsync and rename; makes the folder where it is missing.
 *
 * Give each model a folder of its own: overwriting one that is in use leaves, if the process dies between the two renames, a pair
 * that `loadModel` refuses. Throws NN_MODEL_UNSAVED, and NN_WEIGHTS before anything is written.
 */
export function saveModel(folder: string, m: ModelFile): void {
  const { manifest, tensors } = encodeModel(m);
  try {
    mkdirSync(folder, { recursive: true });
    writeDurably(folder, TENSORS, tensors);
    writeDurably(folder, MANIFEST, new TextEncoder().encode(manifest));
  } catch (cause) {
    throw new TidecastError('NN_MODEL_UNSAVED', { folder, reason: reasonOf(cause) }, { cause });
  }
}

/**
 * Reads what {@link saveModel} wrote.
 *
 * Sizes are checked before the tensors are read, then length, SHA-256, header and that every value is finite. Throws
 * NN_MODEL_MISSING, and what {@link decodeModel} throws.
 */
export function loadModel(folder: string): ModelFile {
  try {
    const manifestAt = join(folder, MANIFEST);
    const length = statSync(manifestAt).size;
    if (length > LARGEST_MANIFEST) throw new TidecastError('NN_MODEL_FOREIGN', { file: MANIFEST, bytes: length });
    const manifest = readFileSync(manifestAt, 'utf8');
    const tensorsAt = join(folder, TENSORS);
    checkLength(statSync(tensorsAt).size, readManifest(manifest).bytes);
    return decodeModel(manifest, readFileSync(tensorsAt));
  } catch (cause) {
    if (cause instanceof TidecastError) throw new TidecastError(cause.code, { folder, ...cause.facts }, { cause });
    throw new TidecastError('NN_MODEL_MISSING', { folder, reason: reasonOf(cause) }, { cause });
  }
}

/** The first 12 hex digits of the SHA-256 over the tensors' names and bytes. */
export function weightsHash(weights: Weights): string {
  const hash = createHash('sha256');
  for (const [name, values] of weights) {
    hash.update(`${name}:${values.length}\n`);
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex').slice(0, 12);
}

interface Manifest {
  readonly shape: NetworkShape | undefined;
  readonly list: readonly Tensor[];
  readonly meta: Record<string, unknown>;
  readonly bytes: number;
  readonly hash: string;
}

function readManifest(text: string): Manifest {
  let manifest: unknown;
  try {
    manifest = JSON.parse(text);
  } catch (cause) {
    throw new TidecastError('NN_MODEL_DAMAGED', { file: MANIFEST, reason: 'not JSON' }, { cause });
  }
  if (!isRecord(manifest) || manifest.format !== FORMAT) throw new TidecastError('NN_MODEL_FOREIGN', { file: MANIFEST });
  if (manifest.version !== VERSION) {
    throw new TidecastError('NN_MODEL_VERSION', { file: MANIFEST, version: String(manifest.version), known: VERSION });
  }
  const { shape, extras = {}, tensors, meta } = manifest;
  if (!(isRecord(shape) || shape === null) || !isRecord(extras) || !isRecord(tensors) || !isRecord(meta)) {
    throw new TidecastError('NN_MODEL_DAMAGED', { file: MANIFEST, reason: 'a section is missing' });
  }
  const unknown = Object.keys(shape ?? {}).find((key) => !(KEYS as string[]).includes(key));
  if (unknown !== undefined) throw new TidecastError('NN_MODEL_DAMAGED', { file: MANIFEST, unknown });
  const checked = (shape ?? undefined) as NetworkShape | undefined;
  if (checked) checkShape(checked);
  const beside = Object.entries(extras).map(([name, length]) => {
    if (!isExtra(name) || !Number.isInteger(length) || Number(length) < 0 || Number(length) > LARGEST.parameters)
      throw new TidecastError('NN_MODEL_DAMAGED', { file: MANIFEST, extra: name.slice(0, 80), length: String(length) });
    return [name, Number(length)] as const;
  });
  const list = tensorsWith(checked, beside);
  const { bytes, sha256: hash } = tensors;
  const expected = encodedLength(list);
  if (bytes !== expected || typeof hash !== 'string') {
    throw new TidecastError('NN_MODEL_DAMAGED', { file: MANIFEST, bytes: String(bytes), expected });
  }
  return { shape: checked, list, meta, bytes: expected, hash };
}

function checkLength(bytes: number, expected: number): void {
  if (bytes !== expected) throw new TidecastError('NN_MODEL_DAMAGED', { file: TENSORS, bytes, expected });
}

function writeDurably(folder: string, name: string, bytes: Uint8Array): void {
  const at = join(folder, name);
  const file = openSync(`${at}.tmp`, 'w');
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${at}.tmp`, at);
  // The rename itself is durable once its folder is; Windows has no such call and does not need one.
  if (process.platform !== 'win32') {
    const within = openSync(folder, 'r');
    try {
      fsyncSync(within);
    } finally {
      closeSync(within);
    }
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
