/** An encoder and a decoder as one model on disk, and what it answers once it is read back. */
import { TidecastError } from '../core/errors.ts';
import { checkBoth, type Both } from '../nn/encoder-decoder.ts';
import { loadModel, type ModelFile } from '../nn/files.ts';
import { checkWeights, networkWeights, type NetworkShape, type Weights } from '../nn/shape.ts';
import { Decoding } from './decoding.ts';
import type { PairMeaning, Scale } from './pairs.ts';
import { checkHow } from './search.ts';
import type { LearningSpec } from './spec.ts';
import { textOf } from './words.ts';

const ENCODER = 'encoder/';
const ORIGIN = 'learn pairs';

/** The decoder's tensors by their names, the encoder's below `encoder/`; in `meta` the encoder's shape and what numbers mean. */
export function pairModelOf(
  { name, seed, learn }: LearningSpec,
  network: string,
  shapes: Both<NetworkShape>,
  weights: Both<Weights>,
  meaning: PairMeaning,
): ModelFile {
  const encoder = [...weights.encoder].map(([tensor, values]) => [ENCODER + tensor, values] as const);
  const { inputs, target } = learn;
  return {
    shape: shapes.decoder,
    weights: new Map([...weights.decoder, ...encoder]),
    meta: { origin: ORIGIN, file: name, network, seed, inputs, target, encoder: shapes.encoder, meaning },
  };
}

/** A trained encoder and decoder at work. */
export class Answerer {
  readonly #decoding: Decoding;
  readonly #meaning: PairMeaning;

  constructor(shapes: Both<NetworkShape>, weights: Both<Weights>, meaning: PairMeaning) {
    this.#decoding = new Decoding(shapes, weights);
    this.#meaning = meaning;
  }

  /**
   * The answer to rows of values [rows][inputs], symbols by a beam of a width; `last` is the last known value of a target that is a
   * quantity. Throws LEARN_UNKNOWN for a symbol that training had not, LEARN_PAIR where there is nothing to read, and SEARCH_OPTION.
   */
  answer(rows: readonly (readonly number[])[], width: number, last?: number): number[] {
    const { symbols, classes, inputs, target, ends, longest } = this.#meaning;
    if (rows.length === 0) throw new TidecastError('LEARN_PAIR', { read: 0 });
    const places = new Map(symbols.map((value, i) => [value, i]));
    const read = rows.flatMap((row, at) =>
      row.map((value, i) => {
        const number = symbols.length > 0 ? places.get(value) : (value - inputs[i]!.mean) / inputs[i]!.deviation;
        if (number === undefined) {
          const character = textOf([value]);
          throw new TidecastError('LEARN_UNKNOWN', { value, ...(character && { character }), row: at });
        }
        return number;
      }),
    );
    const said = classes.length + Number(ends);
    if (said > 0) checkHow(width, said, longest);
    const start = said || (last === undefined ? 0 : (last - target.mean) / target.deviation);
    const pair = { name: '', rows: rows.length, read: Float32Array.from(read), answer: new Float64Array(0), start };
    const state = this.#decoding.encode([pair]);
    if (said > 0) {
      const end = ends ? classes.length : undefined;
      const { symbols: found } = this.#decoding.search(state, start, longest, end, width);
      return found.filter((symbol) => symbol !== end).map((symbol) => classes[symbol]!);
    }
    const answer: number[] = [];
    const shown = (_: number, t: number, own: number): number => (t === 0 ? start : own);
    this.#decoding.roll(state, longest, shown, (_, __, y) => answer.push(y[0]! * target.deviation + target.mean));
    return answer;
  }
}

/** Whether a model is an encoder and a decoder of symbols; throws what {@link loadModel} throws. */
export function answersText(folder: string): boolean {
  const { meta } = loadModel(folder);
  const { symbols, classes } = (meta['meaning'] ?? {}) as Partial<PairMeaning>;
  return meta['origin'] === ORIGIN && (symbols?.length ?? 0) > 0 && (classes?.length ?? 0) > 0;
}

/** Reads a saved encoder and decoder; throws LEARN_NO_PAIRS for another model, NN_MODEL_DAMAGED, and what {@link loadModel} throws. */
export function loadAnswerer(folder: string): Answerer {
  const { shapes, weights, meaning } = bothOf(folder, loadModel(folder));
  return new Answerer(shapes, weights, meaning);
}

/** Whether a model is an encoder and a decoder. */
export function isPairs({ meta }: ModelFile): boolean {
  return meta['origin'] === ORIGIN;
}

/** The two networks of a model that was read from a folder, and what their numbers mean; throws LEARN_NO_PAIRS and NN_MODEL_DAMAGED. */
export function bothOf(
  folder: string,
  { shape: decoder, weights, meta }: ModelFile,
): { shapes: Both<NetworkShape>; weights: Both<Weights>; meaning: PairMeaning } {
  if (!decoder || meta['origin'] !== ORIGIN) throw new TidecastError('LEARN_NO_PAIRS', { folder });
  const { encoder, meaning } = meta as { encoder?: NetworkShape; meaning?: PairMeaning };
  try {
    const shapes = { encoder: encoder!, decoder };
    checkBoth(shapes);
    const below = [...weights].filter(([name]) => name.startsWith(ENCODER));
    const ofEncoder = new Map(below.map(([name, values]) => [name.slice(ENCODER.length), values]));
    checkWeights(encoder, ofEncoder);
    if (!fits(shapes, meaning))
      throw new TidecastError('NN_MODEL_DAMAGED', { folder, reason: 'what numbers mean does not fit the network' });
    const ofDecoder = networkWeights(decoder, weights);
    return { shapes, weights: { encoder: ofEncoder, decoder: ofDecoder }, meaning };
  } catch (cause) {
    const facts = cause instanceof TidecastError ? cause.facts : { reason: 'model.json' };
    throw new TidecastError('NN_MODEL_DAMAGED', { folder, ...facts }, { cause });
  }
}

function fits({ encoder, decoder }: Both<NetworkShape>, meaning: PairMeaning | undefined): meaning is PairMeaning {
  if (!meaning || ![meaning.symbols, meaning.classes, meaning.inputs].every(Array.isArray)) return false;
  const { symbols, classes, inputs, target, ends, longest } = meaning;
  const said = classes.length + Number(ends);
  const scaled = ({ mean, deviation }: Scale): boolean => Number.isFinite(mean) && deviation > 0 && deviation < Infinity;
  return (
    (encoder.categories ?? 0) === symbols.length &&
    encoder.inputs === inputs.length &&
    [...inputs, target].every(scaled) &&
    [...symbols, ...classes].every(Number.isFinite) &&
    typeof ends === 'boolean' &&
    decoder.outputs === (said || 1) &&
    (decoder.categories ?? 0) === (said && said + 1) &&
    Number.isInteger(longest) &&
    longest >= 1 &&
    longest <= 10_001
  );
}
