/** `tidecast backtest`: the same line over a recording, as fast as it goes. */
import { join, resolve } from 'node:path';
import { createResult } from '../../connectors/index.ts';
import { backtest as replay, type BacktestOptions } from '../backtest/replay.ts';
import { TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import { connectorContext } from '../pipeline/run.ts';
import { readTime } from '../pipeline/test-case.ts';
import { COMPONENTS } from './components.ts';
import { makeFolder, RESULT_FILE, writeReports } from './backtest-files.ts';
import { loadReplayed } from './recording.ts';
import type { Report } from './report.ts';
import { follow } from './run.ts';
import type { Terminal } from './terminal.ts';
import type { Call, Verb } from './verbs.ts';

export const backtest: Verb = async (call, terminal) => {
  if (call.options['folds'] !== undefined) return (await import('./backtest-folds.ts')).backtestFolds(call, terminal);
  if (call.arguments.length === 1) return backtestOne(call, terminal);
  const { backtestMany } = await import('./backtest-many.ts');
  return backtestMany(call, terminal);
};

/** One pipeline, in this thread; `done` is handed the outcome before it is told. */
export async function backtestOne(call: Call, terminal: Terminal, done?: (outcome: Report) => void): Promise<number> {
  const { options } = call;
  const { from, since, to, stride, over, gap } = settings(options);
  const { source, out } = options;
  const recording = typeof source === 'string' ? resolve(terminal.folder, source) : undefined;
  const folder = typeof out === 'string' ? resolve(terminal.folder, out) : undefined;
  // what live runs wrote is not touched: a backtest reports, it delivers nothing
  const start = async (spec: LoadedSpec, given: Omit<BacktestOptions, 'from' | 'to'>) => {
    if (folder === undefined) return replay(spec, { ...given, from, since, to, stride });
    makeFolder(folder);
    const record = await createResult(join(folder, RESULT_FILE));
    return replay(spec, { ...given, from, since, to, stride, record });
  };
  return follow(call, terminal, start, {
    load: (file, loading) => {
      const spec = fromHistory(loadReplayed(file, loading, recording, over));
      if (gap === undefined) return spec;
      if (!spec.retrain) throw new TidecastError('CLI_USAGE', { '--gap': gap, problem: 'this pipeline has no `retrain`' });
      return fromHistory(loadReplayed(file, loading, recording, { ...over, retrain: { lag: gap } }));
    },
    done: async (outcome, spec, veil) => {
      const told = folder === undefined ? outcome : await writeReports(folder, outcome, spec, { veil, options });
      done?.(told);
      return told;
    },
  });
}

/** The options, checked; `over` is what they lay over the pipeline. */
export function settings(options: Call['options']) {
  const from = timeOption('--from', options['from']);
  const to = timeOption('--to', options['to']);
  // of a fold: where its past begins
  const since = timeOption('--since', options['since']);
  if (from !== undefined && to !== undefined && from >= to) {
    throw new TidecastError('CLI_USAGE', {
      '--from': String(options['from']),
      '--to': String(options['to']),
      problem: '--from must be before --to',
    });
  }
  const warmup = countOption('--warmup', options['warmup'], 0);
  const horizon = countOption('--horizon', options['horizon'], 1);
  const forecast = { ...(warmup === undefined ? {} : { warmup }), ...(horizon === undefined ? {} : { horizon }) };
  const gap = options['gap'] === undefined ? undefined : String(options['gap']);
  const over = Object.keys(forecast).length > 0 ? { forecast } : {};
  return { from, since, to, stride: countOption('--stride', options['stride'], 1), over, gap };
}

/** A pipeline whose source never ends is replayed from its history, where it has one. */
export function fromHistory(spec: LoadedSpec): LoadedSpec {
  if (!spec.history) return spec;
  const source = COMPONENTS.sources
    .find(({ name }) => name === spec.source.type)!
    .build(spec.source.config as never, connectorContext(spec, { events: new EventBus(), fresh: true }));
  void source.close().catch(() => undefined);
  return source.bounded ? spec : { ...spec, source: spec.history, history: undefined };
}

/** Event time of an option, epoch ms: ISO 8601, UTC where it names no zone. */
export function timeOption(option: string, written: string | boolean | undefined): number | undefined {
  if (written === undefined) return undefined;
  const ms = readTime(String(written));
  if (!Number.isFinite(ms))
    throw new TidecastError('CLI_USAGE', {
      [option]: String(written).slice(0, 60),
      problem: 'no time such as 2024-01-31 or 2024-01-31T12:00:00Z',
    });
  return ms;
}

/** A whole number of an option, at least `least`. */
export function countOption(option: string, written: string | boolean | undefined, least: number): number | undefined {
  if (written === undefined) return undefined;
  const count = Number(written);
  if (!/^\d+$/.test(String(written)) || count < least || count > 1_000_000_000)
    throw new TidecastError('CLI_USAGE', { [option]: String(written).slice(0, 60), problem: `no whole number from ${least} on` });
  return count;
}
