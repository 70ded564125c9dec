/** A Keras model that is not what it should be: a clear error, nothing half-loaded, nothing written. */
import fc from 'fast-check';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TidecastError } from '../../src/core/errors.ts';
import { exportKeras } from '../../src/interop/keras-export.ts';
import { readKeras } from '../../src/interop/keras-files.ts';
import { toNetwork } from '../../src/interop/keras-network.ts';
import { exportOnnx } from '../../src/interop/onnx-export.ts';
import { drawnWeights } from '../nn/cases.ts';
import { fixture, scratch, SHAPES } from './models.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- documents are changed at any place */
const WEIGHTS = 'group1-shard1of1.bin';

/** A copy of a fixture whose `model.json` was changed. */
function changed(name: string, change: (model: any, folder: string) => void): string {
  const folder = join(scratch(), 'model');
  cpSync(fixture(name), folder, { recursive: true });
  const file = join(folder, 'model.json');
  const model = JSON.parse(readFileSync(file, 'utf8')) as unknown;
  change(model, folder);
  writeFileSync(file, JSON.stringify(model));
  return folder;
}

function failure(run: () => unknown): TidecastError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TidecastError);
    return error as TidecastError;
  }
  throw new Error('nothing was thrown');
}

const layersOf = (model: any): any[] => model.modelTopology.model_config.config.layers;
const config = (model: any, layer: string): any => layersOf(model).find((each) => each.config.name === layer).config;
const manifest = (model: any): any => model.weightsManifest[0];

describe('a Keras model is refused', () => {
  const cases: [what: string, name: string, change: (model: any, folder: string) => void, code: string, says: string][] = [
    ['with an unknown layer', 'gru-after', (m) => (layersOf(m)[1].class_name = 'Lambda'), 'KERAS_UNSUPPORTED', 'class: Lambda'],
    [
      'with a layer called like a method',
      'gru-after',
      (m) => (layersOf(m)[1].class_name = 'constructor'),
      'KERAS_UNSUPPORTED',
      'constructor',
    ],
    ['that runs backwards', 'gru-after', (m) => (config(m, 'gru').go_backwards = true), 'KERAS_UNSUPPORTED', 'go_backwards'],
    ['with another activation', 'gru-after', (m) => (config(m, 'gru').activation = 'relu'), 'KERAS_UNSUPPORTED', 'must be tanh'],
    [
      'with hard_sigmoid',
      'lstm',
      (m) => (config(m, 'lstm').recurrent_activation = 'hard_sigmoid'),
      'KERAS_UNSUPPORTED',
      'recurrent_activation',
    ],
    [
      'with a head that is not linear',
      'lstm',
      (m) => (config(m, 'dense').activation = 'tanh'),
      'KERAS_UNSUPPORTED',
      'must be linear',
    ],
    [
      'without a head',
      'gru-skip',
      (m) => (m.modelTopology.model_config.config.output_layers[0] = 'gru'),
      'KERAS_UNSUPPORTED',
      'end in a Dense',
    ],
    [
      'whose sum is of unequal parts',
      'gru-skip',
      (m) => (config(m, 'dense_1').units = 3),
      'KERAS_UNSUPPORTED',
      'differ in width',
    ],
    ['of layers that differ', 'mixed', () => undefined, 'KERAS_UNSUPPORTED', 'must be linear'],
    ['with absurd units', 'gru-after', (m) => (config(m, 'gru').units = 1e9), 'KERAS_UNSUPPORTED', 'units'],
    ['with negative units', 'gru-after', (m) => (config(m, 'gru').units = -1), 'KERAS_UNSUPPORTED', 'units'],
    [
      'with too many parameters',
      'gru-stacked',
      (m) => ['gru', 'gru_1'].forEach((each) => (config(m, each).units = 4096)),
      'NN_TOO_LARGE',
      'parameters',
    ],
    [
      'with more units than weights',
      'gru-after',
      (m) => (config(m, 'gru').units = 6),
      'KERAS_DAMAGED',
      'dense/kernel is 5x2, not 6x2',
    ],
    ['with the other reset', 'gru-after', (m) => (config(m, 'gru').reset_after = false), 'KERAS_DAMAGED', 'bias is 2x15, not 15'],
    ['with an absurd tensor', 'gru-after', (m) => (manifest(m).weights[0].shape = [1e9, 1e9]), 'KERAS_DAMAGED', 'dense/kernel'],
    [
      'with an unknown tensor',
      'gru-after',
      (m) => (manifest(m).weights[0].name = 'dense/other'),
      'KERAS_DAMAGED',
      'no layer needs',
    ],
    [
      'with a tensor twice',
      'gru-after',
      (m) => manifest(m).weights.push(manifest(m).weights[0]),
      'KERAS_DAMAGED',
      'no layer needs',
    ],
    ['without a tensor', 'gru-after', (m) => manifest(m).weights.pop(), 'KERAS_DAMAGED', 'missing'],
    ['with float16 weights', 'gru-after', (m) => (manifest(m).weights[0].dtype = 'float16'), 'KERAS_DAMAGED', 'float32'],
    [
      'with quantized weights',
      'gru-after',
      (m) => (manifest(m).weights[0].quantization = { dtype: 'uint8' }),
      'KERAS_DAMAGED',
      'quantized',
    ],
    ['with a path upwards', 'gru-after', (m) => (manifest(m).paths = ['../../etc/passwd']), 'KERAS_OUTSIDE', '../../etc/passwd'],
    ['with an absolute path', 'gru-after', (m) => (manifest(m).paths = ['/etc/passwd']), 'KERAS_OUTSIDE', '/etc/passwd'],
    [
      'with a link that leads outside',
      'gru-after',
      (m, folder) => {
        symlinkSync('/etc/passwd', join(folder, 'link.bin'));
        manifest(m).paths = ['link.bin'];
      },
      'KERAS_OUTSIDE',
      'link.bin',
    ],
    ['with its folder as weights', 'gru-after', (m) => (manifest(m).paths = ['.']), 'KERAS_OUTSIDE', 'file: .'],
    ['whose weights are not there', 'gru-after', (m) => (manifest(m).paths = ['other.bin']), 'KERAS_MISSING', 'other.bin'],
    ['whose weights are cut', 'gru-after', (_, folder) => truncateSync(join(folder, WEIGHTS), 100), 'KERAS_DAMAGED', '100 bytes'],
    [
      'whose weights are too long',
      'gru-after',
      (_, folder) => writeFileSync(join(folder, WEIGHTS), 'x', { flag: 'a' }),
      'KERAS_DAMAGED',
      'bytes, not',
    ],
    [
      'with a weight that is no number',
      'gru-after',
      (_, folder) => writeFileSync(join(folder, WEIGHTS), spoiled(folder)),
      'KERAS_DAMAGED',
      'gru/bias[29] is NaN',
    ],
    ['that is a graph', 'gru-after', (m) => (m.format = 'graph-model'), 'KERAS_FOREIGN', 'model.json'],
    [
      'that goes round in a circle',
      'gru-skip',
      (m) => (layersOf(m)[1].inbound_nodes[0].args[0].config.keras_history[0] = 'add'),
      'KERAS_DAMAGED',
      'hangs on no input',
    ],
    [
      'with two inputs',
      'keras2-gru-skip',
      (m) => m.modelTopology.model_config.config.input_layers.push(['x', 0, 0]),
      'KERAS_UNSUPPORTED',
      '2 inputs',
    ],
    [
      'with a layer used twice',
      'keras2-gru-skip',
      (m) => layersOf(m)[1].inbound_nodes.push([['input_1', 0, 0, {}]]),
      'KERAS_UNSUPPORTED',
      'more than once',
    ],
    ['with 65 layers', 'gru-after', (m) => layersOf(m).push(...Array(65).fill(layersOf(m)[3])), 'KERAS_DAMAGED', 'layers'],
  ];
  it.each(cases)('%s', (_, name, change, code, says) => {
    const folder = changed(name, change);
    const error = failure(() => toNetwork(readKeras(folder)));
    expect(error.message).toContain(says);
    expect(error.code).toBe(code);
  });
  it('that is not there, is not JSON, or is one of ours', () => {
    const folder = scratch();
    expect(failure(() => readKeras(join(folder, 'none'))).code).toBe('KERAS_MISSING');
    writeFileSync(join(folder, 'model.json'), '{');
    expect(failure(() => readKeras(folder)).code).toBe('KERAS_DAMAGED');
    writeFileSync(join(folder, 'model.json'), '{"format":"tidecast-model","version":1}');
    expect(failure(() => readKeras(folder)).code).toBe('KERAS_FOREIGN');
  });
});

