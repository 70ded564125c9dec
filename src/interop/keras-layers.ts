/**
 * The Keras layers that are understood: what each needs, which tensors it has, how wide its output is.
 *
 * All of them work row by row, or carry a state from row to row; a layer that looks along time in another way cannot be stepped.
 */
import { z } from 'zod';
import { TidecastError } from '../core/errors.ts';
import { LARGEST } from '../nn/shape.ts';

/** A layer of a model, with the layers it takes its input from. */
export interface KerasLayer {
  readonly name: string;
  /** The class, such as `GRU`. */
  readonly type: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly from: readonly string[];
}

/** What follows from a layer's configuration and the widths of its inputs. */
export interface LayerPlan {
  /** Numbers in a row of its output. */
  readonly width: number;
  /** Its tensors with their shapes, in the order of Keras. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
}

/** Gates by recurrent class: columns of its kernel in multiples of its units. */
export const RECURRENT: Readonly<Record<string, number>> = { SimpleRNN: 1, GRU: 3, LSTM: 4 };

/** Functions that mean the same in every Keras; `hard_sigmoid` does not. */
const ACTIVATIONS = ['linear', 'tanh', 'sigmoid', 'relu', 'elu', 'selu', 'softplus', 'softsign', 'softmax'];

const units = z.int().min(1).max(LARGEST.hidden);
const activation = z.enum(ACTIVATIONS);
const bias = z.boolean().default(true);
const no = z.literal(false).default(false);
/** The last axis, however a Keras writes it. */
const lastAxis = z.union([z.literal(-1), z.literal(2), z.tuple([z.union([z.literal(-1), z.literal(2)])])]).default(-1);

const recurrent = z.object({
  units,
  activation: activation.default('tanh'),
  recurrent_activation: activation.default('sigmoid'),
  use_bias: bias,
  reset_after: z.boolean().default(false),
  return_sequences: z.boolean().default(false),
  go_backwards: no,
  return_state: no,
  time_major: no,
});

/** The checked configuration of a recurrent layer. */
export type RecurrentConfig = z.infer<typeof recurrent>;

/** The configuration of a recurrent layer; throws KERAS_UNSUPPORTED. */
export function recurrentConfig(layer: KerasLayer): RecurrentConfig {
  return checked(layer, recurrent);
}

const dense = z.object({ units: z.int().min(1).max(LARGEST.outputs), activation: activation.default('linear'), use_bias: bias });

/** The configuration of a dense layer; throws KERAS_UNSUPPORTED. */
export function denseConfig(layer: KerasLayer): z.infer<typeof dense> {
  return checked(layer, dense);
}

const normalization = z.object({
  axis: lastAxis,
  epsilon: z.number().positive().default(0.001),
  scale: z.boolean().default(true),
  center: z.boolean().default(true),
});

/** The configuration of a normalizing layer; throws KERAS_UNSUPPORTED. */
export function normalizationConfig(layer: KerasLayer): z.infer<typeof normalization> {
  return checked(layer, normalization);
}

type Planner = (layer: KerasLayer, widths: readonly number[]) => LayerPlan;

const PLANNERS: Readonly<Record<string, Planner>> = {
  SimpleRNN: planRecurrent,
  GRU: planRecurrent,
  LSTM: planRecurrent,
  Dense: (layer, widths) => {
    const { units: width, use_bias } = denseConfig(layer);
    return plan(width, [['kernel', [one(layer, widths), width]], ...(use_bias ? [['bias', [width]] as const] : [])]);
  },
  // it does nothing outside training
  Dropout: (layer, widths) => plan(one(layer, widths)),
  Activation: (layer, widths) => {
    checked(layer, z.object({ activation }));
    return plan(one(layer, widths));
  },
  LayerNormalization: (layer, widths) => planNormalization(layer, one(layer, widths), []),
  BatchNormalization: (layer, widths) => planNormalization(layer, one(layer, widths), ['moving_mean', 'moving_variance']),
  Add: (layer, widths) => {
    if (widths.length < 2 || widths.some((width) => width !== widths[0])) throw unsupported(layer, 'its inputs differ in width');
    return plan(widths[0]!);
  },
  Concatenate: (layer, widths) => {
    checked(layer, z.object({ axis: lastAxis }));
    return plan(widths.reduce((sum, width) => sum + width, 0));
  },
};

/** Plans a layer; throws KERAS_UNSUPPORTED for one that is not understood. */
export function planLayer(layer: KerasLayer, widths: readonly number[]): LayerPlan {
  const planner = Object.hasOwn(PLANNERS, layer.type) ? PLANNERS[layer.type]! : undefined;
  if (!planner) throw unsupported(layer, `not one of ${Object.keys(PLANNERS).join(' ')}`);
  return planner(layer, widths);
}

/** The error for a layer that is no part of what can be run or converted. */
export function unsupported(layer: Pick<KerasLayer, 'name' | 'type'>, problem: string): TidecastError {
  return new TidecastError('KERAS_UNSUPPORTED', { layer: layer.name.slice(0, 80), class: layer.type.slice(0, 80), problem });
}

function planRecurrent(layer: KerasLayer, widths: readonly number[]): LayerPlan {
  const { units: width, use_bias, reset_after } = recurrentConfig(layer);
  const columns = RECURRENT[layer.type]! * width;
  const twice = layer.type === 'GRU' && reset_after;
  return plan(width, [
    ['kernel', [one(layer, widths), columns]],
    ['recurrent_kernel', [width, columns]],
    ...(use_bias ? [['bias', twice ? [2, columns] : [columns]] as const] : []),
  ]);
}

function planNormalization(layer: KerasLayer, width: number, more: readonly string[]): LayerPlan {
  const { scale, center } = normalizationConfig(layer);
  const names = [...(scale ? ['gamma'] : []), ...(center ? ['beta'] : []), ...more];
  return plan(
    width,
    names.map((name) => [name, [width]]),
  );
}

function plan(width: number, tensors: readonly (readonly [string, readonly number[]])[] = []): LayerPlan {
  return { width, tensors: new Map(tensors) };
}

function one(layer: KerasLayer, widths: readonly number[]): number {
  if (widths.length !== 1) throw unsupported(layer, `it takes in ${widths.length} tensors instead of 1`);
  return widths[0]!;
}

function checked<T>(layer: KerasLayer, schema: z.ZodType<T>): T {
  const { data, error } = schema.safeParse(layer.config);
  if (!error) return data;
  const { path, message } = error.issues[0]!;
  throw unsupported(layer, `${path.join('.')}: ${message}`);
}
