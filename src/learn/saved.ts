/** Networks of a learning file as models on disk: what their numbers mean, and how their training went, stands with the weights. */
import { TidecastError } from '../core/errors.ts';
import { loadModel, type ModelFile } from '../nn/files.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import type { Encoding } from './encoding.ts';
import type { Epoch, Fitted } from './fit.ts';
import { sample, type Drawing } from './sample.ts';
import type { LearningSpec, NetworkSpec } from './spec.ts';
import { textOf } from './words.ts';

/** In the `meta` of a model: the question, and the values by their numbers (empty where they are quantities). */
export interface LearntMeta {
  readonly origin: 'learn';
  readonly file: string;
  readonly network: string;
  readonly seed: number;
  readonly inputs: readonly string[];
  readonly target: string;
  readonly ahead: number;
  readonly asked: 'every' | 'last';
  readonly window: number;
  readonly symbols: readonly number[];
  readonly classes: readonly number[];
  readonly training: { readonly clip: number; readonly epochs: readonly Epoch[] };
}

/** A trained network with everything that is needed to use it. */
export function modelOf(
  { name, seed, learn }: LearningSpec,
  { symbols, classes }: Encoding,
  network: NetworkSpec,
  shape: NetworkShape,
  { weights, byEpoch }: Fitted,
): ModelFile {
  const { inputs, target, ahead, asked: when, clip } = learn;
  const asked = { inputs, target, ahead, asked: when, window: network.window, symbols, classes };
  const meta: LearntMeta = {
    ...{ origin: 'learn', file: name, network: network.name, seed },
    ...asked,
    training: { clip, epochs: byEpoch },
  };
  return { shape, weights, meta: { ...meta } };
}

/** What stands in the `meta` of a model that {@link modelOf} made; undefined for any other. */
export function learntMeta({ meta }: ModelFile): LearntMeta | undefined {
  return meta['origin'] === 'learn' ? (meta as unknown as LearntMeta) : undefined;
}

/** A saved network that says what symbol comes next, and so can write. */
export interface Writer {
  readonly shape: NetworkShape;
  readonly weights: Weights;
  /** Values of the symbols, by their number. */
  readonly symbols: readonly number[];
}

/** Reads one; throws LEARN_NO_WRITER where the model's answer is not its next input, and what {@link loadModel} throws. */
export function loadWriter(folder: string): Writer {
  const model = loadModel(folder);
  const { shape, weights } = model;
  const { symbols, classes, ahead, asked, inputs, target } = learntMeta(model) ?? {};
  const letters = Array.isArray(symbols) && symbols.length > 0 && symbols.every(isLetter);
  const itself =
    ahead === 1 && asked === 'every' && inputs?.[0] === target && JSON.stringify(symbols) === JSON.stringify(classes);
  if (!shape || !letters || !itself) throw new TidecastError('LEARN_NO_WRITER', { folder });
  if (shape.categories !== symbols.length || shape.outputs !== symbols.length)
    throw new TidecastError('NN_MODEL_DAMAGED', { folder, symbols: symbols.length, categories: shape.categories });
  return { shape, weights, symbols };
}

function isLetter(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 0x110000;
}

/** Text that a saved network writes after a beginning; throws LEARN_UNKNOWN for a character that it does not know. */
export function write({ shape, weights, symbols }: Writer, beginning: string, drawing: Drawing, seed: number): string {
  const known = new Map(symbols.map((value, i) => [value, i]));
  const read = Array.from(beginning, (letter, row) => {
    const symbol = known.get(letter.codePointAt(0)!);
    if (symbol === undefined) throw new TidecastError('LEARN_UNKNOWN', { value: letter.codePointAt(0), character: letter, row });
    return symbol;
  });
  return textOf(sample(shape, weights, read, drawing, seed).map((symbol) => symbols[symbol]!));
}
