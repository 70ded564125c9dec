/** Windows of a series with stretches cut out of them, to be filled again from what stands around. */
import { TidecastError } from '../core/errors.ts';
import { cos, sin } from '../core/math/math.ts';
import { Random, seedOf } from '../core/random.ts';
import type { Encoded } from './encoding.ts';
import type { Judgement } from './judge.ts';
import type { Sequence } from './sequences.ts';
import type { GapsSpec } from './spec.ts';
import { Tally } from './tally.ts';

/** How a series is scaled and cut: fixed by the sequences of training. */
export class Gaps {
  readonly #spec: GapsSpec;
  readonly #seed: number;
  readonly #mean: number;
  readonly #deviation: number;

  constructor(spec: GapsSpec, training: readonly Sequence[], seed: number) {
    this.#spec = spec;
    this.#seed = seed;
    const values = training.flatMap(({ columns }) => [...columns[0]!.subarray(0, spec.train)]).filter(Number.isFinite);
    this.#mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const squares = values.reduce((sum, value) => sum + (value - this.#mean) * (value - this.#mean), 0);
    this.#deviation = Math.sqrt(squares / values.length) || 1;
  }

  /** What a row shows: its value, or 0 where it is missing; whether it is there; sine and cosine of where it stands in each season. */
  get inputs(): number {
    return 2 + 2 * this.#spec.season.length;
  }

  /**
   * Windows at drawn places, each with drawn gaps, and the values that were cut out as their truth: of the rows of training, or for a proof of
   * those after them. The same each time.
   *
   * Throws LEARN_SHORT where no series is as long as a window.
   */
  cut(sequences: readonly Sequence[], proof?: string): Encoded[] {
    const { rows, train, windows } = this.#spec;
    const first = proof === undefined ? 0 : train;
    // windows of a series, one a row at which one can begin
    const begins = sequences.map((each) =>
      Math.max(0, (proof === undefined ? Math.min(train, each.rows) : each.rows) - first - rows + 1),
    );
    const total = begins.reduce((sum, n) => sum + n, 0);
    if (total === 0) throw new TidecastError('LEARN_SHORT', { window: rows, ...(proof !== undefined && { after: train }) });
    const random = new Random(seedOf(this.#seed, 'gaps', proof ?? ''));
    return Array.from({ length: windows }, () => {
      let begin = random.below(total);
      let i = 0;
      while (begin >= begins[i]!) begin -= begins[i++]!;
      return this.#window(sequences[i]!, first + begin, random);
    });
  }

  #window({ name, columns }: Sequence, start: number, random: Random): Encoded {
    const { rows, season } = this.#spec;
    const value = columns[0]!.slice(start, start + rows).map((each) => (each - this.#mean) / this.#deviation);
    const missing = this.#drawGaps(random);
    const there = value.map((each, row) => Number(!missing[row] && each === each));
    const phases = season.flatMap((length) => {
      const angle = (_: number, row: number): number => (2 * Math.PI * ((start + row) % length)) / length;
      return [value.map((each, row) => sin(angle(each, row))), value.map((each, row) => cos(angle(each, row)))];
    });
    return {
      name: `${name} from row ${start}`,
      rows,
      columns: [value.map((each, row) => (there[row] ? each : 0)), there, ...phases],
      truth: value.map((each, row) => (missing[row] ? each : NaN)),
    };
  }

  /** Whether each row of a window is missing; the first and the last never are. */
  #drawGaps(random: Random): boolean[] {
    const { rows, shortest, longest } = this.#spec;
    const missing = new Array<boolean>(rows).fill(false);
    let at = 1 + random.below(longest);
    for (;;) {
      const length = shortest + random.below(longest - shortest + 1);
      if (at + length >= rows) return missing;
      missing.fill(true, at, at + length);
      at += length + longest + random.below(longest + 1);
    }
  }
}

/** A straight line from the last value before a gap to the first after it, as the control of a network. */
export function judgeInterpolation(windows: readonly Encoded[]): Judgement {
  const tally = new Tally(0);
  windows.forEach(({ columns, truth, rows }, i) => {
    const [value, there] = columns as [Float64Array, Float64Array];
    for (let row = 0; row < rows; row++) tally.add(i, truth[row]!, Float64Array.of(between(value, there, row)));
  });
  return tally.judgement(windows.length);
}

function between(value: Float64Array, there: Float64Array, row: number): number {
  const before = there.lastIndexOf(1, row);
  const after = there.indexOf(1, row);
  if (before < 0 || after < 0) return value[Math.max(before, after)] ?? 0;
  return before === after ? value[row]! : value[before]! + ((value[after]! - value[before]!) * (row - before)) / (after - before);
}
