/**
 * A Keras model run by TensorFlow.js one row at a time: recurrent layers take a step from a state that the caller keeps, all others work
 * on the row alone.
 */
import type { layers, LayersModel, RNN, Tensor, Tensor2D } from '@tensorflow/tfjs';
import { createHash } from 'node:crypto';
import { TidecastError } from '../core/errors.ts';
import { GRU_RESET_AFTER, registerGruResetAfter, type GruResetAfter } from './gru-reset-after.ts';
import type { KerasModel } from './keras-files.ts';
import { denseConfig, normalizationConfig, RECURRENT, recurrentConfig, type KerasLayer } from './keras-layers.ts';
import { loadTensorFlow, type TensorFlow } from './tensorflow.ts';

/** Loads a model into TensorFlow.js. Throws TENSORFLOW_MISSING, and KERAS_UNSUPPORTED for one that TensorFlow.js refuses. */
export async function steppedModel(model: KerasModel): Promise<SteppedModel> {
  const tf = await loadTensorFlow();
  registerGruResetAfter(tf);
  try {
    const loaded = await tf.models.modelFromJSON({ modelTopology: topologyOf(model) } as never);
    for (const layer of model.topology.layers) {
      const shapes = model.topology.plans.get(layer.name)!.tensors;
      const tensors = [...model.tensors.get(layer.name)!];
      const inOrder = [...shapes].map(([name, shape]) => tf.tensor(tensors.find(([each]) => each === name)![1], [...shape]));
      loaded.getLayer(layer.name).setWeights(inOrder);
      tf.dispose(inOrder);
    }
    return new SteppedModel(tf, model, loaded);
  } catch (cause) {
    if (cause instanceof TidecastError) throw cause;
    const problem = cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
    throw new TidecastError('KERAS_UNSUPPORTED', { problem }, { cause });
  }
}

/** A model in TensorFlow.js; {@link steppedModel} makes it. */
export class SteppedModel {
  /** Numbers in an input row and in an output row. */
  readonly inputs: number;
  readonly outputs: number;
  /** Numbers of state: by recurrent layer h, then for an LSTM c. */
  readonly stateSize: number;
  /** The first 12 hex digits of the SHA-256 of its layers and weights. */
  readonly hash: string;
  readonly #tf: typeof TensorFlow;
  readonly #layers: readonly KerasLayer[];
  readonly #ends: { readonly input: string; readonly output: string };
  readonly #sizes: number[] = [];
  readonly #model: LayersModel;

  constructor(tf: typeof TensorFlow, { topology, tensors }: KerasModel, model: LayersModel) {
    this.#tf = tf;
    this.#layers = topology.layers;
    this.#ends = topology;
    this.#model = model;
    this.inputs = topology.inputs;
    this.outputs = topology.plans.get(topology.output)!.width;
    for (const layer of topology.layers) {
      if (!Object.hasOwn(RECURRENT, layer.type)) continue;
      const { units } = recurrentConfig(layer);
      this.#sizes.push(...(layer.type === 'LSTM' ? [units, units] : [units]));
    }
    this.stateSize = this.#sizes.reduce((sum, size) => sum + size, 0);
    const hash = createHash('sha256').update(JSON.stringify(topology.layers));
    for (const each of tensors.values()) for (const values of each.values()) hash.update(new Uint8Array(values.buffer));
    this.hash = hash.digest('hex').slice(0, 12);
  }

  /** One step of rows: x [rows, inputs] and state [rows, stateSize], which is written over; gives y [rows, outputs]. */
  step(x: Float32Array, state: Float32Array, rows: number): Float32Array {
    const tf = this.#tf;
    const [y, next] = tf.tidy(() => {
      const states = this.stateSize > 0 ? tf.split(tf.tensor2d(state, [rows, this.stateSize]), this.#sizes, 1) : [];
      const after: Tensor2D[] = [];
      // a sequence of one row, so that every layer sees as many axes as when it was trained
      const values = new Map<string, Tensor>([[this.#ends.input, tf.tensor3d(x, [rows, 1, this.inputs])]]);
      for (const layer of this.#layers) {
        const from = layer.from.map((name) => values.get(name)!);
        values.set(layer.name, this.#apply(layer, from, states as Tensor2D[], after));
      }
      return [values.get(this.#ends.output)!, after.length > 0 ? tf.concat(after, 1) : tf.tensor1d([])];
    }) as [Tensor, Tensor];
    state.set(next.dataSync());
    const result = y.dataSync() as Float32Array;
    tf.dispose([y, next]);
    return result;
  }

  #apply(layer: KerasLayer, from: Tensor[], states: Tensor2D[], after: Tensor2D[]): Tensor {
    const model = this.#model.getLayer(layer.name);
    if (!Object.hasOwn(RECURRENT, layer.type)) return model.apply(from.length === 1 ? from[0]! : from) as Tensor;
    const rows = from[0]!.shape[0]!;
    const { units, return_sequences, reset_after } = recurrentConfig(layer);
    const x = from[0]!.reshape<Tensor2D>([rows, -1]);
    const before = states.splice(0, layer.type === 'LSTM' ? 2 : 1);
    const [h, ...next] =
      layer.type === 'GRU' && reset_after
        ? [(model as layers.Layer & GruResetAfter).step(x, before[0]!)].flatMap((state) => [state, state])
        : ((model as RNN).cell.call([x, ...before], {}) as Tensor2D[]);
    after.push(...next);
    return return_sequences ? h!.reshape([rows, 1, units]) : h!;
  }
}

/** The model as TensorFlow.js reads it; only what was checked is passed on. */
function topologyOf({ topology }: KerasModel): unknown {
  const { input, inputs, output, layers } = topology;
  const first = { class_name: 'InputLayer', name: input, config: { name: input, batch_input_shape: [null, null, inputs] } };
  return {
    class_name: 'Model',
    config: {
      name: 'keras',
      layers: [
        { ...first, inbound_nodes: [] },
        ...layers.map((layer) => ({
          class_name: layer.type === 'GRU' && recurrentConfig(layer).reset_after ? GRU_RESET_AFTER : layer.type,
          name: layer.name,
          config: { name: layer.name, ...configOf(layer) },
          inbound_nodes: [layer.from.map((name) => [name, 0, 0, {}])],
        })),
      ],
      input_layers: [[input, 0, 0]],
      output_layers: [[output, 0, 0]],
    },
  };
}

function configOf(layer: KerasLayer): Record<string, unknown> {
  // weights follow: initial values, some of them slow to make, are not needed
  const zeros = { kernel_initializer: 'zeros', recurrent_initializer: 'zeros' };
  if (Object.hasOwn(RECURRENT, layer.type)) {
    const { units, activation, recurrent_activation, use_bias, return_sequences } = recurrentConfig(layer);
    return { units, activation, recurrent_activation, use_bias, return_sequences, ...zeros };
  }
  if (layer.type === 'Dense') return { ...denseConfig(layer), kernel_initializer: 'zeros' };
  if (layer.type === 'Dropout') return { rate: 0 };
  if (layer.type === 'Activation') return { activation: layer.config['activation'] };
  if (layer.type === 'Concatenate') return { axis: -1 };
  return layer.type.endsWith('Normalization') ? { ...normalizationConfig(layer), axis: -1 } : {};
}
