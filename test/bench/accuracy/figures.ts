/** What a run came to: one figure a horizon, in the fields of the peers' results. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { RunResult } from '../../../src/pipeline/run.ts';
import { ETT, type Case, type CaseOptions } from './cases.ts';
import { m4Scores, m4Series } from './m4.ts';
import type { Replayed } from './replay.ts';

/** Errors at, or for ETTh1 and M4 over all steps up to, `horizon`. Null: does not apply. Raw units; of ETTh1 mae and mse are z-scored. */
export interface Accuracy {
  readonly data: string;
  readonly horizon: number;
  readonly mae: number | null;
  readonly mse: number | null;
  readonly smape: number | null;
  readonly mase: number | null;
  readonly coverage80: number | null;
  readonly coverage95: number | null;
  /** An error over another one; `note` says which. */
  readonly ratio: number | null;
  readonly note: string | null;
  /** Of the whole run, training included. */
  readonly seconds: number;
}

/** `without`: the same run without the network, where the case asks for it. */
export function figuresOf(one: Case, found: Replayed, options: CaseOptions, without?: Replayed): Accuracy[] {
  const { errors, late, result } = found;
  const { horizon } = one.sections['forecast'] as { horizon: number };
  const row = (more: Partial<Accuracy>): Accuracy => ({
    data: one.data,
    horizon,
    mae: null,
    mse: null,
    smape: null,
    mase: null,
    coverage80: null,
    coverage95: null,
    ratio: null,
    note: null,
    seconds: found.seconds,
    ...more,
  });
  const covered = (from: number, to: number) => ({
    coverage80: found.coverage.share(0.8, from, to),
    coverage95: found.coverage.share(0.95, from, to),
  });
  const step = (h: number) => ({
    horizon: h,
    mae: errors.mae(h - 1),
    mse: errors.mse(h - 1),
    smape: errors.smape(h - 1),
    mase: errors.mae(h - 1) / scaleOf(result),
    ...covered(h, h),
  });
  switch (one.measure) {
    case 'mae':
      return [1, horizon].map((h) => row(step(h)));
    case 'z':
      return [row({ ...zScored(found, one, horizon), ...covered(1, horizon) })];
    case 'm4':
      return [row(m4Scores(m4Series(resolve(options.data!), options.choose), errors.last))];
    case 'walks': {
      const none = found.verdicts.filter((each) => each === 'no skill').length;
      const ratio = 1 - result.scores[0]![0]!.skill['naive']!.skill;
      return [row({ ...step(1), smape: null, ratio, note: `over naive; ${none} series show no skill` })];
    }
    case 'shifts': {
      const [all, worst] = found.shifts.figures();
      return [
        row({ ...covered(1, 1), ratio: all!, note: 'over the best single model, after all changes of regime' }),
        row({ ratio: worst!, note: 'over the best single model, after the worst change of regime' }),
      ];
    }
    case 'network':
      return [1, horizon].map((h) =>
        row({
          ...step(h),
          ratio: without!.errors.mae(h - 1) / errors.mae(h - 1),
          note: 'without the network, over with it',
        }),
      );
    case 'memory':
      return [
        row({
          ...step(1),
          smape: null,
          ratio: without!.errors.mae(0) / errors.mae(0),
          note: 'without the network, over with it',
        }),
        row({
          mae: late.mae(0),
          mse: late.mse(0),
          ratio: without!.late.mae(0) / late.mae(0),
          note: 'the same, of rows that hang on something over 200 rows old',
        }),
      ];
  }
}

/** The figures that are compared with the level to reach. */
export function compared({ measure }: Case, { verdicts }: Replayed, [first, second]: readonly Accuracy[]): number[] {
  if (measure === 'mae') return [first!.mae!, second!.mae!];
  if (measure === 'z') return [first!.mse!, first!.mae!];
  if (measure === 'm4') return [first!.smape!, first!.mase!];
  if (measure === 'walks') return [first!.ratio!, verdicts.filter((each) => each === 'no skill').length];
  return [first!.ratio!, second!.ratio!];
}

/** What MASE divides by: over all series where there are several. */
function scaleOf({ scores }: RunResult): number {
  const { mae, mase } = Object.values(scores[0]![0]!.models).at(-1)!;
  return mae / mase;
}

function zScored({ errors }: Replayed, { sections }: Case, horizon: number) {
  const { path, values } = sections['source'] as { path: string; values: string[] };
  const [head, ...lines] = readFileSync(path, 'utf8').trim().split('\n');
  const columns = head!.split(',');
  const sums = { mse: 0, mae: 0, smape: 0, mase: 0 };
  const cells = values.length * horizon;
  values.forEach((value, t) => {
    const at = columns.indexOf(value);
    const known = lines.slice(0, ETT.scaled).map((line) => Number(line.split(',')[at]));
    const m = known.reduce((sum, x) => sum + x, 0) / known.length;
    const sd = Math.sqrt(known.reduce((sum, x) => sum + (x - m) ** 2, 0) / known.length);
    const moved = known.slice(1).reduce((sum, x, i) => sum + Math.abs(x - known[i]!), 0) / (known.length - 1);
    for (let h = 0; h < horizon; h++) {
      const cell = t * horizon + h;
      sums.mse += errors.mse(cell) / sd ** 2 / cells;
      sums.mae += errors.mae(cell) / sd / cells;
      sums.smape += errors.smape(cell) / cells;
      sums.mase += errors.mae(cell) / moved / cells;
    }
  });
  return sums;
}
