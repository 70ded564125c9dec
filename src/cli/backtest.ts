/** `tidecast backtest`: the same line over a recording, as fast as it goes. */
import { resolve } from 'node:path';
import { backtest as replay } from '../backtest/replay.ts';
import { TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import { connectorContext } from '../pipeline/run.ts';
import { readTime } from '../pipeline/test-case.ts';
import { COMPONENTS } from './components.ts';
import { loadReplayed } from './recording.ts';
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
  const recording = typeof source === 'string' ? resolve(terminal.folder, source) : undefined;
  // what live runs wrote is not touched: a backtest reports, it delivers nothing
  return follow(call, terminal, async (spec, options) => replay(spec, { ...options, from, to }), {
    load: (file, options) => fromHistory(loadReplayed(file, options, recording)),
  });
};

/** A pipeline whose source never ends is replayed from its history, where it has one. */
function fromHistory(spec: LoadedSpec): LoadedSpec {
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
