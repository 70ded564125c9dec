/** Two results over the same data: whether one is better, forecast by forecast. */
import { Lanes } from '../core/lanes.ts';
import { TidecastError } from '../core/errors.ts';
import { compareLosses, LossDifferences, type Skill } from '../forecast/skill.ts';
import type { ReadResult } from './result.ts';

/** A target and step, over the forecasts that both results have. */
export interface PairedDifference {
  readonly target: string;
  /** From 1. */
  readonly step: number;
  /** Forecasts compared. */
  readonly n: number;
  /** Mean absolute errors over these. */
  readonly a: number;
  readonly b: number;
  /** A against B: Diebold-Mariano, with a variance that allows for errors that resemble their neighbours. */
  readonly skill: Skill;
}

export interface Comparison {
  readonly cells: readonly PairedDifference[];
  readonly series: number;
  /** Forecasts with a truth that the other result does not have. */
  readonly onlyA: number;
  readonly onlyB: number;
  /** Forecasts of the same origin whose truths differ: left out. */
  readonly otherTruth: number;
}

/** What A said, by series, target and step, in the order of its rows. */
interface Told {
  readonly series: string;
  readonly target: string;
  readonly step: number;
  readonly issued: number[];
  readonly actual: number[];
  readonly error: number[];
  at: number;
}

const COLUMNS = ['series', 'target', 'step', 'issued', 'actual', 'mean'];

/** Pairs by series, target, step and origin; series are added in the order of their names. Throws `COMPARE_NOTHING` where no forecast is in both. */
export async function compare(a: ReadResult, b: ReadResult): Promise<Comparison> {
  const told = new Map<string, Told>();
  let left = 0;
  await rows(a, (key, series, target, step, issued, actual, mean) => {
    let own = told.get(key);
    if (!own) told.set(key, (own = { series, target, step, issued: [], actual: [], error: [], at: 0 }));
    own.issued.push(issued);
    own.actual.push(actual);
    own.error.push(Math.abs(actual - mean));
    left++;
  });
  const cells = cellsOf([...told.values()]);
  const lanes = new Lanes();
  const differences = new LossDifferences(lanes, { cells: cells.length, baselines: 1 });
  // sums of |error| of both and their number, a cell
  const sums = lanes.f64('compare.sums', cells.length * 3);
  const loss = new Float64Array(1);
  let onlyB = 0;
  let otherTruth = 0;
  await rows(b, (key, series, target, step, issued, actual, mean) => {
    const own = told.get(key);
    if (!own) return void onlyB++;
    while (own.at < own.issued.length && own.issued[own.at]! < issued) own.at++;
    if (own.issued[own.at] !== issued) return void onlyB++;
    const i = own.at++;
    left--;
    if (own.actual[i] !== actual) return void otherTruth++;
    const cell = cells.findIndex((each) => each.target === target && each.step === step);
    const lane = lanes.lane(series);
    const at = (lane * cells.length + cell) * 3;
    const theirs = Math.abs(actual - mean);
    sums.data[at] = sums.data[at]! + own.error[i]!;
    sums.data[at + 1] = sums.data[at + 1]! + theirs;
    const n = (sums.data[at + 2] = sums.data[at + 2]! + 1);
    loss[0] = own.error[i]! - theirs;
    differences.add(lane, cell, step, n, loss);
  });
  const names = lanes.keys.filter((key) => key !== undefined).sort();
  if (names.length === 0) throw new TidecastError('COMPARE_NOTHING', { onlyA: left, onlyB, otherTruth });
  const paired = cells.map(({ target, step }, cell) => totalOf(target, step, cell));
  return { cells: paired.filter(({ n }) => n > 0), series: names.length, onlyA: left, onlyB, otherTruth };

  function totalOf(target: string, step: number, cell: number): PairedDifference {
    const blocks = { lengths: 0, squaredLengths: 0, squares: new Float64Array(1), products: new Float64Array(1) };
    const [ours, theirs, n] = [0, 1, 2].map((which) =>
      names.reduce((sum, name) => sum + sums.data[(lanes.find(name) * cells.length + cell) * 3 + which]!, 0),
    ) as [number, number, number];
    const { block, sums: blockSums } = differences.columns;
    for (const name of names) {
      const own = ({ data, stride }: typeof block) => {
        const lane = lanes.find(name);
        return data.subarray(lane * stride, (lane + 1) * stride);
      };
      differences.gather(own(block), own(blockSums), cell, blocks);
    }
    return { target, step, n, a: ours / n, b: theirs / n, skill: compareLosses(n, ours, theirs, blocks, 0, step) };
  }
}

type Row = (key: string, series: string, target: string, step: number, issued: number, actual: number, mean: number) => void;

/** Every row with a truth. */
async function rows(read: ReadResult, each: Row): Promise<void> {
  for await (const { length, numbers, texts } of read(COLUMNS)) {
    const [series, target] = [texts['series'], texts['target']];
    const { step, issued, actual, mean } = numbers;
    if (!series || !target || !step || !issued || !actual || !mean)
      throw new TidecastError('COMPARE_FOREIGN', { columns: COLUMNS.join(' ') });
    for (let i = 0; i < length; i++) {
      if (Number.isNaN(actual[i]!)) continue;
      const [s, t] = [series.names[series.codes[i]!]!, target.names[target.codes[i]!]!];
      each(`${s}\0${t}\0${step[i]!}`, s, t, step[i]!, issued[i]!, actual[i]!, mean[i]!);
    }
  }
}

/** Targets in the order in which they came, their steps ascending. */
function cellsOf(told: readonly Told[]): { target: string; step: number }[] {
  const targets = [...new Set(told.map(({ target }) => target))];
  return targets.flatMap((target) =>
    [...new Set(told.filter((each) => each.target === target).map(({ step }) => step))]
      .sort((x, y) => x - y)
      .map((step) => ({ target, step })),
  );
}