it('whatever is changed in a model, it is read as it was, as another that is whole, or refused with an error of ours (seed 4)', () => {
  const strange = fc.oneof(
    fc.constantFrom(null, -1, 0, 1e308, '', 'gru', '__proto__', [], {}, [[]], true),
    fc.jsonValue({ maxDepth: 2 }),
  );
  fc.assert(
    fc.property(fc.constantFrom('gru-skip', 'keras2-gru-skip', 'lstm-stacked'), fc.nat(), strange, (name, at, value) => {
      const folder = changed(name, (model) => {
        const places = placesIn({ model });
        const [holder, key] = places[at % places.length]!;
        holder[key] = value;
      });
      try {
        const { weights } = toNetwork(readKeras(folder));
        for (const values of weights.values()) expect(values.every(Number.isFinite)).toBe(true);
      } catch (error) {
        if (!(error instanceof TidecastError)) throw error;
      }
    }),
    { numRuns: 200, seed: 4 },
  );
});

describe('nothing is overwritten', () => {
  const shape = SHAPES[0]!;
  const weights = drawnWeights(shape, 1);
  it('by an export to a folder that exists', () => {
    const folder = join(scratch(), 'model');
    mkdirSync(folder);
    expect(failure(() => exportKeras(folder, shape, weights)).code).toBe('EXPORT_UNSAVED');
    expect(existsSync(join(folder, 'model.json'))).toBe(false);
  });
  it('by an export to a file that exists, or below one', () => {
    const file = join(scratch(), 'model.onnx');
    writeFileSync(file, 'mine');
    expect(failure(() => exportOnnx(file, shape, weights)).code).toBe('EXPORT_UNSAVED');
    expect(failure(() => exportOnnx(join(file, 'x'), shape, weights)).code).toBe('EXPORT_UNSAVED');
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });
});

/** Every place of a document that can hold another value. */
function placesIn(value: any): [holder: any, key: string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key): [any, string][] => [[value, key], ...placesIn(value[key])]);
}

/** The weights with their last number, of the GRU's bias, gone. */
function spoiled(folder: string): Buffer {
  const bytes = readFileSync(join(folder, WEIGHTS));
  bytes.writeFloatLE(NaN, bytes.length - 4);
  return bytes;
}
