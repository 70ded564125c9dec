/** `tidecast scenario`: what may come, as paths drawn from where the series stand. */
import { resolve } from 'node:path';
import { EXIT } from '../core/errors.ts';
import { loadPipeline } from '../pipeline/load.ts';
import { quantileOf, scenarios, type Scenario } from '../pipeline/scenario.ts';
import { countOption } from './backtest.ts';
import { printable } from './cell.ts';
import { COMPONENTS } from './components.ts';
import { instant, value } from './numbers.ts';
import { saveFiles } from './save-files.ts';
import { calmTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import type { Verb } from './verbs.ts';

/** Tables that are printed at most. */
const TABLES = 5;

/** A scenario with the quantiles of its paths, by step and level. */
export type Fan = Scenario & { readonly quantiles: readonly (readonly number[])[] };

export const scenario: Verb = async ({ arguments: words, options }, terminal) => {
  const file = resolve(terminal.folder, words[0]!);
  const spec = loadPipeline(file, { ...COMPONENTS, env: terminal.env, from: terminal.folder });
  const { quantiles: levels, horizon } = spec.forecast;
  const { series, out } = options;
  const found = await scenarios(spec, {
    ...COMPONENTS,
    steps: countOption('--steps', options['steps'], 1) ?? horizon,
    paths: countOption('--paths', options['paths'], 1) ?? 200,
    seed: countOption('--seed', options['seed'], 0) ?? spec.seed,
    series: typeof series === 'string' ? series : undefined,
  });
  const fans = found.map((each) => ({ ...each, quantiles: quantilesOf(each, levels) }));
  if (typeof out === 'string') {
    const { fanPlot } = await import('./scenario-plot.ts');
    const name = (fan: Fan) => encodeURIComponent(`${fan.series} ${fan.target}`.slice(0, 80));
    saveFiles(resolve(terminal.folder, out), Object.fromEntries(fans.map((fan) => [`${name(fan)}.svg`, fanPlot(fan, levels)])));
  }
  if (options['json']) {
    const told = fans.map(({ origin, times, ...rest }) => ({ ...rest, origin: iso(origin), times: times.map(iso) }));
    terminal.out(JSON.stringify({ ok: true, pipeline: spec.name, levels, scenarios: told }, null, 2));
  } else {
    const more = fans.length > TABLES ? [`and ${fans.length - TABLES} more: see --series and --json`] : [];
    terminal.out([...fans.slice(0, TABLES).map((fan) => fanText(fan, levels, terminal)), ...more].join('\n\n'));
  }
  return EXIT.ok;
};

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function quantilesOf({ paths, times }: Scenario, levels: readonly number[]): number[][] {
  return times.map((_, step) => {
    const sorted = paths.map((path) => path[step]!).sort((a, b) => a - b);
    return levels.map((level) => quantileOf(sorted, level));
  });
}

function fanText(
  { series, target, origin, last, times, forecast, paths, quantiles }: Fan,
  levels: readonly number[],
  { paint }: Terminal,
): string {
  const title = `${printable(series)}, ${printable(target)}: ${value(last)} at ${instant(origin)}; ${paths.length} paths`;
  const rows = times.map((time, step) => [
    `+${step + 1}`,
    instant(time),
    step < forecast.length ? value(forecast[step]!) : '',
    ...quantiles[step]!.map(value),
  ]);
  return `${title}\n${calmTable(['step', 'time', 'forecast', ...levels.map((level) => `q ${level}`)], rows, paint, 2)}`;
}
