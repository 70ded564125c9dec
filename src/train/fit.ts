/** Fits the models that are fitted in one go: ridge regressions, and boosted trees over them. Pure functions of a job. */
import { Random, seedOf } from '../core/random.ts';
import { BETWEEN, blockOf, blocksOf, centreName, treesName } from '../forecast/boosted.ts';
import type { Tabular } from '../forecast/tabular.ts';
import { linearOf, RIDGE, ridgeOf, ridgeSize } from '../forecast/ridge.ts';
import { tensorOfTrees } from '../nn/trees.ts';
import type { Weights } from '../nn/shape.ts';
import { Binned } from './binned.ts';
import { boost } from './boosting.ts';
import type { TrainingJob } from './job.ts';
import { Origins } from './origins.ts';
import { NormalEquations } from './ridge.ts';

/** Origins that there are at least for anything to be fitted. */
const LEAST = 40;
const DAY = 86_400_000;
const PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10];
/** Passes that count large errors less, and how many mean errors are large (Huber's weights by iteration; Holland and Welsch 1977). */
const PASSES = 2;
/** With more cells (target x step) than this, one pass less. */
const MANY_CELLS = 48;
const LARGE = 1;
const BOOSTING = { leaves: 31, least: 20, rowShare: 0.8, inputShare: 0.6 };
/** Trees of an ensemble times their rate; with several targets fewer trees, each of which counts more. */
const REACH = 13;
const LARGEST_RATE = 0.2;
const [MOST_ROUNDS, LEAST_ROUNDS] = [150, 32];

/** What one target has of the models named in `job.fitted`. */
export interface FittedTarget {
  /** `horizon x (inputs + 3)`. */
  readonly ridge: Float32Array;
  readonly trees: Weights;
}

/** Tensors of all targets together; none where one of them has too few rows. */
export function joinFitted(targets: readonly (FittedTarget | undefined)[]): Weights {
  const known = targets.filter((each) => each !== undefined);
  if (known.length === 0 || known.length < targets.length) return new Map();
  const ridge = new Float32Array(known.reduce((sum, each) => sum + each.ridge.length, 0));
  known.forEach((each, target) => ridge.set(each.ridge, target * each.ridge.length));
  return new Map([[RIDGE, ridge], ...known.flatMap(({ trees }) => [...trees])]);
}

/** Fits the models named in `job.fitted` for one target; undefined where there are too few rows. */
export function fitTarget(job: TrainingJob, target: number): FittedTarget | undefined {
  const { targets, horizon } = job.sizes;
  const rounds = Math.max(LEAST_ROUNDS, Math.round(MOST_ROUNDS / targets));
  const origins = new Origins(job, target);
  if (origins.count < LEAST) return undefined;
  const { count } = origins.tabular;
  const ridge = new Float32Array(horizon * ridgeSize(count));
  const trees = new Map<string, Float32Array>();
  const random = new Random(seedOf(job.seed, 'fit', job.trigger, target));
  const samples = Array.from({ length: blocksOf(horizon) }, () => new Sample(origins.count, count));
  // between the first step and the last, each origin shows one
  const shown = Int32Array.from({ length: origins.count }, () => 2 + random.below(Math.max(1, horizon - 2)));
  const boosted = job.fitted.includes('boosted');
  const relative = likePortions(job, target);
  const regression = new Regression(origins, targets * horizon > MANY_CELLS ? PASSES - 1 : PASSES);
  const x = new Float32Array(origins.count * count);
  const y = new Float32Array(origins.count);
  for (let step = 1; step <= horizon; step++) {
    origins.step(step, x, y);
    const at = (step - 1) * ridgeSize(count);
    ridge.set(regression.fit(x, y, step > 1 && step % 8 !== 0), at);
    ridge.set(boundsOf(y), at + count + 1);
    if (!boosted) continue;
    const block = blockOf(step - 1, horizon);
    const sample = samples[block]!;
    for (let n = 0; n < origins.count; n++)
      if (y[n] === y[n] && (block !== BETWEEN || shown[n] === step))
        sample.add(x, n * count, y[n]!, ridgeOf(ridge, at, x, n * count, count), relative ? origins.size(n) : 1);
  }
  if (!boosted) return { ridge, trees };
  samples.forEach((sample, block) => {
    const grown = (x: Binned, y: Float32Array, start: Float32Array) =>
      tensorOfTrees(boost(x, y, start, random, { rounds, rate: Math.min(LARGEST_RATE, REACH / rounds), ...BOOSTING }));
    let binned: Binned | undefined;
    const plain = () => (binned ??= new Binned(sample.x, sample.rows, count));
    const around = (centre: number) => {
      if (centre < 0) return grown(plain(), sample.y, new Float32Array(sample.rows));
      const { x, y, start } = sample.around(origins.tabular, centre);
      return grown(new Binned(x, sample.rows, count), y, start);
    };
    const [centre, second] = block === 0 ? [-1, -1] : sample.centres(origins.tabular);
    trees.set(centreName(target, block), Float32Array.of(centre, second, Number(relative)));
    if (second < 0) trees.set(treesName(target, block, 'ridge'), grown(plain(), sample.y, sample.base.slice(0, sample.rows)));
    else trees.set(treesName(target, block, 'second'), around(second));
    trees.set(treesName(target, block, 'centre'), around(centre));
  });
  return { ridge, trees };
}

