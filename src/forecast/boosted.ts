/** The boosted forecaster: regression trees over the same inputs as `ridge`, fitted anew at every training. */
import { z } from 'zod';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from './forecaster.ts';
import { RIDGE, ridgeOf, ridgeSize } from './ridge.ts';
import type { TabularRows } from './tabular-rows.ts';
import { Tabular } from './tabular.ts';
import { Forest } from '../nn/forest.ts';
import { treesOf } from '../nn/trees.ts';
import { WEIGHT_SLOTS, type WeightsBox } from './weights.ts';

const config = z.strictObject({});

/** The block of the steps between the first and the last. */
export const BETWEEN = 2;

/** Blocks of steps ahead that have trees of their own: the first, the last, and all between together. */
export function blocksOf(horizon: number): number {
  return Math.min(horizon, BETWEEN + 1);
}

/** The block of a step (from 0). */
export function blockOf(step: number, horizon: number): number {
  return step === 0 ? 0 : step === horizon - 1 ? 1 : BETWEEN;
}

/** Name of a tensor of trees: those that begin at the block's centre, and at what the ridge regression says or at a second centre. */
export function treesName(target: number, block: number, base: 'centre' | 'ridge' | 'second'): string {
  return `boosted/${target}/${block}/${base}`;
}

/**
 * Name of a tensor of three numbers: two inputs, `Tabular.level` or one of `Tabular.phases`, a block's centre (-1: the last value) and its second
 * (-1: none); and 1 where what is around them is in units of `Tabular.size`.
 */
export function centreName(target: number, block: number): string {
  return `boosted/${target}/${block}/centred`;
}

/** A forecast stays within so many units of the last value. */
const FAR = 500;

interface Block {
  readonly centre: number;
  /** The sum of trees over inputs around the centre, and from there. */
  readonly around: number;
  /** Over inputs around the second centre, and from there; without one from the ridge regression. */
  readonly second: number;
  readonly over: number;
  readonly relative: boolean;
}

interface Fitted {
  readonly version: number;
  readonly w: Float32Array | undefined;
  readonly forest: Forest;
  /** By target, then block. */
  readonly blocks: readonly Block[];
}

class Boosted implements Forecaster {
  readonly name = 'boosted';
  readonly ownQuantiles = false;
  readonly #context: ForecasterContext;
  readonly #rows: TabularRows;
  readonly #box: WeightsBox;
  readonly #forests: readonly Forest[];
  #fitted: Fitted[] = [];

  constructor(context: ForecasterContext) {
    this.#context = context;
    this.#rows = context.inputs.rowsFor(this.name);
    this.#box = context.inputs.box;
    this.#forests = Array.from({ length: WEIGHT_SLOTS }, () => new Forest(this.#rows.tabular.count));
    const { targets, horizon } = context;
    this.#box.onSwap(({ version, weights }) => {
      const names = Array.from({ length: targets }, (_, target) =>
        Array.from({ length: blocksOf(horizon) }, (_, block) => [target, block] as const),
      ).flat();
      const blocks = names.map(([target, block], i) => {
        const [centre = -1, second = -1, relative] = weights.get(centreName(target, block)) ?? [];
        return { centre, second, relative: relative === 1, around: 2 * i, over: 2 * i + 1 };
      });
      const forest = this.#forests[version % WEIGHT_SLOTS]!;
      forest.plant(
        blocks.flatMap(({ second }, i) => {
          const [target, block] = names[i]!;
          const of = (base: 'centre' | 'ridge' | 'second') => treesOf(weights.get(treesName(target, block, base)) ?? []);
          return [of('centre'), of(second < 0 ? 'ridge' : 'second')];
        }),
      );
      this.#fitted = [...this.#fitted.slice(1 - WEIGHT_SLOTS), { version, w: weights.get(RIDGE), forest, blocks }];
    });
  }

  step(wave: Wave, outlook: Outlook): void {
    const { targets, horizon } = this.#context;
    const { count } = this.#rows.tabular;
    const { x } = this.#rows;
    for (let row = 0, to = 0; row < wave.rows; row++) {
      const { version } = this.#box.at(wave.times[row]!);
      const fitted = this.#fitted.find((each) => each.version === version);
      for (let target = 0; target < targets; target++) {
        const last = wave.values[row * wave.channels + target]!;
        const unit = this.#rows.unit(wave.lanes[row]!, target);
        for (let step = 0; step < horizon; step++, to++) {
          const cell = target * horizon + step;
          let change = 0;
          if (fitted?.w) {
            const at = this.#rows.at(row, cell);
            const block = fitted.blocks[target * blocksOf(horizon) + blockOf(step, horizon)]!;
            const { centre, second, relative, around, over } = block;
            const size = relative ? this.#rows.tabular.size(x, at, last, unit) : 1;
            const other =
              second < 0
                ? ridgeOf(fitted.w, cell * ridgeSize(count), x, at, count) + this.#around(fitted.forest, over, -1, 1, x, at)
                : this.#around(fitted.forest, over, second, size, x, at);
            change = (this.#around(fitted.forest, around, centre, size, x, at) + other) / 2;
          }
          const mean = last + unit * Math.max(-FAR, Math.min(FAR, change));
          outlook.mean[to] = mean - mean === 0 ? mean : last;
        }
      }
    }
  }

  /** What a sum of trees says, and the centre that its inputs are around (-1: none). */
  #around(forest: Forest, trees: number, centre: number, size: number, x: Float32Array, at: number): number {
    const { tabular } = this.#rows;
    if (centre < 0) {
      forest.x.set(x.subarray(at, at + tabular.count));
      return forest.sum(trees);
    }
    tabular.recentre(x, at, centre, size, forest.x, 0);
    return x[at + centre]! + size * forest.sum(trees);
  }
}

export default defineForecaster<z.infer<typeof config>>({
  name: 'boosted',
  status: 'beta',
  summary:
    'Gradient-boosted regression trees over lags, levels, seasons, other channels and the clock; fitted at every training.',
  config,
  example: '',
  guarantees: [
    'The mean of two ensembles for the absolute error (Friedman 2001). For the first step one begins at the last value, one at what ridge regression says. Further ahead each begins, with its inputs, at a centre: the two nearest to the truth in training of a slow level and, by season, the value one season ago (the level’s distance counting half); where the second is four times as far, or there is none, at what ridge regression says.',
    'Further ahead, where training has several series none of which was ever below 0, what is learnt around centres is shares of each series’ mean.',
    'One model for all series, in units of each series’ own mean change; trees of their own for the first step ahead and for the last, others for the steps between together.',
    'Fitted to rows up to the trigger of a training. Before the first training it is the naive forecaster.',
    'It remembers nothing but its weights.',
  ],
  lookback: (_config, { seasons }) => Tabular.lookback({ seasons }),
  build: (_config, context) => new Boosted(context),
});
