/** The folder of a backtest: what `--out` writes beside the forecasts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import type { Report } from './report.ts';
import type { Veil } from './veil.ts';

/** A row a forecast. */
export const RESULT_FILE = 'forecasts.arrow';

/** Makes the folder of `--out`. */
export function makeFolder(folder: string): void {
  writing(folder, () => mkdirSync(folder, { recursive: true }));
}

/** Writes the summary; gives the outcome with its files. */
export async function writeReports(folder: string, outcome: Report, _spec: LoadedSpec, veil: Veil): Promise<Report> {
  const files = { forecasts: join(folder, RESULT_FILE), summary: join(folder, 'summary.json') };
  const told = { ...outcome, files };
  write(files.summary, veil(`${JSON.stringify({ ok: true, ...told }, null, 2)}\n`));
  return told;
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
