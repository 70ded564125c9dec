/** A small recording of two series with a rhythm, and pipelines over it: for tests of what a backtest makes of one. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';

export const COMPONENTS = { sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS };
export const HOUR = 3_600_000;
export const START = Date.UTC(2024, 0, 1);

/** Writes `data.csv`: hourly rows of `names`, seeded. */
export function writeData(folder: string, rows: number, names: readonly string[] = ['a', 'b']): void {
  const random = new Random(7);
  const lines = ['time,series,value'];
  for (let i = 0; i < rows; i++)
    names.forEach((name, s) => {
      const value = 20 + 5 * s + 8 * Math.sin((2 * Math.PI * i) / 24) + random.normal(log);
      lines.push(`${new Date(START + i * HOUR).toISOString()},${JSON.stringify(name)},${value.toFixed(4)}`);
    });
  writeFileSync(join(folder, 'data.csv'), lines.join('\n'));
}

/** Writes and loads `<name>.yaml` over `data.csv`. */
export function pipeline(
  folder: string,
  name: string,
  { forecast = 'horizon: 4, season: 24, warmup: 50, models: [naive, holt-winters, linear]', rest = '' } = {},
): LoadedSpec {
  const file = join(folder, `${name}.yaml`);
  const text = `
name: ${name}
source: { type: csv, path: data.csv, time: time, series: series, values: [value] }
window: { grid: rows, interval: 1h, ring: 300 }
forecast: { ${forecast} }
state: { path: state-${name} }
${rest}`;
  writeFileSync(file, text);
  return loadPipeline(file, { env: {}, ...COMPONENTS });
}
