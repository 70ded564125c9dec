/** From sequences to pairs of what an encoder reads and what a decoder has to answer. */
import { TidecastError } from '../core/errors.ts';
import type { Loss } from '../nn/losses.ts';
import type { Both } from '../nn/encoder-decoder.ts';
import type { NetworkShape } from '../nn/shape.ts';
import { Encoding, type Encoded } from './encoding.ts';
import type { Sequence } from './sequences.ts';
import type { DecoderSpec, LearnSpec, NetworkSpec } from './spec.ts';

/** One pair: symbols and classes as their numbers, quantities scaled. */
export interface Pair {
  readonly name: string;
  /** Rows that are read. */
  readonly rows: number;
  /** [rows][inputs] */
  readonly read: Float32Array;
  /** What is right; an end symbol, where there is one, is not among it. */
  readonly answer: Float64Array;
  /** What the decoder is shown first. */
  readonly start: number;
  /** Of a window: the target of the whole sequence, scaled, and the row at which the answer begins. */
  readonly within?: { readonly truth: Float64Array; readonly at: number };
}

/** What numbers mean: values of symbols and of classes by their number, none where they are quantities; how those are scaled. */
export interface PairMeaning {
  readonly symbols: readonly number[];
  readonly classes: readonly number[];
  readonly inputs: readonly Scale[];
  readonly target: Scale;
  /** Whether an answer ends with a symbol, and how many steps it has at most. */
  readonly ends: boolean;
  readonly longest: number;
}

/** Turns a column into one of mean 0 and deviation 1, as they were in training. */
export interface Scale {
  readonly mean: number;
  readonly deviation: number;
}

const AS_IT_IS: Scale = { mean: 0, deviation: 1 };

/** How pairs are made and numbered: fixed by the sequences of training. */
export class PairEncoding {
  readonly #spec: LearnSpec;
  readonly #decoder: DecoderSpec;
  readonly #encoding: Encoding;
  readonly #inputs: readonly Scale[];
  readonly #target: Scale;
  readonly training: readonly Pair[];

