/** The `keras` forecaster: a model that was trained in Keras, stepped with one state a series. */
import { resolve } from 'node:path';
import { z } from 'zod';
import { ROW_RESET } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import type { Column } from '../core/lanes.ts';
import type { Saved } from '../core/state.ts';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from '../forecast/forecaster.ts';
import type { SteppedModel } from './stepped-model.ts';

const config = z.strictObject({
  model: z
    .string()
    .min(1)
    .describe(
      'The folder of the model: `model.json` and its weights, as `tensorflowjs_converter --output_format tfjs_layers_model` writes it. Relative to the pipeline file.',
    ),
  center: z
    .array(z.number())
    .max(64)
    .default([])
    .describe('What is taken off each channel before the model sees it, and added to what it says. Default: 0 each.'),
  scale: z
    .array(z.number().positive())
    .max(64)
    .default([])
    .describe('What each channel is then divided by, and what the model says multiplied with. Default: 1 each.'),
});
type Config = z.infer<typeof config>;

/** A number beyond this is cut: in 32 bits the square of a larger one is infinite, and a state would be lost. */
const LARGEST = 1e18;

/**
 * Inputs are the row's channels; outputs are, target by target, the values 1 to `horizon` rows ahead.
 *
 * The states of a wave's series go in and come out as one batch.
 */
class Keras implements Forecaster {
  readonly name = 'keras';
  readonly ownQuantiles = false;
  readonly #context: ForecasterContext;
  readonly #model: SteppedModel;
  readonly #center: Float64Array;
  readonly #scale: Float64Array;
  readonly #state: Column<Float32Array>;

  constructor({ center, scale }: Config, context: ForecasterContext) {
    const { channels, targets, horizon, lanes, state } = context;
    const model = context.loaded as SteppedModel;
    const outputs = targets * horizon;
    const wrong = [center, scale].some(({ length }) => length > 0 && length !== channels);
    if (model.inputs !== channels || model.outputs !== outputs || wrong)
      throw new TidecastError('KERAS_UNFIT', {
        channels,
        inputs: model.inputs,
        'targets x horizon': outputs,
        outputs: model.outputs,
        ...(wrong ? { center: center.length, scale: scale.length } : {}),
      });
    this.#context = context;
    this.#model = model;
    this.#center = Float64Array.from({ length: channels }, (_, c) => center[c] ?? 0);
    this.#scale = Float64Array.from({ length: channels }, (_, c) => scale[c] ?? 1);
    this.#state = lanes.f32('keras.state', Math.max(1, model.stateSize));
    state.add('keras', {
      snapshot: (): Saved => ({ hash: model.hash }),
      restore: (saved) => {
        const then = (saved as { hash: string }).hash;
        if (then !== model.hash) throw new TidecastError('STATE_SHAPE', { model: `${then}, now ${model.hash}` });
      },
    });
  }

  step(wave: Wave, outlook: Outlook): void {
    const { channels, targets, horizon } = this.#context;
    const { rows } = wave;
    const size = this.#model.stateSize;
    const x = new Float32Array(rows * channels);
    const state = new Float32Array(rows * size);
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < channels; c++)
        x[row * channels + c] = cut((wave.values[row * channels + c]! - this.#center[c]!) / this.#scale[c]!);
      const at = wave.lanes[row]! * size;
      if (!(wave.flags[row]! & ROW_RESET)) state.set(this.#state.data.subarray(at, at + size), row * size);
    }
    const y = this.#model.step(x, state, rows);
    for (let row = 0; row < rows; row++) {
      const next = state.subarray(row * size, (row + 1) * size);
      // a state that is no number would stay none for ever
      if (!next.every(Number.isFinite)) next.fill(0);
      this.#state.data.set(next, wave.lanes[row]! * size);
      for (let t = 0; t < targets; t++) {
        const last = wave.values[row * channels + t]!;
        for (let h = 0; h < horizon; h++) {
          const cell = (row * targets + t) * horizon + h;
          const mean = this.#center[t]! + this.#scale[t]! * y[cell]!;
          outlook.mean[cell] = Number.isFinite(mean) ? mean : last;
        }
      }
    }
  }
}

function cut(x: number): number {
  return x > LARGEST ? LARGEST : x < -LARGEST ? -LARGEST : x;
}

async function loadModel(folder: string): Promise<SteppedModel> {
  const { readKeras } = await import('./keras-files.ts');
  const { steppedModel } = await import('./stepped-model.ts');
  return steppedModel(readKeras(folder));
}

export default defineForecaster<Config>({
  name: 'keras',
  status: 'experimental',
  summary: 'A recurrent model trained in Keras, run by TensorFlow.js with one state a series.',
  config,
  example: 'model: my-model\ncenter: [20]\nscale: [5]',
  guarantees: [
    'The model may hold SimpleRNN, GRU (both forms), LSTM, Dense, Dropout, Activation, LayerNormalization, BatchNormalization, Add and Concatenate layers; any other is refused before the run begins.',
    'Inputs are the channels of a row, targets first; outputs are, target by target, the values 1 to `horizon` rows ahead.',
    'A row costs one step of each layer, whatever the length of the history: some 0.1 to 1 ms, and 4 ms for a GRU without `reset_after` on `@tensorflow/tfjs`; the network of `recurrent` needs some 0.001 ms.',
    'NOT held: the same bits in every batch. How many series arrive together may change the last digits, and so may the machine and the package.',
    'NOT held: it is not retrained, and does not begin again under other weights: another model needs `--fresh`.',
    'It runs on `@tensorflow/tfjs-node` where that is installed and built, which pays where many series arrive together, else on `@tensorflow/tfjs`.',
    'A network that `tidecast export` wrote is better taken back with `tidecast import`, as `forecast.weights`, for `recurrent`: there it has the same bits always.',
  ],
  load: ({ model }, folder) => loadModel(resolve(folder, model)),
  lookback: () => 0,
  build: (options, context) => new Keras(options, context),
});
