/** The `keras` forecaster's models on the native TensorFlow, built for this test: Keras's numbers, and really its backend. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fixture, KERAS_MODELS } from '../interop/models.ts';
import { runToEnd } from '../services/run-to-end.ts';
import { nativeTensorFlow, whyNoNativeTensorFlow } from '../services/tensorflow-native.ts';

const CHILD = join(import.meta.dirname, '../../dist/test/support/keras-native-child.js');
const reason = whyNoNativeTensorFlow();

it.skipIf(reason !== undefined)(
  `native TensorFlow gives, stepped, what Keras gives, within 1e-5${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  async () => {
    const output = await runToEnd(process.execPath, [CHILD, await nativeTensorFlow(), ...KERAS_MODELS.map(fixture)]);
    const { backend, models } = JSON.parse(output.trim().split('\n').at(-1)!) as {
      backend: string;
      models: Record<string, number>;
    };
    expect(backend).toBe('tensorflow');
    expect(Object.keys(models)).toEqual(KERAS_MODELS.map(fixture));
    for (const [folder, difference] of Object.entries(models)) expect(difference, folder).toBeLessThan(1e-5);
  },
  600_000,
);