  constructor(spec: LearnSpec, decoder: DecoderSpec, sequences: readonly Sequence[]) {
    this.#spec = spec;
    this.#decoder = decoder;
    const seen = decoder.train === undefined ? sequences : sequences.map((sequence) => beginning(sequence, decoder.train!));
    this.#encoding = new Encoding(spec, seen);
    const encoded = this.#encoding.encode(seen);
    const inputs = spec.inputs.map((_, i) => encoded.map(({ columns }) => columns[i]!));
    this.#inputs = inputs.map((columns) => (spec.symbols ? AS_IT_IS : scaleOf(columns)));
    this.#target = spec.classes ? AS_IT_IS : scaleOf(encoded.map(({ truth }) => truth));
    this.training = encoded.flatMap((each) => this.#pairs(each, 0, decoder.every ?? decoder.answer));
  }

  /** The symbol that ends an answer; undefined where every answer is equally long. */
  get end(): number | undefined {
    return this.#spec.classes && this.#decoder.read === undefined ? this.#encoding.classes.length : undefined;
  }

  /** Symbols that the decoder can say, its end among them; 0 where it says quantities. */
  get said(): number {
    return this.#encoding.classes.length + Number(this.end !== undefined);
  }

  /** The most steps of an answer, its end among them. */
  get longest(): number {
    return this.#decoder.answer + Number(this.end !== undefined);
  }

  get meaning(): PairMeaning {
    const { symbols, classes } = this.#encoding;
    const ends = this.end !== undefined;
    return { symbols, classes, inputs: this.#inputs, target: this.#target, ends, longest: this.longest };
  }

  get loss(): Loss {
    return this.#spec.classes ? { head: 'categorical', classes: this.said } : this.#encoding.loss;
  }

  /** Pairs to be judged: windows whose answers follow one another, after the rows of training. Throws LEARN_PAIR, LEARN_UNKNOWN and LEARN_NOTHING. */
  encode(sequences: readonly Sequence[]): Pair[] {
    const { answer, train = 0, season } = this.#decoder;
    const first = Math.max(train, ...season);
    const pairs = this.#encoding.encode(sequences).flatMap((each) => this.#pairs(each, first, answer));
    if (pairs.length === 0) throw new TidecastError('LEARN_NOTHING', { windows: 0 });
    return pairs;
  }

  shapes({ cell, reset, variant, hidden, layers, embedding }: NetworkSpec): Both<NetworkShape> {
    const spread = (categories: number): object => (categories ? { categories, ...(embedding && { embedding }) } : {});
    const common = { cell, ...(reset && { reset }), ...(variant && { variant }), hidden, layers, skip: false };
    const { said } = this;
    return {
      encoder: { ...common, inputs: this.#inputs.length, ...spread(this.#encoding.symbols.length), outputs: 1 },
      // one more for what stands before the first
      decoder: { ...common, inputs: 1, ...spread(said && said + 1), outputs: said || 1 },
    };
  }

  /** What was read and what was answered as the values that the source gave. */
  readValues({ read }: Pair): number[] {
    return Array.from(read, (value) => this.#encoding.symbols[value] ?? value);
  }

  answerValues(answer: ArrayLike<number>): number[] {
    return Array.from(answer, (value) => this.#encoding.classes[value] ?? value);
  }

  #pairs(encoded: Encoded, first: number, every: number): Pair[] {
    return this.#decoder.read === undefined ? [this.#whole(encoded)] : this.#windows(encoded, this.#decoder.read, first, every);
  }

  /** The rows whose inputs are known, and the known values of the target. */
  #whole({ name, columns, truth, rows }: Encoded): Pair {
    const known = Array.from({ length: rows }, (_, row) => row).filter((row) =>
      columns.every((column) => column[row] === column[row]),
    );
    const answer = this.#scaledTruth(truth.filter((value) => value === value));
    const facts = { series: name, read: known.length, answer: answer.length };
    if (known.length === 0 || answer.length === 0) throw new TidecastError('LEARN_PAIR', facts);
    if (answer.length > this.#decoder.answer) throw new TidecastError('LEARN_PAIR', { ...facts, longest: this.#decoder.answer });
    return { name, rows: known.length, read: this.#read(columns, known), answer, start: this.said };
  }

  #windows({ name, columns, truth, rows }: Encoded, read: number, first: number, every: number): Pair[] {
    const { answer } = this.#decoder;
    const scaled = this.#scaledTruth(truth);
    const pairs: Pair[] = [];
    for (let at = Math.max(first, read); at + answer <= rows; at += every) {
      const known = Array.from({ length: read }, (_, i) => at - read + i);
      const pair = { read: this.#read(columns, known), answer: scaled.subarray(at, at + answer) };
      const start = this.said || scaled[at - 1]!;
      if ([start, ...pair.read, ...pair.answer].some(Number.isNaN)) continue;
      pairs.push({ name, rows: read, ...pair, start, within: { truth: scaled, at } });
    }
    return pairs;
  }

  #read(columns: readonly Float64Array[], rows: readonly number[]): Float32Array {
    const scaled = (i: number, row: number): number => (columns[i]![row]! - this.#inputs[i]!.mean) / this.#inputs[i]!.deviation;
    return Float32Array.from(rows.flatMap((row) => columns.map((_, i) => scaled(i, row))));
  }

  #scaledTruth(truth: Float64Array): Float64Array {
    return truth.map((value) => (value - this.#target.mean) / this.#target.deviation);
  }
}

function beginning({ name, columns, rows }: Sequence, length: number): Sequence {
  return { name, columns: columns.map((column) => column.subarray(0, length)), rows: Math.min(rows, length) };
}

function scaleOf(columns: readonly Float64Array[]): Scale {
  let [n, sum, squares] = [0, 0, 0];
  for (const column of columns) for (const value of column) if (value === value) [n, sum] = [n + 1, sum + value];
  const mean = n > 0 ? sum / n : 0;
  for (const column of columns) for (const value of column) if (value === value) squares += (value - mean) * (value - mean);
  return { mean, deviation: Math.sqrt(squares / Math.max(1, n)) || 1 };
}
