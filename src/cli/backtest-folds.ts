/** `backtest --folds`: stretches of one recording, each scored by a line of its own that begins before it; threads share them. */
import { join, resolve } from 'node:path';
import { EXIT, TidecastError } from '../core/errors.ts';
import { milliseconds } from '../core/duration.ts';
import { EventBus } from '../core/events.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import { connectorContext } from '../pipeline/run.ts';
import { countOption, fromHistory, settings } from './backtest.ts';
import { inThreads, threadsOf, type Ended } from './backtest-many.ts';
import type { ThreadWork } from './backtest-thread.ts';
import { cut, printable } from './cell.ts';
import { COMPONENTS } from './components.ts';
import { instant, value, whole } from './numbers.ts';
import { loadReplayed } from './recording.ts';
import { calmTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import { verdict } from './verdict.ts';
import type { Call } from './verbs.ts';

/** A stretch of event time that is scored, `from` included and `to` not, and where its past begins; epoch ms. */
export interface Fold {
  readonly since: number | undefined;
  readonly from: number;
  readonly to: number;
}

const MOST_FOLDS = 1000;

/** Runs the folds and tells how each did. */
export async function backtestFolds(call: Call, terminal: Terminal): Promise<number> {
  const { options } = call;
  if (call.arguments.length > 1)
    throw new TidecastError('CLI_USAGE', { '--folds': String(options['folds']), problem: 'goes with one file' });
  const { from, to, over } = settings(options);
  const number = countOption('--folds', options['folds'], 1)!;
  if (number > MOST_FOLDS) throw new TidecastError('CLI_USAGE', { '--folds': number, problem: `at most ${MOST_FOLDS}` });
  const past = pastOption(options['past']);
  const recording = typeof options['source'] === 'string' ? resolve(terminal.folder, options['source']) : undefined;
  const loading = { ...COMPONENTS, env: terminal.env, from: terminal.folder };
  const spec = fromHistory(loadReplayed(resolve(terminal.folder, call.arguments[0]!), loading, recording, over));
  const extent = await extentOf(spec, terminal, to ?? Infinity);
  const folds = foldsOf(extent, number, { from, past });
  const { folds: _, past: __, threads: ___, out, ...shared } = options;
  const works = folds.map((fold, i): ThreadWork => {
    const since = fold.since === undefined ? {} : { since: iso(fold.since) };
    const own = typeof out === 'string' ? { out: join(out, `fold-${i + 1}`) } : {};
    return {
      call: {
        arguments: call.arguments,
        options: { ...shared, json: true, from: iso(fold.from), to: iso(fold.to), ...since, ...own },
      },
      folder: terminal.folder,
      env: terminal.env,
      label: `fold ${i + 1}: `,
    };
  });
  const ended = await inThreads(works, terminal, threadsOf(call));
  const told = ended.map(({ outcome, failure }, i) => ({
    ...{ from: iso(folds[i]!.from), to: iso(folds[i]!.to) },
    ...(outcome ? { ok: true, ...outcome } : (failure as object)),
  }));
  if (options['json']) terminal.out(JSON.stringify({ ok: ended.every(({ code }) => code === EXIT.ok), folds: told }, null, 2));
  else terminal.out([foldsText(folds, ended, terminal), ...resultsText(ended)].join('\n'));
  return ended.find(({ code }) => code !== EXIT.ok)?.code ?? EXIT.ok;
}

/** Stretches of equal length: the first of them, or what lies before `from`, is past for all. */
export function foldsOf(
  extent: { readonly first: number; readonly last: number },
  number: number,
  { from, past }: { readonly from?: number | undefined; readonly past?: number | undefined } = {},
): Fold[] {
  const { first, last } = extent;
  const begin = from ?? first + (last - first) / (number + 1);
  // edges are whole milliseconds
  if (!(last - begin >= number)) throw new TidecastError('BACKTEST_NO_FOLDS', { first: iso(first), last: iso(last) });
  const edge = (fold: number) => (fold < number ? Math.round(begin + ((last - begin) * fold) / number) : last + 1);
  return Array.from({ length: number }, (_, i) => ({
    since: past === undefined ? undefined : edge(i) - past,
    from: edge(i),
    to: edge(i + 1),
  }));
}

/** The first and last event time of the recording before `to`. */
async function extentOf(spec: LoadedSpec, terminal: Terminal, to: number): Promise<{ first: number; last: number }> {
  const { signal, dispose } = terminal.stopper();
  const source = COMPONENTS.sources
    .find(({ name }) => name === spec.source.type)!
    .build(spec.source.config as never, connectorContext(spec, { events: new EventBus(), fresh: true }));
  let [first, last] = [Infinity, -Infinity];
  try {
    if (!source.bounded) throw new TidecastError('BACKTEST_ENDLESS', { source: spec.source.type });
    for await (const { times } of source.read(undefined, signal))
      for (const time of times)
        if (time < to) {
          if (time < first) first = time;
          if (time > last) last = time;
        }
  } finally {
    dispose();
    await source.close().catch(() => undefined);
  }
  if (!Number.isFinite(first)) throw new TidecastError('BACKTEST_NO_FOLDS', { rows: 0 });
  return { first, last };
}

function pastOption(written: string | boolean | undefined): number | undefined {
  if (written === undefined) return undefined;
  const ms = milliseconds(String(written));
  if (!(ms > 0))
    throw new TidecastError('CLI_USAGE', { '--past': String(written).slice(0, 60), problem: 'no duration such as 60d' });
  return ms;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** Where the folds of `--out` are. */
function resultsText(ended: readonly Ended[]): string[] {
  const reports = ended.flatMap(({ outcome }) => outcome?.files?.['report'] ?? []);
  return reports.map((path) => `report: ${printable(path)}`);
}

function foldsText(folds: readonly Fold[], ended: readonly Ended[], { paint }: Terminal): string {
  const baselines = Object.keys(ended.find(({ outcome }) => outcome)?.outcome?.scores[0]?.summary.skill ?? {});
  const rows = ended.flatMap(({ outcome }, i) => {
    const scored = outcome?.scores.filter(({ summary }) => summary.n > 0) ?? [];
    const ends = scored.filter(
      ({ target, step }) => !scored.some((each) => each.target === target && each.step > step) || step === 1,
    );
    const when = [folds[i]!.from, folds[i]!.to].map((time) => instant(time - (time % 1000)));
    if (ends.length === 0) return [[`${i + 1}`, ...when, outcome ? 'nothing scored' : 'failed']];
    return ends.map(({ target, step, output, summary }) => [
      ...[
        `${i + 1}`,
        ...when,
        cut(printable(target), 24),
        `+${step}`,
        whole(summary.n),
        value(summary.models[output]?.mae ?? NaN),
      ],
      ...baselines.map((name) => verdict(summary.skill[name], paint)),
    ]);
  });
  const titles = ['fold', 'from', 'to', 'target', 'step', 'rows', 'MAE', ...baselines.map((name) => `vs ${cut(name, 14)}`)];
  return calmTable(titles, rows, paint, 4);
}
