/** Exercises for recurrent networks: seeded sequences with the right answer beside each row, or after them. */
import { z } from 'zod';
import type { SourceBatch } from '../src/core/batch.ts';
import { defineSource } from '../src/core/component.ts';
import type { Source } from '../src/core/connector.ts';
import { TidecastError } from '../src/core/errors.ts';
import type { Position } from '../src/core/position.ts';
import { Random, seedOf } from '../src/core/random.ts';
import { EXERCISES, type Exercise } from './formats/exercises.ts';

const rows = z.int().min(2).max(1_000_000);

const config = z.strictObject({
  task: z
    .enum(['addition', 'carry', 'parity', 'memory', 'speech', 'dates', 'other_dates'])
    .describe(
      '`addition`: the bits of two numbers, least significant first, and of their sum: `a`, `b`, `sum`. `carry`: the same, where the first carry runs through to the end. `parity`: `bit`, and whether the bits so far have an odd number of ones. `memory`: `value`, of which two are `marked`, one of them in the first ten rows, and at the last row their `sum`. `speech`: a made-up word of three vowels, from a speaker, at a speed and with noise of its own, as the energy of ten bands, `band1` to `band10`; at the last row the number of the `word`, 0 to 7. `dates`: a day of 1900 to 2099 in one of eight styles, a letter a row as its number in Unicode: `written`, other words behind it while they fit into `length` letters, and after that `iso`. `other_dates`: the same for days that `dates` never has, every fifth.',
    ),
  sequences: z.int().min(1).max(1_000_000).default(100).describe('Number of sequences; each is a series of its own.'),
  length: rows.default(8).describe('Rows of a sequence; a date has more where it needs them.'),
  shortest: rows.optional().describe('Lengths are drawn between this and `length`. Default: all have `length`.'),
  seed: z.int().min(0).optional().describe('Seed of the draws. Default: the pipeline’s.'),
});

type Config = z.infer<typeof config>;

const BATCH = 4096;
const INTERVAL = 1000;
const START = 946_684_800_000; // 2000-01-01

export default defineSource<Config>({
  name: 'exercise',
  status: 'beta',
  summary:
    'Makes up exercises from a seed: binary addition, parity, sums to be remembered, words to be heard and dates to be read, each with its right answer.',
  config,
  example: 'task: addition\nsequences: 500\nlength: 8',
  guarantees: [
    'Every sequence is a function of seed, task, length and its number; batches and restarts do not change it, nor does the machine.',
    'Order: sequence after sequence, row after row; a row is a second after the one before it.',
    'Position: the number of the row. A restart makes the sequences before it again and drops them.',
    'Memory: one sequence and one batch.',
  ],
  build: (settings, context) => new ExerciseSource(settings, settings.seed ?? context.seed),
});

class ExerciseSource implements Source {
  readonly channels: readonly string[];
  readonly bounded = true;
  readonly #config: Config;
  readonly #exercise: Exercise;
  readonly #seed: number;

  constructor(settings: Config, seed: number) {
    this.#config = settings;
    this.#exercise = EXERCISES[settings.task];
    this.#seed = seed;
    this.channels = this.#exercise.channels;
  }

  async rows(): Promise<number> {
    let sum = 0;
    for (let i = 0; i < this.#config.sequences; i++) sum += this.#draw(i).rows;
    return sum;
  }

  async *read(from: Position | undefined, signal: AbortSignal): AsyncGenerator<SourceBatch> {
    const start = from?.['0'] ?? 0;
    const width = this.channels.length;
    let values = new Float64Array(width * this.#config.length);
    let first = 0;
    for (let i = 0; i < this.#config.sequences; i++) {
      const { random, length, rows } = this.#draw(i);
      // a long way back must not block the process
      if (i % 1024 === 1023) await new Promise(setImmediate);
      if (signal.aborted) return;
      if (first + rows > start) {
        if (values.length < width * rows) values = new Float64Array(width * rows);
        this.#exercise.write(random, length, values);
        for (let row = Math.max(0, start - first); row < rows; row += BATCH) {
          if (signal.aborted) return;
          yield this.#batch(i, values, first, row, Math.min(BATCH, rows - row));
        }
      }
      first += rows;
    }
    if (start > first) throw new TidecastError('SOURCE_POSITION', { rows: first, position: start });
  }

  async close(): Promise<void> {}

  /** The generator of a sequence, the length that is asked for, which is its first draw, and the rows that it takes. */
  #draw(i: number): { random: Random; length: number; rows: number } {
    const { task, length, shortest = length } = this.#config;
    const random = new Random(seedOf(this.#seed, task, i));
    const drawn = shortest < length ? shortest + random.below(length - shortest + 1) : length;
    const rows = this.#exercise.rows?.(Random.restore(random.snapshot()), drawn) ?? drawn;
    return { random, length: drawn, rows };
  }

  #batch(sequence: number, values: Float64Array, first: number, row: number, n: number): SourceBatch {
    const width = this.channels.length;
    return {
      partition: 0,
      series: [`${this.#config.task}-${sequence}`],
      codes: new Int32Array(n),
      times: Float64Array.from({ length: n }, (_, i) => START + INTERVAL * (first + row + i)),
      channels: this.channels.map((_, c) => Float64Array.from({ length: n }, (_, i) => values[(row + i) * width + c]!)),
      offsets: Float64Array.from({ length: n }, (_, i) => first + row + i),
    };
  }
}