/** Whether there are several series, none of which was ever below 0: what they share is shares of their means rather than mean changes. */
function likePortions({ series, sizes }: TrainingJob, target: number): boolean {
  return (
    series.length > 1 && series.every(({ values }) => values.every((value, i) => i % sizes.channels !== target || !(value < 0)))
  );
}

/** The least and the greatest change that is known. */
function boundsOf(y: Float32Array): [number, number] {
  let [low, high] = [0, 0];
  for (const each of y) {
    if (each < low) low = each;
    else if (each > high) high = each;
  }
  return [low, high];
}

/** Rows for trees: inputs, truth, and what the ridge regression says. */
class Sample {
  rows = 0;
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly base: Float32Array;
  readonly #inputs: number;
  readonly #sizes: Float32Array;

  constructor(most: number, inputs: number) {
    this.x = new Float32Array(most * inputs);
    this.y = new Float32Array(most);
    this.base = new Float32Array(most);
    this.#sizes = new Float32Array(most);
    this.#inputs = inputs;
  }

  /** Rows with inputs around a centre, and the centre to start at; they and the truth are in units of each row's size. */
  around(tabular: Tabular, centre: number): { x: Float32Array; y: Float32Array; start: Float32Array } {
    const { rows } = this;
    const [x, y, start] = [new Float32Array(rows * this.#inputs), new Float32Array(rows), new Float32Array(rows)];
    for (let row = 0, at = 0; row < rows; row++, at += this.#inputs) {
      const size = this.#sizes[row]!;
      tabular.recentre(this.x, at, centre, size, x, at);
      y[row] = this.y[row]! / size;
      start[row] = this.x[at + centre]! / size;
    }
    return { x, y, start };
  }

  /** Which input trees are grown around: a phase where its distance from the truth is less than half of the level's; and the next best, -1 where that is four times as far. */
  centres({ level, phases }: Tabular): [number, number] {
    const distance = (input: number) =>
      this.y.subarray(0, this.rows).reduce((sum, y, row) => {
        return sum + Math.abs(y - this.x[row * this.#inputs + input]!) / this.#sizes[row]!;
      }, 0);
    const ranked = [level, ...phases].map((input) => ({ input, off: distance(input) / (input === level ? 2 : 1) }));
    ranked.sort((a, b) => a.off - b.off);
    const [first, second] = [ranked[0]!, ranked[1]];
    return [first.input, second && second.off < 4 * first.off ? second.input : -1];
  }

  add(x: Float32Array, at: number, y: number, base: number, size: number): void {
    const inputs = this.#inputs;
    for (let i = 0; i < inputs; i++) this.x[this.rows * inputs + i] = x[at + i]!;
    this.y[this.rows] = y;
    this.#sizes[this.rows] = size;
    this.base[this.rows++] = base;
  }
}

/** Share of a series' origins, the oldest, that a penalty is tried on; it is judged by the others. */
const TRIED = 0.85;

/** Coefficients of one step: the penalty by the newest origins, then passes over all with Huber's weights. */
class Regression {
  readonly #equations: NormalEquations;
  readonly #origins: Origins;
  readonly #passes: number;
  readonly #weights: Float32Array;
  readonly #off: Float64Array;
  #penalty: number | undefined;

  constructor(origins: Origins, passes: number) {
    this.#origins = origins;
    this.#passes = passes;
    this.#equations = new NormalEquations(origins.tabular.count);
    this.#weights = new Float32Array(origins.count);
    this.#off = new Float64Array(origins.count);
  }

  /** `again`: with the penalty of the step before. */
  fit(x: Float32Array, y: Float32Array, again: boolean): Float32Array {
    const equations = this.#equations;
    const { span, tabular, age } = this.#origins;
    const { clock } = tabular;
    const without = [clock + (span < 2 * DAY ? 0 : span < 14 * DAY ? 2 : 4), clock + 4] as const;
    const off = this.#off;
    if (!again || this.#penalty === undefined) {
      this.#take(x, y, (n) => Number(age[n]! < TRIED));
      let least = Infinity;
      for (const each of PENALTIES) {
        const error = this.#error(equations.solve(each, without), x, y, TRIED);
        if (error < least) [this.#penalty, least] = [each, error];
      }
    }
    const penalty = this.#penalty ?? PENALTIES.at(-1)!;
    this.#take(x, y, () => 1);
    let w = equations.solve(penalty, without);
    for (let pass = 0; pass < this.#passes; pass++) {
      const large = LARGE * this.#error(w, x, y, 0);
      this.#take(x, y, (n) => (off[n]! > large ? large / off[n]! : 1));
      w = equations.solve(penalty, without);
    }
    return w;
  }

  #take(x: Float32Array, y: Float32Array, weight: (n: number) => number): void {
    for (let n = 0; n < y.length; n++) this.#weights[n] = y[n] === y[n] ? weight(n) : 0;
    this.#equations.take(x, y, this.#weights);
  }

  /** The mean of |error| over origins that are not older than `from`; each of them is kept. */
  #error(w: Float32Array, x: Float32Array, y: Float32Array, from: number): number {
    const { count, age, tabular } = this.#origins;
    const inputs = tabular.count;
    let [sum, rows] = [0, 0];
    for (let n = 0; n < count; n++) {
      if (y[n] !== y[n] || age[n]! < from) continue;
      sum += this.#off[n] = Math.abs(y[n]! - linearOf(w, 0, x, n * inputs, inputs));
      rows++;
    }
    return sum / Math.max(1, rows);
  }
}
