/** The boosted forecaster: regression trees over the same inputs as `ridge`, fitted anew at every training. */
import { z } from 'zod';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from './forecaster.ts';
import { RIDGE, ridgeOf, ridgeSize } from './ridge.ts';
import type { TabularRows } from './tabular-rows.ts';
import { Tabular } from './tabular.ts';
import { sumOfTrees, treesOf, type Trees } from './trees.ts';
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

/** Name of a tensor of trees: those that begin at the block's centre, or at what the ridge regression says. */
export function treesName(target: number, block: number, base: 'centre' | 'ridge'): string {
  return `boosted/${target}/${block}/${base}`;
}

/** Name of the tensor that says which input is a block's centre, `Tabular.level` or one of `Tabular.phases`; -1: the last value is. */
export function centreName(target: number, block: number): string {
  return `boosted/${target}/${block}/centred`;
}

/** A forecast stays within so many units of the last value. */
const FAR = 500;

interface Block {
  readonly centre: number;
  /** Over inputs around the centre, and from there. */
  readonly around: Trees;
  /** From the ridge regression. */
  readonly over: Trees;
}

interface Fitted {
  readonly version: number;
  readonly w: Float32Array | undefined;
  /** By target, then block. */
  readonly blocks: readonly Block[];
}

class Boosted implements Forecaster {
  readonly name = 'boosted';
  readonly ownQuantiles = false;
  readonly #context: ForecasterContext;
  readonly #rows: TabularRows;
  readonly #box: WeightsBox;
  readonly #x: Float32Array;
  #fitted: Fitted[] = [];

  constructor(context: ForecasterContext) {
    this.#context = context;
    this.#rows = context.inputs.rowsFor(this.name);
    this.#box = context.inputs.box;
    this.#x = new Float32Array(this.#rows.tabular.count);
    const { targets, horizon } = context;
    this.#box.onSwap(({ version, weights }) => {
      const names = Array.from({ length: targets }, (_, target) =>
        Array.from({ length: blocksOf(horizon) }, (_, block) => [target, block] as const),
      ).flat();
      const blocks = names.map(([target, block]) => {
        const of = (base: 'centre' | 'ridge') => treesOf(weights.get(treesName(target, block, base)) ?? []);
        const centre = weights.get(centreName(target, block))?.[0] ?? -1;
        return { centre, around: of('centre'), over: of('ridge') };
      });
      this.#fitted = [...this.#fitted.slice(1 - WEIGHT_SLOTS), { version, w: weights.get(RIDGE), blocks }];
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
            const line = ridgeOf(fitted.w, cell * ridgeSize(count), x, at, count);
            change = (this.#around(block, x, at) + line + sumOfTrees(block.over, x, at)) / 2;
          }
          const mean = last + unit * Math.max(-FAR, Math.min(FAR, change));
          outlook.mean[to] = mean - mean === 0 ? mean : last;
        }
      }
    }
  }

  #around({ centre, around }: Block, x: Float32Array, at: number): number {
    if (centre < 0) return sumOfTrees(around, x, at);
    this.#rows.tabular.recentre(x, at, centre, this.#x, 0);
    return x[at + centre]! + sumOfTrees(around, this.#x, 0);
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
    'The mean of two ensembles for the absolute error (Friedman 2001): one begins at what ridge regression says; one, with its inputs, at a centre: for the first step the last value, further ahead a slow level, or the value one season ago where that was much nearer to the truth in training.',
    'One model for all series, in units of each series’ own mean change; trees of their own for the first step ahead and for the last, others for the steps between together.',
    'Fitted to rows up to the trigger of a training. Before the first training it is the naive forecaster.',
    'It remembers nothing but its weights.',
  ],
  lookback: (_config, { seasons }) => Tabular.lookback({ seasons }),
  build: (_config, context) => new Boosted(context),
});
