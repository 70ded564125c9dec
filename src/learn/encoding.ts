/** From the values of sequences to what a network reads and is asked: symbols and classes are numbered, rows are put together to windows. */
import { TidecastError } from '../core/errors.ts';
import type { Loss } from '../nn/losses.ts';
import type { NetworkShape } from '../nn/shape.ts';
import { Gaps } from './gaps.ts';
import type { Sequence } from './sequences.ts';
import type { LearnSpec, NetworkSpec } from './spec.ts';
import { textOf } from './words.ts';

/** The most symbols or classes that values are numbered as. */
const MOST_SYMBOLS = 10_000;

/** A sequence, numbered. `columns` are the inputs. */
export interface Encoded {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly Float64Array[];
  /** [rows]: a class, a number, or NaN where nothing is asked. */
  readonly truth: Float64Array;
}

/** How values are numbered: fixed by the sequences of training. */
export class Encoding {
  readonly loss: Loss;
  /** Values by their number; empty where inputs are quantities, or the target is a number. */
  readonly symbols: readonly number[];
  readonly classes: readonly number[];
  readonly #spec: LearnSpec;
  readonly #gaps: Gaps | undefined;

  /** The seed is that of the gaps. */
  constructor(spec: LearnSpec, training: readonly Sequence[], seed = 1) {
    this.#gaps = spec.gaps && new Gaps(spec.gaps, training, seed);
    this.#spec = spec;
    this.symbols = spec.symbols ? distinct(training.map(({ columns }) => columns[0]!)) : [];
    this.classes = spec.classes ? distinct(training.map(({ columns }) => columns.at(-1)!)) : [];
    if (spec.classes && this.classes.length < 2) throw new TidecastError('LEARN_CLASSES', { classes: this.classes.length });
    this.loss = spec.classes ? { head: 'categorical', classes: this.classes.length } : { mean: 'squared', quantiles: [] };
  }

  /**
   * Sequences, each with the columns of the inputs and then that of the target, numbered, or cut where there are gaps; those of a proof by its name.
   *
   * Throws LEARN_UNKNOWN for a value that training had not, LEARN_NOTHING, and LEARN_SHORT.
   */
  encode(sequences: readonly Sequence[], proof?: string): Encoded[] {
    const encoded = this.#gaps ? this.#gaps.cut(sequences, proof) : this.#numbered(sequences);
    if (!encoded.some(({ truth }) => truth.some((value) => value === value))) throw new TidecastError('LEARN_NOTHING', {});
    return encoded;
  }

  #numbered(sequences: readonly Sequence[]): Encoded[] {
    const { ahead, inputs, asked } = this.#spec;
    return sequences.map(({ name, columns, rows }) => {
      const target = numbered(columns.at(-1)!, this.classes, name, false);
      const truth = new Float64Array(rows).fill(NaN);
      if (asked === 'last') truth[rows - 1] = target[rows - 1]!;
      else if (ahead < rows) truth.set(target.subarray(ahead));
      return {
        name,
        rows,
        columns: columns.slice(0, inputs.length).map((column) => numbered(column, this.symbols, name, true)),
        truth,
      };
    });
  }

  shape({ cell, reset, variant, bidirectional, hidden, layers, embedding, window }: NetworkSpec): NetworkShape {
    const form = { ...(reset && { reset }), ...(variant && { variant }), ...(bidirectional && { bidirectional }) };
    const inputs = (this.#gaps?.inputs ?? this.#spec.inputs.length) * window;
    const spread = this.#spec.symbols ? { categories: this.symbols.length, ...(embedding && { embedding }) } : {};
    return { cell, ...form, inputs, ...spread, hidden, layers, outputs: this.classes.length || 1, skip: false };
  }
}

/** Writes what a network sees at a row, oldest first: zeros stand for the rows before the first. */
export function writeRow({ columns }: Encoded, row: number, window: number, x: Float32Array, at: number): void {
  for (let back = window - 1; back >= 0; back--) {
    for (const column of columns) x[at++] = row >= back ? column[row - back]! : 0;
  }
}

/** Sequences in which each row is the mean of the rows so far. */
export function runningMeans(sequences: readonly Encoded[]): Encoded[] {
  return sequences.map((sequence) => ({
    ...sequence,
    columns: sequence.columns.map((column) => {
      let sum = 0;
      return column.map((value, row) => (sum += value) / (row + 1));
    }),
  }));
}

function distinct(columns: readonly Float64Array[]): number[] {
  const values = new Set<number>();
  for (const column of columns) {
    for (const value of column) if (value === value) values.add(value);
    if (values.size > MOST_SYMBOLS) throw new TidecastError('LEARN_CLASSES', { classes: values.size, largest: MOST_SYMBOLS });
  }
  return [...values].sort((a, b) => a - b);
}

function numbered(column: Float64Array, values: readonly number[], series: string, symbols: boolean): Float64Array {
  if (values.length === 0) return column;
  const places = new Map(values.map((value, i) => [value, i]));
  return column.map((value, row) => {
    const place = value === value ? places.get(value) : NaN;
    if (place === undefined) {
      const character = symbols ? textOf([value]) : '';
      throw new TidecastError('LEARN_UNKNOWN', { value, ...(character && { character }), series, row });
    }
    return place;
  });
}
