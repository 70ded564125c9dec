/** The same training in TensorFlow.js: its layers, cpu backend. */
import * as tf from '@tensorflow/tfjs';

/** Median milliseconds of a training step on batch x steps x inputs with `fit`'s machinery (`trainOnBatch`), Adam, squared error. */
export async function tensorFlowTraining(
  cell: 'gru' | 'lstm',
  hidden: number,
  inputs: number,
  batch: number,
  steps: number,
  rounds: number,
): Promise<number> {
  await tf.setBackend('cpu');
  await tf.ready();
  const inputShape = [steps, inputs];
  const options = {
    units: hidden,
    returnSequences: true,
    inputShape,
    recurrentActivation: 'sigmoid' as const,
    kernelInitializer: 'glorotUniform' as const,
    recurrentInitializer: 'glorotUniform' as const,
  };
  const model = tf.sequential();
  model.add(cell === 'gru' ? tf.layers.gru(options) : tf.layers.lstm(options));
  model.add(tf.layers.dense({ units: 1 }));
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'meanSquaredError' });
  const x = tf.tensor3d(
    Float32Array.from({ length: batch * steps * inputs }, (_, i) => Math.sin(i)),
    [batch, steps, inputs],
  );
  const target = tf.tensor3d(
    Float32Array.from({ length: batch * steps }, (_, i) => Math.cos(i / 3)),
    [batch, steps, 1],
  );
  await model.trainOnBatch(x, target);
  const times: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const start = performance.now();
    await model.trainOnBatch(x, target);
    times.push(performance.now() - start);
  }
  tf.disposeVariables();
  return times.sort((a, b) => a - b)[rounds >> 1]!;
}
