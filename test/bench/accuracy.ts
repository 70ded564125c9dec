/**
 * How accurate the default forecast is, beside what other tools reached on the same rows: `npm run accuracy`.
 *
 *   node dist/test/bench/accuracy.js [--only taxi,ec2,memory] [--data FOLDER] [--json] [--page] [--choose] [--models naive,linear]
 *
 * Progressive: nothing is fitted on rows later than a forecast's origin. Every pipeline names columns, seasons and horizon; the rest is
 * default. `--json` prints a line a figure, in the fields of the peers' results; `--page` writes docs/accuracy.md as well.
 * ETTh1 and M4 are read from `--data` (`ett/ETTh1.csv`, `m4/Hourly-train.csv`, `m4/Hourly-test.csv`) and left out without it.
 *
 * `--choose` reads the first part of each file only (30 % of the NAB files, 11,520 rows of ETTh1, M4 less its last 48 hours) and scores the end
 * of that: settings are chosen there. `--models`, `--retrain`, `--ring` and `--seed` are for looking at what settings do.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { arch, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { TidecastError } from '../../src/core/errors.ts';
import type { ScoreSummary } from '../../src/forecast/score.ts';
import { commit } from '../support/commit.ts';
import { cases, type Case } from './accuracy/cases.ts';
import { compared, figuresOf } from './accuracy/figures.ts';
import { accuracyPage, digits, type Measured } from './accuracy/page.ts';
import { replay, type Replayed } from './accuracy/replay.ts';
import type { CoverageFigures } from './coverage.ts';

const PAGE = 'docs/accuracy.md';
/** Without `recurrent`, and `readout`, which is built on it. */
const NO_NETWORK = 'naive,seasonal-naive,holt-winters,linear,ridge,boosted';

const { values: args } = parseArgs({
  options: {
    only: { type: 'string' },
    data: { type: 'string' },
    models: { type: 'string' },
    retrain: { type: 'string' },
    ring: { type: 'string' },
    choose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
});

// what the command itself writes is no change
const commitNow = args.json || args.page ? commit(PAGE, 'test/fixtures/accuracy') : '';

async function run(one: Case, folder: string): Promise<Measured> {
  const found = await replay(one, folder, args);
  const alone = one.measure === 'memory' || one.measure === 'network';
  const without = alone ? await replay(one, folder, { ...args, models: NO_NETWORK }) : undefined;
  const figures = figuresOf(one, found, args, without);
  const measured = { one, figures, compared: compared(one, found, figures) };
  if (args.json)
    for (const { data, horizon, ...rest } of figures) {
      const line = { bench: 'accuracy', data, peer: 'tidecast', horizon, rows: found.result.rows, ...rest, commit: commitNow };
      console.log(
        JSON.stringify(line, (_, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value)),
      );
    }
  else print(measured, found);
  return measured;
}

function print({ one, compared }: Measured, { result, coverage, trainings, training, seconds }: Replayed): void {
  const { sections, measure, wanted, name } = one;
  const { horizon } = sections['forecast'] as { horizon: number };
  console.log(
    `${name.padEnd(12)} ${compared.map(digits).join(' / ').padEnd(18)} reach ${wanted.padEnd(18)} ${seconds.toFixed(1)} s, ${trainings} trainings in ${training.toFixed(1)} s`,
  );
  if (measure === 'm4') return;
  for (const step of horizon > 1 ? [0, horizon - 1] : [0]) {
    const summary = result.scores[0]![step]!;
    console.log(`   step ${step + 1}: ${modelsOf(summary)}`);
  }
  console.log(`   intervals: ${coverage.figures().map(coverageText).join('; ')}`);
}

/** In percent; what there is too little for is left out. */
function coverageText({ nominal, first, longer, tenth }: CoverageFigures): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  return [
    `${percent(nominal)} % held ${percent(first)} at step 1`,
    ...(Number.isNaN(tenth) ? [] : [`worst tenth ${percent(tenth)}`]),
    ...(Number.isNaN(longer) ? [] : [`worst longer step ${percent(longer)}`]),
  ].join(', ');
}

function modelsOf(summary: ScoreSummary): string {
  return Object.entries(summary.models)
    .map(([name, { mae }]) => `${name} ${digits(mae)}`)
    .join(', ');
}

const folder = mkdtempSync(join(tmpdir(), 'tidecast-accuracy-'));
try {
  const wanted = args.only?.split(',');
  const all: Measured[] = [];
  for (const one of cases(folder, args)) if (!wanted || wanted.includes(one.name)) all.push(await run(one, folder));
  const part = args.choose
    ? 'the end of the first part only, on which settings are chosen'
    : 'after the first 30 % of rows (ETTh1: the 2,880 rows after the first 11,520; M4: the official test hours)';
  const machine = `${cpus().length} cores (${arch()}), Node.js ${process.version}`;
  if (args.page) writeFileSync(PAGE, accuracyPage(all, part, commitNow, machine));
} catch (cause) {
  if (!(cause instanceof TidecastError)) throw cause;
  console.error(cause.message);
  process.exitCode = cause.exit;
} finally {
  rmSync(folder, { recursive: true });
}
