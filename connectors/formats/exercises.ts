/** Sequences with the right answer at each step, each a function of its seed: the exercises that a recurrent network has to learn. */
import { Random } from '../../src/core/random.ts';
import { BANDS, utter } from './speech.ts';
import { writtenDate } from './written-dates.ts';

/** A kind of exercise: its channels, and one sequence of `length` rows written behind each other, row by row. `rows`: how many it takes, where that is not `length`. */
export interface Exercise {
  readonly channels: readonly string[];
  rows?(random: Random, length: number): number;
  write(random: Random, length: number, to: Float64Array): void;
}

/** In `memory`: the first marked value stands in so many first rows, so that it is kept for `length` less this many at least. */
const EARLY = 10;

export const EXERCISES = {
  /** Two binary numbers, least significant bit first, and their sum's bit. */
  addition: {
    channels: ['a', 'b', 'sum'],
    write: (random, length, to) => add(length, to, () => [random.below(2), random.below(2)]),
  },
  /** As addition, but 1 + 1 comes first and after it one of a and b is 1: the first carry runs through to the end. */
  carry: {
    channels: ['a', 'b', 'sum'],
    write: (random, length, to) =>
      add(length, to, (row) => {
        const a = row === 0 ? 1 : random.below(2);
        return [a, row === 0 ? 1 : 1 - a];
      }),
  },
  /** Whether the bits so far have an odd number of ones. */
  parity: {
    channels: ['bit', 'parity'],
    write: (random, length, to) => {
      let parity = 0;
      for (let row = 0; row < length; row++) {
        const bit = random.below(2);
        parity ^= bit;
        to.set([bit, parity], 2 * row);
      }
    },
  },
  /** Random values, two of them marked; their sum is asked for at the last row (Hochreiter and Schmidhuber, 1997). */
  memory: {
    channels: ['value', 'marked', 'sum'],
    write: (random, length, to) => {
      const early = Math.min(EARLY, length - 1);
      const first = random.below(early);
      const second = first + 1 + random.below(length - first - 1);
      let sum = 0;
      for (let row = 0; row < length; row++) {
        const value = random.uniform();
        const marked = row === first || row === second;
        if (marked) sum += value;
        to.set([value, Number(marked), row === length - 1 ? sum : NaN], 3 * row);
      }
    },
  },
  /** Vectors with a class for the whole of them. */
  speech: {
    channels: [...Array.from({ length: BANDS }, (_, band) => `band${band + 1}`), 'word'],
    write: utter,
  },
  /** A date as it is written, up to `length` letters with the words behind it, a letter a row, and then in ISO form. */
  dates: dates(false),
  other_dates: dates(true),
} satisfies Record<string, Exercise>;

function dates(kept: boolean): Exercise {
  return {
    channels: ['written', 'iso'],
    rows(random, length) {
      const { written, iso } = writtenDate(random, length, kept);
      return written.length + iso.length;
    },
    write(random, length, to) {
      const { written, iso } = writtenDate(random, length, kept);
      [...written].forEach((letter, row) => to.set([letter.codePointAt(0)!, NaN], 2 * row));
      [...iso].forEach((letter, row) => to.set([NaN, letter.codePointAt(0)!], 2 * (written.length + row)));
    },
  };
}

function add(length: number, to: Float64Array, bits: (row: number) => [number, number]): void {
  let carry = 0;
  for (let row = 0; row < length; row++) {
    const [a, b] = bits(row);
    const sum = a + b + carry;
    to.set([a, b, sum % 2], 3 * row);
    carry = sum >> 1;
  }
}
