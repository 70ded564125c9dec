/** `tidecast backtest`: the same line over a recording, as fast as it goes. */
import { resolve } from 'node:path';
import { backtest as replay } from '../backtest/replay.ts';
import { TidecastError } from '../core/errors.ts';
import { mergeValues } from '../pipeline/merge.ts';
import { readTime } from '../pipeline/test-case.ts';
import { follow } from './run.ts';
import type { Verb } from './verbs.ts';

export const backtest: Verb = async (call, terminal) => {
  const { source } = call.options;
  const from = timeOption('--from', call.options['from']);
  const to = timeOption('--to', call.options['to']);
  if (from !== undefined && to !== undefined && from >= to) {
    throw new TidecastError('CLI_USAGE', {
      '--from': String(call.options['from']),
      '--to': String(call.options['to']),
      problem: '--from must be before --to',
    });
  }
  return follow(
    call,
    terminal,
    async (spec, options) => replay(spec, { ...options, from, to }),
    // what live runs wrote is not touched: a backtest reports, it delivers nothing
    (spec) => withoutSinks(typeof source === 'string' ? recorded(spec, resolve(terminal.folder, source)) : spec),
  );
};

function withoutSinks(spec: unknown): unknown {
  return typeof spec === 'object' && spec !== null && !Array.isArray(spec) ? { ...spec, sinks: [] } : spec;
}

/** The pipeline with another recording: its source section is kept where that reads the same kind of file. */
export function recorded(spec: unknown, path: string): unknown {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) return spec;
  const type = /\.csv$/i.test(path) ? 'csv' : 'arrow';
  const given = (spec as { source?: { type?: unknown } }).source;
  if (given?.type === type) return mergeValues(spec, { source: { path } });
  return { ...spec, source: { type, path } };
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
