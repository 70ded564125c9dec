/** The layers of a Keras model and how they hang together, in one form for Keras 2, Keras 3 and TensorFlow.js. */
import { z } from 'zod';
import { TidecastError } from '../core/errors.ts';
import { LARGEST } from '../nn/shape.ts';
import { planLayer, unsupported, type KerasLayer, type LayerPlan } from './keras-layers.ts';

/** A model of one input and one output: rows of `inputs` numbers in, rows of the width of `output` out. */
export interface KerasTopology {
  readonly inputs: number;
  /** The name of the input, as it stands in `from`. */
  readonly input: string;
  /** The name of the layer whose output is the model's. */
  readonly output: string;
  /** Each after those it takes its input from. */
  readonly layers: readonly KerasLayer[];
  /** By the name of the layer. */
  readonly plans: ReadonlyMap<string, LayerPlan>;
}

const MOST_LAYERS = 64;

const layerSchema = z.object({
  class_name: z.string(),
  name: z.string().optional(),
  config: z.record(z.string(), z.unknown()),
  inbound_nodes: z.array(z.unknown()).default([]),
});
type Written = z.infer<typeof layerSchema>;

const modelSchema = z.object({
  class_name: z.string(),
  config: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]),
});
const layersSchema = z.array(layerSchema).min(1).max(MOST_LAYERS);
/** `["gru", 0, 0]`: a layer, which of its uses, which of its outputs. */
const tensorSchema = z.tuple([z.string(), z.literal(0), z.literal(0)], z.unknown());
/** How Keras 3 writes the same. */
const symbolicSchema = z.object({ class_name: z.literal('__keras_tensor__'), config: z.object({ keras_history: tensorSchema }) });

/** Reads what stands under `modelTopology`; throws KERAS_DAMAGED, KERAS_UNSUPPORTED or NN_TOO_LARGE. */
export function readTopology(written: unknown): KerasTopology {
  const holder = z.object({ model_config: z.unknown() }).safeParse(written);
  const model = parsed(
    modelSchema,
    holder.success && holder.data.model_config !== undefined ? holder.data.model_config : written,
  );
  if (model.class_name === 'Sequential') return planned(sequential(model.config));
  if (['Functional', 'Model'].includes(model.class_name)) return planned(functional(model.config));
  throw unsupported({ name: 'the model', type: model.class_name }, 'not a Sequential or Functional model');
}

type Graph = Omit<KerasTopology, 'plans'>;

function sequential(config: unknown): Graph {
  const written = parsed(layersSchema, Array.isArray(config) ? config : (config as { layers?: unknown }).layers, 'layers');
  const given = written[0]!.class_name === 'InputLayer' ? written.shift() : undefined;
  const input = given ? nameOf(given) : 'input';
  const inputs = widthOf(given ?? written[0]);
  let before = input;
  const layers = written.map((each) => {
    const layer = { name: nameOf(each), type: each.class_name, config: each.config, from: [before] };
    before = layer.name;
    return layer;
  });
  return { inputs, input, output: before, layers };
}

function functional(config: unknown): Graph {
  const { layers, input_layers, output_layers } = parsed(
    z.object({ layers: layersSchema, input_layers: z.unknown(), output_layers: z.unknown() }),
    config,
  );
  const input = single(input_layers, 'input');
  const given = layers.find((each) => nameOf(each) === input);
  const waiting = layers
    .filter((each) => each !== given)
    .map((each) => ({ name: nameOf(each), type: each.class_name, config: each.config, from: inboundOf(each) }));
  const ordered: KerasLayer[] = [];
  const known = new Set([input]);
  while (waiting.length > 0) {
    const next = waiting.findIndex(({ from }) => from.every((name) => known.has(name)));
    if (next < 0) throw damaged(`the layer ${waiting[0]!.name.slice(0, 80)} hangs on no input`);
    const [layer] = waiting.splice(next, 1);
    ordered.push(layer!);
    known.add(layer!.name);
  }
  return { inputs: widthOf(given), input, output: single(output_layers, 'output'), layers: ordered };
}

/** Widths and tensors of every layer, with the whole kept below the largest network's size. */
function planned(graph: Graph): KerasTopology {
  const plans = new Map<string, LayerPlan>([[graph.input, { width: graph.inputs, tensors: new Map() }]]);
  let parameters = 0;
  for (const layer of graph.layers) {
    if (plans.has(layer.name)) throw damaged(`two layers are called ${layer.name.slice(0, 80)}`);
    const plan = planLayer(
      layer,
      layer.from.map((name) => plans.get(name)!.width),
    );
    for (const shape of plan.tensors.values()) parameters += shape.reduce((product, n) => product * n, 1);
    if (parameters > LARGEST.parameters) throw new TidecastError('NN_TOO_LARGE', { parameters, largest: LARGEST.parameters });
    plans.set(layer.name, plan);
  }
  if (!plans.has(graph.output)) throw damaged(`there is no layer ${graph.output.slice(0, 80)} to be the output`);
  return { ...graph, plans };
}

function nameOf({ name, config }: Written): string {
  return parsed(z.string().min(1).max(200), name ?? config['name']);
}

function widthOf(layer: Written | undefined): number {
  const shape = layer?.config['batch_shape'] ?? layer?.config['batch_input_shape'] ?? layer?.config['batchInputShape'];
  return parsed(z.tuple([z.unknown(), z.unknown(), z.int().min(1).max(LARGEST.inputs)]), shape, 'input shape')[2];
}

function inboundOf(layer: Written): string[] {
  const [node, ...others] = layer.inbound_nodes;
  if (others.length > 0) throw unsupported({ name: nameOf(layer), type: layer.class_name }, 'it is used more than once');
  const keras3 = z.object({ args: z.array(z.unknown()), kwargs: z.unknown() }).safeParse(node);
  if (!keras3.success) return parsed(z.array(tensorSchema), node, 'inbound_nodes').map(([name]) => name);
  if (JSON.stringify(keras3.data.kwargs ?? {}).includes('__keras_tensor__'))
    throw unsupported({ name: nameOf(layer), type: layer.class_name }, 'it is given its state or a mask');
  return parsed(z.array(symbolicSchema), keras3.data.args.flat(), 'inbound_nodes').map(({ config }) => config.keras_history[0]);
}

/** The one of `input_layers` or `output_layers`; Keras 3 leaves out the outer brackets. */
function single(written: unknown, what: string): string {
  const list = Array.isArray(written) && typeof written[0] === 'string' ? [written] : written;
  const tensors = parsed(z.array(tensorSchema), list, `${what}_layers`);
  if (tensors.length !== 1) throw unsupported({ name: 'the model', type: 'Functional' }, `it has ${tensors.length} ${what}s`);
  return tensors[0]![0];
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, where?: string): T {
  const { data, error } = schema.safeParse(value);
  if (!error) return data;
  const { path, message } = error.issues[0]!;
  throw damaged([where, path.join('.'), message].filter(Boolean).join(': '));
}

function damaged(reason: string): TidecastError {
  return new TidecastError('KERAS_DAMAGED', { file: 'model.json', reason });
}
