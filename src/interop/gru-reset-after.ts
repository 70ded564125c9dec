/** Keras's usual GRU, which TensorFlow.js's own layers refuse: the reset gate acts after the recurrent product. */
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { RecurrentConfig } from './keras-layers.ts';
import type { TensorFlow } from './tensorflow.ts';

/** The name under which the class is registered. */
export const GRU_RESET_AFTER = 'TidecastGruResetAfter';

/** A layer that is stepped row by row; it holds the weights under the names and in the order of Keras. */
export interface GruResetAfter {
  /** h' of a row x [rows, inputs] and h [rows, units]. */
  step(x: Tensor2D, h: Tensor2D): Tensor2D;
}

/** Makes the class known to TensorFlow.js. */
export function registerGruResetAfter(tf: typeof TensorFlow): void {
  type Shape = [number | null, number | null, number];
  class Layer extends tf.layers.Layer implements GruResetAfter {
    static readonly className = GRU_RESET_AFTER;
    readonly #config: Pick<RecurrentConfig, 'units' | 'use_bias'> & { readonly return_sequences: boolean };
    readonly #activation: (x: Tensor) => Tensor2D;
    readonly #gate: (x: Tensor) => Tensor2D;

    constructor(config: Record<string, unknown>) {
      super(config);
      const { units, useBias, returnSequences, activation, recurrentActivation } = config;
      this.#config = { units: units as number, use_bias: useBias as boolean, return_sequences: returnSequences as boolean };
      const function_ = (name: unknown) => {
        const layer = tf.layers.activation({ activation: name as 'tanh' });
        return (x: Tensor) => layer.apply(x) as Tensor2D;
      };
      this.#activation = function_(activation);
      this.#gate = function_(recurrentActivation);
    }

    override build(shape: Shape): void {
      const { units, use_bias } = this.#config;
      const zeros = tf.initializers.zeros();
      this.addWeight('kernel', [shape[2], 3 * units], 'float32', zeros);
      this.addWeight('recurrent_kernel', [units, 3 * units], 'float32', zeros);
      if (use_bias) this.addWeight('bias', [2, 3 * units], 'float32', zeros);
      this.built = true;
    }

    override computeOutputShape([batch, steps]: Shape): (number | null)[] {
      const { units, return_sequences } = this.#config;
      return return_sequences ? [batch, steps, units] : [batch, units];
    }

    step(x: Tensor2D, h: Tensor2D): Tensor2D {
      const { units } = this.#config;
      const [kernel, recurrent, bias] = this.getWeights() as [Tensor2D, Tensor2D, Tensor2D?];
      const [ofInput, ofState] = bias ? tf.unstack(bias) : [tf.scalar(0), tf.scalar(0)];
      const [xz, xr, xn] = tf.split(tf.add(tf.matMul(x, kernel), ofInput!), 3, 1);
      const [hz, hr, hn] = tf.split(tf.add(tf.matMul(h, recurrent), ofState!), 3, 1);
      const z = this.#gate(tf.add(xz!, hz!));
      const r = this.#gate(tf.add(xr!, hr!));
      const n = this.#activation(tf.add(xn!, tf.mul(r, hn!)));
      return tf.add(n, tf.mul(z, tf.sub(h, n))).reshape([-1, units]);
    }
  }
  tf.serialization.registerClass(Layer);
}
