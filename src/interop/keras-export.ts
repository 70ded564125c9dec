/** A network of ours as a Keras model: `model.json` and `weights.bin`, which Keras 2, TensorFlow.js and our import read. */
import { gatesOf, cellOf, type NetworkShape, type Weights } from '../nn/shape.ts';
import { exportable, type KnownCell } from './exportable.ts';
import { GATES, turnedBack } from './keras-network.ts';
import { writeNew } from './new-files.ts';

const CLASSES: Readonly<Record<KnownCell, string>> = { rnn: 'SimpleRNN', gru: 'GRU', lstm: 'LSTM' };
const WEIGHTS = 'weights.bin';

interface Layer {
  readonly class_name: string;
  readonly config: { readonly name: string } & Record<string, unknown>;
  readonly from: readonly string[];
  readonly tensors: readonly (readonly [string, readonly number[], Float32Array<ArrayBuffer>])[];
}

/**
 * Writes a new folder. The model gives an output for every step of a sequence that begins with a state of zeros; with a skip it is a
 * functional model that adds a second dense layer of the input. Throws EXPORT_UNSAVED, also where the folder exists.
 */
export function exportKeras(folder: string, shape: NetworkShape, weights: Weights): void {
  const layers = layersOf(shape, weights);
  const topology = shape.skip
    ? {
        class_name: 'Functional',
        config: {
          name: 'tidecast',
          layers: layers.map(({ class_name, config, from }) => ({
            class_name,
            name: config.name,
            config,
            inbound_nodes: from.length === 0 ? [] : [from.map((name) => [name, 0, 0, {}])],
          })),
          input_layers: [['input', 0, 0]],
          output_layers: [['output', 0, 0]],
        },
      }
    : {
        class_name: 'Sequential',
        config: { name: 'tidecast', layers: layers.map(({ class_name, config }) => ({ class_name, config })) },
      };
  const tensors = layers.flatMap(({ config, tensors }) =>
    tensors.map(([name, sizes, values]) => ({ name: `${config.name}/${name}`, sizes, values })),
  );
  const manifest = {
    paths: [WEIGHTS],
    weights: tensors.map(({ name, sizes }) => ({ name, shape: sizes, dtype: 'float32' })),
  };
  const model = {
    format: 'layers-model',
    generatedBy: 'tidecast',
    convertedBy: null,
    modelTopology: { keras_version: '2.15.0', backend: 'tensorflow', model_config: topology },
    weightsManifest: [manifest],
  };
  const bytes = Buffer.alloc(tensors.reduce((sum, { values }) => sum + 4 * values.length, 0));
  let at = 0;
  for (const { values } of tensors) for (const value of values) at = bytes.writeFloatLE(value, at);
  writeNew(folder, [
    [WEIGHTS, bytes],
    ['model.json', `${JSON.stringify(model, null, 2)}\n`],
  ]);
}

function layersOf(shape: NetworkShape, weights: Weights): Layer[] {
  const { hidden, inputs, outputs } = shape;
  const cell = exportable(shape);
  const get = (name: string) => weights.get(name) as Float32Array<ArrayBuffer>;
  const columns = gatesOf(shape) * hidden;
  const layers: Layer[] = [
    {
      class_name: 'InputLayer',
      config: { name: 'input', batch_input_shape: [null, null, inputs], dtype: 'float32', sparse: false, ragged: false },
      from: [],
      tensors: [],
    },
  ];
  for (let i = 0; i < shape.layers; i++) {
    const after = cellOf(shape) === 'gru after';
    layers.push({
      class_name: CLASSES[cell],
      config: {
        name: `recurrent_${i}`,
        units: hidden,
        activation: 'tanh',
        ...(cell === 'rnn' ? {} : { recurrent_activation: 'sigmoid' }),
        use_bias: true,
        return_sequences: true,
        return_state: false,
        go_backwards: false,
        stateful: false,
        unroll: false,
        ...(cell === 'gru' ? { reset_after: after } : {}),
      },
      from: [i === 0 ? 'input' : `recurrent_${i - 1}`],
      tensors: [
        ['kernel', [i === 0 ? inputs : hidden, columns], turnedBack(get(`layers.${i}.w`), GATES[cell], hidden)],
        ['recurrent_kernel', [hidden, columns], turnedBack(get(`layers.${i}.u`), GATES[cell], hidden)],
        ['bias', after ? [2, columns] : [columns], biasOf(shape, get(`layers.${i}.b`), weights.get(`layers.${i}.bn`))],
      ],
    });
  }
  const dense = (name: string, from: string, kernel: string, rows: number, bias?: string): Layer => ({
    class_name: 'Dense',
    config: { name, units: outputs, activation: 'linear', use_bias: bias !== undefined },
    from: [from],
    tensors: [
      ['kernel', [rows, outputs], turnedBack(get(kernel), [0], outputs)],
      ...(bias === undefined ? [] : [['bias', [outputs], get(bias)] as const]),
    ],
  });
  layers.push(dense('head', layers.at(-1)!.config.name, 'head.w', hidden, 'head.b'));
  if (shape.skip)
    layers.push(dense('skip', 'input', 'head.s', inputs), {
      class_name: 'Add',
      config: { name: 'output' },
      from: ['head', 'skip'],
      tensors: [],
    });
  return layers;
}

/** For a GRU with reset after: a row for the input and one for the state, zeros but for n. */
function biasOf(shape: NetworkShape, b: Float32Array, bn: Float32Array | undefined): Float32Array<ArrayBuffer> {
  const bias = turnedBack(b, GATES[exportable(shape)], shape.hidden);
  if (!bn) return bias;
  const both = new Float32Array(2 * bias.length);
  both.set(bias);
  both.set(bn, both.length - shape.hidden);
  return both;
}
