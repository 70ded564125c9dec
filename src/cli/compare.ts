/** `tidecast compare`: whether one backtest is better than another, in sentences. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readResult } from '../../connectors/index.ts';
import { compare as compareResults, type Comparison, type PairedDifference } from '../backtest/compare.ts';
import { EXIT, TidecastError, type ErrorCode } from '../core/errors.ts';
import type { ResultBlock } from '../backtest/result.ts';
import { RESULT_FILE } from './backtest-files.ts';
import { cut, printable } from './cell.ts';
import { value, whole } from './numbers.ts';
import { calmTable } from './table.ts';
import type { Verb } from './verbs.ts';

export const compare: Verb = async ({ arguments: words, options }, terminal) => {
  const paths = words.map((word) => resultPath(resolve(terminal.folder, word)));
  const [a, b] = namesOf(words.map((word) => resolve(terminal.folder, word)));
  const [first, second] = paths.map((path) => (columns: readonly string[]) => reading(path, columns));
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

/** `value: A is better at step 1 by 3.1 % (95 %: 1.9 to 4.3 %).` Per cent are of the larger error; of B's where no difference is shown. */
export function sentence({ target, step, a: ours, b: theirs, n, skill }: PairedDifference, a: string, b: string): string {
  const of = printable(target);
  const { difference, low, high, verdict } = skill;
  if (ours === theirs && low === high) return `${of}: both made the same error at step ${step}.`;
  if (Number.isNaN(low)) return `${of}: ${whole(n)} forecasts are too few to tell at step ${step}.`;
  if (theirs === 0) return `${of}: ${b} is better at step ${step}: it made no error, ${a} one of ${value(ours)}.`;
  if (verdict === 'worse') return better(b, [difference, low, high], ours);
  if (verdict === 'better') return better(a, [-difference, -high, -low], theirs);
  const way = (x: number) => `${per(Math.abs(x), theirs)} % ${x > 0 ? 'worse' : 'better'}`;
  const is = per(Math.abs(difference), theirs) === '0.0' ? `as good as ${b}` : way(difference);
  const known = low > 0 || high < 0 ? 'the difference is too small to matter' : 'no difference can be shown';
  return `${of}: ${known} at step ${step}: ${a} is ${is} (95 %: ${way(high)} to ${way(low)}).`;

  function better(which: string, gains: readonly number[], all: number): string {
    const [by, from, to] = gains.map((x) => per(x, all));
    return `${of}: ${which} is better at step ${step} by ${by} % (95 %: ${from} to ${to} %).`;
  }
}

function per(x: number, all: number): string {
  return ((100 * x) / all).toFixed(1);
}

function remarks({ series, onlyA, onlyB, otherTruth, cells }: Comparison): string[] {
  return [
    'DM is the Diebold-Mariano statistic: below zero where the first is better.',
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

/** What a file's reader says, and what that is of a result. */
const AS_RESULT: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  SOURCE_FILE_MISSING: 'COMPARE_MISSING',
  SOURCE_FILE_UNREADABLE: 'COMPARE_UNREADABLE',
  ARROW_FOREIGN: 'COMPARE_FOREIGN',
  SOURCE_COLUMN_TYPE: 'COMPARE_FOREIGN',
  ARROW_DAMAGED: 'COMPARE_DAMAGED',
  ARROW_TRUNCATED: 'COMPARE_DAMAGED',
};

/** What goes wrong with the file, told of a result: a user of `compare` has no source whose `path` could be mended. */
async function* reading(path: string, columns: readonly string[]): AsyncGenerator<ResultBlock> {
  try {
    yield* readResult(path, columns);
  } catch (cause) {
    const code = cause instanceof TidecastError ? AS_RESULT[cause.code] : undefined;
    if (!code) throw cause;
    const { problem } = (cause as TidecastError).facts;
    throw new TidecastError(code, { path, problem, ...(code === 'COMPARE_MISSING' ? resultsIn(dirname(path)) : {}) }, { cause });
  }
}

/** The results beside the one that is not there, or in the folder that was given: a backtest of several pipelines makes a folder of each. */
function resultsIn(folder: string): Readonly<Record<string, string>> {
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, RESULT_FILE)));
  return names.length > 0 ? { [`results in ${folder}`]: names.slice(0, 20).join(' ') } : {};
}

/** What to call the two: the names of their folders, or of files that have other names than usual, where these differ. */
function namesOf(paths: readonly string[]): [string, string] {
  const named = (path: string) => basename(basename(path) === RESULT_FILE ? dirname(path) : path);
  const [a, b] = paths.map((path) => cut(printable(named(path)), 24)) as [string, string];
  return a === b ? ['A', 'B'] : [a, b];
}
