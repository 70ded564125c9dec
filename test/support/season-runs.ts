/** Backtests of pipelines that name no season, and what was told about it. */
import { backtest, type BacktestOptions } from '../../src/backtest/replay.ts';
import { EventBus, type Events } from '../../src/core/events.ts';
import type { LoadedSpec } from '../../src/pipeline/load.ts';
import { COMPONENTS } from './small-backtest.ts';

type Listening = typeof COMPONENTS & Pick<BacktestOptions, 'events' | 'signal'> & { readonly events: EventBus };

/** Options of a run, with what `seasons.found` and `seasons.off` say in it. */
export function listening(): { given: Listening; found: Events['seasons.found'][]; off: string[] } {
  const events = new EventBus();
  const found: Events['seasons.found'][] = [];
  events.on('seasons.found', (each) => found.push(each));
  const off: string[] = [];
  events.on('seasons.off', ({ reason }) => off.push(reason));
  return { given: { ...COMPONENTS, events, signal: new AbortController().signal }, found, off };
}

/** Runs a backtest: its result, its means, what was told, and how many rows of each series were scored one step ahead. */
export async function backtested(spec: LoadedSpec, more: Partial<BacktestOptions> = {}) {
  const { given, found, off } = listening();
  const mean: number[] = [];
  const result = await backtest(spec, { ...given, ...more, watch: (batch) => mean.push(...batch.mean) });
  const scored = Object.fromEntries(result.series.map(({ name, scores }) => [name, scores[0]![0]!.n]));
  return { result, found, off, mean, scored };
}
