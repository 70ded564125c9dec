/** Model files: what comes back is what went in; anything else is refused with the reason. */
import fc from 'fast-check';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { TidecastError } from '../../src/core/errors.ts';
import { decodeModel, encodeModel, loadModel, saveModel, weightsHash, type ModelFile } from '../../src/nn/files.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { CELLS, drawnWeights } from './cases.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

const shape: NetworkShape = { cell: 'gru', reset: 'before', inputs: 3, hidden: 5, layers: 2, outputs: 2, skip: true };
const model: ModelFile = { shape, weights: drawnWeights(shape, 1), meta: { note: 'ü', step: 3 } };

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof TidecastError) return error.code;
    throw error;
  }
  return 'none';
}

/** A folder with the model's files, one of them changed. */
function changed(name: 'model.json' | 'model.safetensors', change: (bytes: Buffer) => Uint8Array | string): string {
  const at = mkdtempSync(join(folder, 'case-'));
  saveModel(at, model);
  writeFileSync(join(at, name), change(readFileSync(join(at, name))));
  return at;
}

test.each(CELLS)('$cell $reset $variant: saved and loaded', (cell) => {
  const other: NetworkShape = { ...cell, inputs: 3, hidden: 5, layers: 2, outputs: 2, skip: false };
  const at = join(folder, 'new', cell.cell, 'model');
  const saved = { shape: other, weights: drawnWeights(other, 2), meta: { a: [1, { b: null }] } };
  saveModel(at, saved);
  const loaded = loadModel(at);
  expect(loaded).toEqual(saved);
  expect(weightsHash(loaded.weights)).toBe(weightsHash(saved.weights));
  expect(readdirSync(at).sort()).toEqual(['model.json', 'model.safetensors']);
});

test('a model with categories: saved and loaded', () => {
  const other: NetworkShape = { ...shape, categories: 6, embedding: 4 };
  const saved = { shape: other, weights: drawnWeights(other, 3), meta: {} };
  const { manifest, tensors } = encodeModel(saved);
  expect(decodeModel(manifest, tensors)).toEqual(saved);
});

test('the tensors file is safetensors', () => {
  const { tensors } = encodeModel(model);
  const length = Number(new DataView(tensors.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(tensors.subarray(8, 8 + length))) as Record<
    string,
    { data_offsets: number[] }
  >;
  expect(length % 8).toBe(0);
  expect(header['layers.0.w']).toEqual({ dtype: 'F32', shape: [15, 3], data_offsets: [0, 180] });
  const end = Math.max(...Object.entries(header).map(([name, entry]) => (name === '__metadata__' ? 0 : entry.data_offsets[1]!)));
  expect(8 + length + end).toBe(tensors.length);
});

test('a hash names the weights', () => {
  expect(weightsHash(model.weights)).toMatch(/^[0-9a-f]{12}$/);
  expect(weightsHash(model.weights)).toBe(weightsHash(drawnWeights(shape, 1)));
  expect(weightsHash(model.weights)).not.toBe(weightsHash(drawnWeights(shape, 2)));
});

describe('refused', () => {
  const { manifest, tensors } = encodeModel(model);

  test('a file cut off at any point', () => {
    for (let length = 0; length < tensors.length; length += 7) {
      expect(
        codeOf(() => decodeModel(manifest, tensors.subarray(0, length))),
        `${length}`,
      ).toBe('NN_MODEL_DAMAGED');
    }
    const whole = manifest.trimEnd().length;
    for (let length = 0; length < whole; length++) {
      expect(
        codeOf(() => decodeModel(manifest.slice(0, length), tensors)),
        `${length}`,
      ).toBe('NN_MODEL_DAMAGED');
    }
    expect(codeOf(() => loadModel(changed('model.safetensors', (bytes) => bytes.subarray(0, 100))))).toBe('NN_MODEL_DAMAGED');
    expect(codeOf(() => loadModel(changed('model.json', () => '')))).toBe('NN_MODEL_DAMAGED');
  });

  test('a flipped bit anywhere in the tensors', () => {
    fc.assert(
      fc.property(fc.nat({ max: tensors.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const flipped = tensors.slice();
        flipped[at]! ^= 1 << bit;
        expect(codeOf(() => decodeModel(manifest, flipped))).toBe('NN_MODEL_DAMAGED');
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  test('a foreign file', () => {
    expect(codeOf(() => decodeModel('{"weightsManifest":[]}', tensors))).toBe('NN_MODEL_FOREIGN');
    expect(codeOf(() => decodeModel('[]', tensors))).toBe('NN_MODEL_FOREIGN');
    expect(codeOf(() => decodeModel('null', tensors))).toBe('NN_MODEL_FOREIGN');
    expect(codeOf(() => loadModel(changed('model.safetensors', () => 'PK zip')))).toBe('NN_MODEL_DAMAGED');
    expect(codeOf(() => loadModel(join(folder, 'nowhere')))).toBe('NN_MODEL_MISSING');
  });

  test('another version, sizes beyond reason, values that are not numbers', () => {
    const edited = (
      edit: (manifest: { version: number; shape: Record<string, unknown>; tensors: Record<string, unknown> }) => void,
    ): string => {
      const parsed = JSON.parse(manifest) as Parameters<typeof edit>[0];
      edit(parsed);
      return JSON.stringify(parsed);
    };
    const code = (text: string): string => codeOf(() => decodeModel(text, tensors));
    expect(code(edited((m) => (m.version = 2)))).toBe('NN_MODEL_VERSION');
    expect(code(edited((m) => (m.shape.hidden = 100000000)))).toBe('NN_SHAPE');
    expect(code(edited((m) => (m.shape.layers = 1e300)))).toBe('NN_SHAPE');
    expect(code(edited((m) => Object.assign(m.shape, { hidden: 4096, layers: 8 })))).toBe('NN_TOO_LARGE');
    expect(code(edited((m) => (m.shape.hidden = 6)))).toBe('NN_MODEL_DAMAGED');
    expect(code(edited((m) => (m.shape.extra = 6)))).toBe('NN_MODEL_DAMAGED');
    expect(code(edited((m) => (m.shape.skip = 1)))).toBe('NN_SHAPE');
    expect(code(edited((m) => (m.tensors.bytes = '12')))).toBe('NN_MODEL_DAMAGED');
    expect(code(edited((m) => delete m.tensors.sha256))).toBe('NN_MODEL_DAMAGED');
    const spoiled = new Map(model.weights).set('head.b', Float32Array.of(1, NaN));
    expect(codeOf(() => saveModel(join(folder, 'spoiled'), { ...model, weights: spoiled }))).toBe('NN_WEIGHTS');
  });

  test('the message names the folder and the reason', () => {
    const at = changed('model.safetensors', (bytes) => bytes.subarray(0, 100));
    expect(() => loadModel(at)).toThrow(
      /The model file is damaged \(folder: .*, file: model.safetensors, bytes: 100, expected: \d+\)/,
    );
  });

  test('a folder that cannot be made', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(codeOf(() => saveModel(join(folder, 'file', 'below'), model))).toBe('NN_MODEL_UNSAVED');
  });
});
