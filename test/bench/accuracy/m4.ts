/** M4 Hourly, from its official files: one origin, the last row of each series. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The training rows of all series in order of time, each beginning at the same hour. */
export function m4Ticks(series: readonly M4Series[], folder: string): string {
  const longest = series.reduce((most, { train }) => Math.max(most, train.length), 0);
  const lines = ['time,series,value'];
  for (let row = 0; row < longest; row++)
    for (const { name, train } of series)
      if (row < train.length) lines.push(`${new Date(Date.UTC(2015, 0, 1, row)).toISOString()},${name},${train[row]}`);
  const path = join(folder, 'm4.csv');
  writeFileSync(path, lines.join('\n'));
  return path;
}

/** One of its series: what may be seen, and the 48 rows to be forecast. */
export interface M4Series {
  readonly name: string;
  readonly train: readonly number[];
  readonly test: readonly number[];
}

/** Of the official files in `data`; with `choose` the last 48 rows of the training part are what is forecast. */
export function m4Series(data: string, choose: boolean): M4Series[] {
  const read = (file: string) =>
    readFileSync(join(data, 'm4', file), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').map((cell) => cell.replaceAll('"', '')))
      .map(([name, ...cells]) => ({ name: name!, numbers: cells.filter((cell) => cell !== '').map(Number) }));
  const tests = read('Hourly-test.csv');
  return read('Hourly-train.csv').map(({ name, numbers }, i) =>
    choose ? { name, train: numbers.slice(0, -48), test: numbers.slice(-48) } : { name, train: numbers, test: tests[i]!.numbers },
  );
}

/** sMAPE and MASE of the last forecast of each series. */
export function m4Scores(series: readonly M4Series[], last: ReadonlyMap<string, Float64Array>): { smape: number; mase: number } {
  let [smape, mase] = [0, 0];
  for (const { name, train, test } of series) {
    const forecast = last.get(name)!;
    let scale = 0;
    for (let i = 24; i < train.length; i++) scale += Math.abs(train[i]! - train[i - 24]!) / (train.length - 24);
    let [s, a] = [0, 0];
    test.forEach((y, h) => {
      s += (200 * Math.abs(y - forecast[h]!)) / (Math.abs(y) + Math.abs(forecast[h]!));
      a += Math.abs(y - forecast[h]!);
    });
    smape += s / test.length / series.length;
    mase += a / test.length / scale / series.length;
  }
  return { smape, mase };
}
