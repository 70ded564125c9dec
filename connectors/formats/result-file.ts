/** The result of a backtest as one Arrow file: a row a forecast, with its truth and what every model said. */
import { dirname } from 'node:path';
import { tableBlocks, type ReadTable } from './arrow-segments.ts';
import { syncFolder, TableWriter, temporaryName, type TableColumns } from './arrow-table.ts';
import { quantileName } from './forecast-tables.ts';

/** What the columns of a result are. */
export interface ResultColumns {
  readonly targets: readonly string[];
  /** Levels, ascending. */
  readonly quantiles: readonly number[];
  readonly models: readonly string[];
}

/** A row of a result; see {@link resultColumns}. Times are epoch ms. */
export interface ResultLine {
  readonly series: string;
  /** Index of the target. */
  readonly target: number;
  readonly step: number;
  readonly issued: number;
  readonly time: number;
  readonly actual: number;
  readonly mean: number;
  readonly naive: number;
  readonly model: string;
  readonly quantiles: Float64Array;
  readonly said: Float64Array;
  readonly weights: Float64Array;
}

/** `forecast_<name>` is what a model said for itself, `weight_<name>` how far the mixture trusted it; `naive` stands for its own. */
export function resultColumns({ quantiles, models }: Pick<ResultColumns, 'quantiles' | 'models'>): TableColumns {
  const columns: Record<string, TableColumns[string]> = {
    ...{ series: 'name', target: 'name', step: 'int32', issued: 'time', time: 'time', actual: 'float64', mean: 'float64' },
  };
  for (const level of quantiles) columns[quantileName(level)] = 'float64';
  columns['naive'] = 'float64';
  for (const name of models) if (name !== 'naive') columns[`forecast_${name}`] = 'float64';
  for (const name of models) columns[`weight_${name}`] = 'float64';
  return { ...columns, model: 'name' };
}

/** Writes a result; `path` appears when it is finished. */
export async function createResult(path: string): Promise<(columns: ResultColumns) => ResultFile> {
  const arrow = await import('apache-arrow');
  return (columns) => new ResultFile(path, columns, arrow);
}

/** A result that is being written. */
export class ResultFile {
  readonly #path: string;
  readonly #table: TableWriter;
  readonly #columns: ResultColumns;
  readonly #quantiles: readonly string[];
  readonly #forecasts: readonly string[];
  readonly #weights: readonly string[];

  constructor(path: string, columns: ResultColumns, arrow: ConstructorParameters<typeof TableWriter>[0]) {
    const metadata = new Map([['tidecast.targets', JSON.stringify(columns.targets)]]);
    this.#path = path;
    this.#columns = columns;
    this.#table = new TableWriter(arrow, temporaryName(path), resultColumns(columns), metadata);
    this.#quantiles = columns.quantiles.map(quantileName);
    this.#forecasts = columns.models.map((name) => (name === 'naive' ? '' : `forecast_${name}`));
    this.#weights = columns.models.map((name) => `weight_${name}`);
  }

  add(line: ResultLine): void {
    const table = this.#table;
    const { ints, floats, rows } = table.block;
    ints['series']![rows] = table.code('series', line.series);
    ints['target']![rows] = table.code('target', this.#columns.targets[line.target] ?? '');
    ints['model']![rows] = table.code('model', line.model);
    ints['step']![rows] = line.step;
    for (const name of ['issued', 'time', 'actual', 'mean', 'naive'] as const) floats[name]![rows] = line[name];
    this.#quantiles.forEach((name, i) => (floats[name]![rows] = line.quantiles[i]!));
    this.#weights.forEach((name, m) => (floats[name]![rows] = line.weights[m]!));
    this.#forecasts.forEach((name, m) => {
      if (name) floats[name]![rows] = line.said[m]!;
    });
    table.block.rows++;
  }

  get waiting(): boolean {
    return this.#table.waiting;
  }

  drain(): Promise<void> {
    return this.#table.drain();
  }

  async finish(): Promise<void> {
    await this.#table.finish(this.#path);
    await syncFolder(dirname(this.#path));
  }

  discard(): Promise<void> {
    return this.#table.discard();
  }
}

/** The rows of a result in the order in which they were written, block by block. Throws what a damaged or missing file gives. */
export function readResult(path: string, columns?: readonly string[]): AsyncGenerator<ReadTable> {
  return tableBlocks(path, columns && Object.fromEntries(columns.map((name) => [name, 'float64' as const])));
}
