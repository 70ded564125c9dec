/** `tidecast export` and `tidecast import`: files in, files out, exit codes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { loadModel, saveModel } from '../../src/nn/files.ts';
import { fixture, scratch } from '../interop/models.ts';
import { drawnWeights } from '../nn/cases.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const SHAPE = { cell: 'gru', reset: 'after', inputs: 3, hidden: 5, layers: 2, outputs: 2, skip: true } as const;

async function call(folder: string, ...words: string[]) {
  const terminal = fakeTerminal(folder);
  const code = await main(words, terminal);
  return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
}

function withModel(): string {
  const folder = scratch();
  saveModel(join(folder, 'mine'), { shape: SHAPE, weights: drawnWeights(SHAPE, 8), meta: {} });
  return folder;
}

describe('export', () => {
  it('to Keras, and import again, gives the same tensors', async () => {
    const folder = withModel();
    expect(await call(folder, 'export', 'mine', 'theirs', '--to', 'keras')).toMatchObject({ code: 0, err: '' });
    const { code, out } = await call(folder, 'import', 'theirs', 'back');
    expect({ code, out }).toEqual({ code: 0, out: `${join(folder, 'back')}: gru (reset after), 2 x 5, 3 inputs, 2 outputs` });
    const tensors = (name: string) => readFileSync(join(folder, name, 'model.safetensors'));
    expect(tensors('back').equals(tensors('mine'))).toBe(true);
  });
  it('to ONNX writes a file', async () => {
    const folder = withModel();
    expect((await call(folder, 'export', 'mine', 'model.onnx', '--to', 'onnx')).code).toBe(0);
    expect(readFileSync(join(folder, 'model.onnx')).includes('linear_before_reset')).toBe(true);
  });
  it('says which formats there are', async () => {
    const { code, err } = await call(withModel(), 'export', 'mine', 'x', '--to', 'torch');
    expect(code).toBe(64);
    expect(err).toContain('to: torch, allowed: keras, onnx');
    expect((await call(withModel(), 'export', 'mine', 'x')).code).toBe(64);
  });
  it('writes over nothing', async () => {
    const folder = withModel();
    const before = readFileSync(join(folder, 'mine', 'model.json'), 'utf8');
    expect((await call(folder, 'export', 'mine', 'mine', '--to', 'keras')).code).toBe(73);
    expect(readFileSync(join(folder, 'mine', 'model.json'), 'utf8')).toBe(before);
  });
});

describe('import', () => {
  it('takes over what Keras exported', async () => {
    const folder = scratch();
    const { code, out } = await call(folder, 'import', fixture('lstm-stacked'), 'model', '--json');
    expect(code).toBe(0);
    const { shape, meta } = loadModel(join(folder, 'model'));
    expect(JSON.parse(out)).toMatchObject({ shape: { ...shape } });
    expect(meta).toEqual({ origin: 'keras' });
  });
  it('writes nothing where the model is refused or the folder exists', async () => {
    const folder = scratch();
    expect(await call(folder, 'import', fixture('mixed'), 'model')).toMatchObject({ code: 65, out: '' });
    expect(existsSync(join(folder, 'model'))).toBe(false);
    expect((await call(folder, 'import', 'nowhere', 'model')).code).toBe(66);
    writeFileSync(join(folder, 'taken'), '');
    expect((await call(folder, 'import', fixture('lstm'), 'taken')).code).toBe(73);
  });
});
