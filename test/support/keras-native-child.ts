/**
 * Steps Keras models on the native package of TensorFlow.js: `keras-native-child.js PACKAGE FOLDER...`, PACKAGE the folder of the built
 * package. Prints the backend, and by folder the largest difference from what Keras said, as JSON.
 */
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { readKeras } from '../../src/interop/keras-files.ts';
import { steppedModel } from '../../src/interop/stepped-model.ts';
import { loadTensorFlow } from '../../src/interop/tensorflow.ts';

const [built, ...folders] = process.argv.slice(2);
const main = pathToFileURL(join(built!, 'dist/index.js')).href;
// the package is imported by its name, as where npm could build it
const hook = `export const resolve = (name, context, next) =>
  name === '@tensorflow/tfjs-node' ? { url: '${main}', shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const { getBackend } = await loadTensorFlow();
const models: Record<string, number> = {};
for (const folder of folders) {
  const { x, y } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as { x: number[][]; y: number[][] };
  const model = await steppedModel(readKeras(folder));
  const state = new Float32Array(model.stateSize);
  const found = x.map((row) => [...model.step(Float32Array.from(row), state, 1)]);
  models[folder] = Math.max(...found.flatMap((row, t) => row.map((value, i) => Math.abs(value - y[t]![i]!))));
}
console.log(JSON.stringify({ backend: getBackend(), models }));
