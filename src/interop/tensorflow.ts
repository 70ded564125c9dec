/** TensorFlow.js, loaded when a model needs it: the native package where it works, else the one that is JavaScript alone. */
import type * as TensorFlow from '@tensorflow/tfjs';
import { createRequire } from 'node:module';
import { TidecastError } from '../core/errors.ts';

export type { TensorFlow };

let loaded: Promise<typeof TensorFlow> | undefined;

/** The package, the same at every call. Throws TENSORFLOW_MISSING where neither is installed. */
export function loadTensorFlow(): Promise<typeof TensorFlow> {
  return (loaded ??= load());
}

async function load(): Promise<typeof TensorFlow> {
  // its log of processor features says nothing to a user, and its one-DNN kernels make small steps slower
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  process.env['TF_ENABLE_ONEDNN_OPTS'] ??= '0';
  // the native package calls two functions that newer versions of Node have no more, or warn of
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] = (value: unknown) => value === null || value === undefined;
  util['isArray'] = Array.isArray;
  const problems: string[] = [];
  for (const name of ['@tensorflow/tfjs-node', '@tensorflow/tfjs']) {
    try {
      const found = (await import(name)) as typeof TensorFlow & { default?: typeof TensorFlow };
      const tf = found.default ?? found;
      tf.enableProdMode();
      await tf.ready();
      return tf;
    } catch (cause) {
      // not installed, or its native part was not built: whatever is thrown, it is not there
      problems.push(`${name}: ${String(cause instanceof Error ? cause.message : cause).split('\n')[0]}`);
    }
  }
  throw new TidecastError('TENSORFLOW_MISSING', { reason: problems.join('; ').slice(0, 400) });
}
