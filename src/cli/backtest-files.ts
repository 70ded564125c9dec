/** The folder of a backtest: what `--out` writes beside the forecasts. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readResult } from '../../connectors/index.ts';
import { reportData, type BacktestFacts } from '../backtest/report-data.ts';
import { TidecastError } from '../core/errors.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import { version } from './program.ts';
import type { Report } from './report.ts';
import type { Veil } from './veil.ts';
import type { Call } from './verbs.ts';

/** A row a forecast. */
export const RESULT_FILE = 'forecasts.arrow';

/** Makes the folder of `--out`. */
export function makeFolder(folder: string): void {
  writing(folder, () => mkdirSync(folder, { recursive: true }));
}

/** Writes the summary and the reports; gives the outcome with its files. */
export async function writeReports(
  folder: string,
  outcome: Report,
  spec: LoadedSpec,
  { veil, options }: { readonly veil: Veil; readonly options: Call['options'] },
): Promise<Report> {
  const path = (name: string) => join(folder, name);
  const files = { forecasts: path(RESULT_FILE), summary: path('summary.json'), report: path('report.html') };
  const told = { ...outcome, files };
  write(files.summary, veil(`${JSON.stringify({ ok: true, ...told }, null, 2)}\n`));
  const read = (columns: readonly string[]) => readResult(files.forecasts, columns);
  const data = await reportData(read, factsOf(outcome, spec, veil, options), outcome.scores, outcome.bySeries ?? [], {
    marks: outcome.marks ?? [],
    watches: outcome.drift ?? [],
  });
  // the libraries that draw are loaded when there is something to draw
  const [{ page }, { markdown }] = await Promise.all([import('./page.ts'), import('./page-markdown.ts')]);
  write(files.report, veil(page(data)));
  write(path('report.md'), veil(markdown(data)));
  write(path('report.json'), veil(`${JSON.stringify(data)}\n`));
  return told;
}

function factsOf(outcome: Report, spec: LoadedSpec, veil: Veil, options: Call['options']): BacktestFacts {
  const { horizon, season, warmup, quantiles, models, baselines } = spec.forecast;
  const { pipeline, rowsHere, seconds, series, complete, rejected, stateHash, seed = spec.seed, dataHash = '' } = outcome;
  const given = Object.entries(options).filter(([name, each]) => typeof each === 'string' && name !== 'out');
  return {
    ...{ pipeline, rows: rowsHere, seconds, series, complete, rejected, seed, dataHash, stateHash },
    versions: { tidecast: version(), 'Node.js': process.versions.node },
    ...{
      horizon,
      season: (outcome.seasons ?? season)[0],
      warmup: warmup || (outcome.unscored ?? 0),
      quantiles,
      baselines,
      interval: spec.window.interval,
    },
    ...(outcome.intervals && { intervals: outcome.intervals }),
    ...(outcome.noSeason === undefined ? {} : { noSeason: outcome.noSeason }),
    models: models.map(({ type }) => type),
    options: Object.fromEntries(given.map(([name, each]) => [name, veil(String(each))])),
    spec: veil(readFileSync(spec.file, 'utf8')),
  };
}

function write(path: string, text: string): void {
  writing(path, () => writeFileSync(path, text));
}

function writing(path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    const problem = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new TidecastError('BACKTEST_OUTPUT', { path, problem }, { cause });
  }
}
