/** `tidecast compare`: whether one backtest is better than another, in sentences. */
import { existsSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { readResult } from '../../connectors/index.ts';
import { compare as compareResults, type Comparison, type PairedDifference } from '../backtest/compare.ts';
import { EXIT } from '../core/errors.ts';
import { RESULT_FILE } from './backtest-files.ts';
import { cut, printable } from './cell.ts';
import { value, whole } from './numbers.ts';
import { calmTable } from './table.ts';
import type { Verb } from './verbs.ts';

export const compare: Verb = async ({ arguments: words, options }, terminal) => {
  const paths = words.map((word) => resultPath(resolve(terminal.folder, word)));
  const [a, b] = namesOf(words.map((word) => resolve(terminal.folder, word)));
  const [first, second] = paths.map((path) => (columns: readonly string[]) => readResult(path, columns));
  const comparison = await compareResults(first!, second!);
  const sentences = comparison.cells.map((cell) => sentence(cell, a, b));
  if (options['json']) {
    const cells = comparison.cells.map((cell, i) => ({ ...cell, sentence: sentences[i]! }));
    terminal.out(JSON.stringify({ ok: true, a: paths[0], b: paths[1], ...comparison, cells }, null, 2));
    return EXIT.ok;
  }
  const rows = comparison.cells.map(({ target, step, n, a: ours, b: theirs, skill }) => [
    cut(printable(target), 24),
    `+${step}`,
    whole(n),
    value(ours),
    value(theirs),
    value(skill.statistic),
  ]);
  const heads = ['target', 'step', 'forecasts', `MAE of ${a}`, `MAE of ${b}`, 'DM'];
  terminal.out([calmTable(heads, rows, terminal.paint), ...sentences, ...remarks(comparison)].join('\n'));
  return EXIT.ok;
};

/** `value: A is better at step 1 by 3.1 % (95 %: 1.9 to 4.3 %).` Per cent are of the other's error. */
export function sentence({ target, step, a: ours, b: theirs, n, skill }: PairedDifference, a: string, b: string): string {
  const of = printable(target);
  const { difference, low, high, verdict } = skill;
  if (ours === theirs && low === high) return `${of}: both made the same error at step ${step}.`;
  if (Number.isNaN(low)) return `${of}: ${whole(n)} forecasts are too few to tell at step ${step}.`;
  const share = (x: number, all: number) => (all > 0 ? ((100 * x) / all).toFixed(1).replace('-', '−') : '-');
  if (verdict === 'worse')
    return `${of}: ${b} is better at step ${step} by ${share(difference, ours)} % (95 %: ${share(low, ours)} to ${share(high, ours)} %).`;
  const [by, from, to] = [-difference, -high, -low].map((x) => share(x, theirs));
  if (verdict === 'better') return `${of}: ${a} is better at step ${step} by ${by} % (95 %: ${from} to ${to} %).`;
  return `${of}: no difference can be shown at step ${step} (${a} better by ${by} %, 95 %: ${from} to ${to} %).`;
}

function remarks({ series, onlyA, onlyB, otherTruth, cells }: Comparison): string[] {
  return [
    ...(series > 1
      ? [`Series count as independent: where the ${whole(series)} series move together, the ranges are too narrow.`]
      : []),
    ...(cells.length > 1 ? ['Where two are equally good, one such sentence in twenty shows a difference all the same.'] : []),
    ...(onlyA + onlyB > 0 ? [`Left out: ${whole(onlyA)} and ${whole(onlyB)} forecasts that the other does not have.`] : []),
    ...(otherTruth > 0 ? [`Left out: ${whole(otherTruth)} forecasts whose truths differ: the data were not the same.`] : []),
  ];
}

/** A folder of `--out`, or the file in it. */
function resultPath(path: string): string {
  return existsSync(path) && statSync(path).isDirectory() ? join(path, RESULT_FILE) : path;
}

/** What to call the two: the names of their folders or files, where these differ. */
function namesOf(paths: readonly string[]): [string, string] {
  const [a, b] = paths.map((path) => cut(printable(basename(path)), 24)) as [string, string];
  return a === b ? ['A', 'B'] : [a, b];
}
