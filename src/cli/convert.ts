/** `tidecast export` and `tidecast import`: models to and from other programs. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT, TidecastError } from '../core/errors.ts';
import { loadModel, saveModel, weightsHash } from '../nn/files.ts';
import type { NetworkShape } from '../nn/shape.ts';
import type { Terminal } from './terminal.ts';
import type { Call, Verb } from './verbs.ts';

export const exportModel: Verb = async (call, terminal) => {
  const [from, to] = paths(call, terminal);
  const { to: format } = call.options;
  if (format !== 'keras' && format !== 'onnx')
    throw new TidecastError('CLI_USAGE', {
      to: format === undefined ? 'missing' : String(format).slice(0, 60),
      allowed: 'keras, onnx',
    });
  const { shape, weights } = loadModel(from);
  if (!shape) throw new TidecastError('NN_MODEL_FOREIGN', { folder: from, reason: 'it holds no recurrent network' });
  if (format === 'keras') (await import('../interop/keras-export.ts')).exportKeras(to, shape, weights);
  else (await import('../interop/onnx-export.ts')).exportOnnx(to, shape, weights);
  tell(call, terminal, { path: to, format, shape });
  return EXIT.ok;
};

export const importModel: Verb = async (call, terminal) => {
  const [from, to] = paths(call, terminal);
  const { readKeras } = await import('../interop/keras-files.ts');
  const { toNetwork } = await import('../interop/keras-network.ts');
  const { shape, weights } = toNetwork(readKeras(from));
  if (existsSync(to)) throw new TidecastError('EXPORT_UNSAVED', { path: to, reason: 'it exists already' });
  saveModel(to, { shape, weights, meta: { origin: 'keras' } });
  tell(call, terminal, { path: to, hash: weightsHash(weights), shape });
  return EXIT.ok;
};

function paths({ arguments: words }: Call, { folder }: Terminal): [from: string, to: string] {
  const [from, to] = words as [string, string];
  return [resolve(folder, from), resolve(folder, to)];
}

function tell(
  { options }: Call,
  terminal: Terminal,
  facts: { path: string; shape: NetworkShape } & Record<string, unknown>,
): void {
  if (options['json']) return terminal.out(JSON.stringify(facts, null, 2));
  const { cell, reset, layers, hidden, inputs, outputs } = facts.shape;
  const kind = `${cell}${reset ? ` (reset ${reset})` : ''}, ${layers} x ${hidden}, ${inputs} inputs, ${outputs} outputs`;
  terminal.out(`${facts.path}: ${kind}`);
}
