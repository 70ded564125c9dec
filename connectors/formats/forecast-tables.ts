/** The tables of forecasts, scores and dead letters: their columns, and how batches are laid out in them. */
import type { ForecastBatch, Reject } from '../../src/core/batch.ts';
import type { SinkContext } from '../../src/core/connector.ts';
import type { TableColumns, TableWriter } from './arrow-table.ts';

export const TABLES = ['forecasts', 'scores', 'rejects'] as const;
export type TableName = (typeof TABLES)[number];

/** The column of a quantile: `q0025` is the level 0.025. */
export function quantileName(level: number): string {
  return `q${String(Math.round(level * 1000)).padStart(4, '0')}`;
}

/** The columns of a table, in order. */
export function tableColumns(table: TableName, quantiles: readonly number[]): TableColumns {
  switch (table) {
    case 'forecasts': {
      const columns: Record<string, TableColumns[string]> = {
        series: 'name',
        target: 'name',
        step: 'int32',
        issued: 'time',
        time: 'time',
        mean: 'float64',
      };
      for (const level of quantiles) columns[quantileName(level)] = 'float64';
      return { ...columns, naive: 'float64', model: 'name' };
    }
    case 'scores':
      return {
        series: 'name',
        target: 'name',
        step: 'int32',
        time: 'time',
        actual_time: 'time',
        actual: 'float64',
        error: 'float64',
      };
    case 'rejects':
      return { partition: 'int32', offset: 'long', reason: 'name', series: 'text', time: 'time', values: 'text', raw: 'text' };
  }
}

/** Adds a batch's forecasts: one row an origin, target and step that was forecast. */
export function addForecasts(table: TableWriter, batch: ForecastBatch, { targets, quantiles }: SinkContext): void {
  const { horizon, quantileCount } = batch;
  const names = quantiles.map(quantileName);
  const models = batch.models.map((model) => table.code('model', model));
  const targetCodes = targets.map((target) => table.code('target', target));
  const series = seriesCodes(table, batch);
  for (let row = 0; row < batch.length; row++) {
    const code = series(row);
    for (let target = 0; target < batch.targets; target++) {
      for (let step = 0; step < horizon; step++) {
        const at = (row * batch.targets + target) * horizon + step;
        const time = batch.validTimes[row * horizon + step]!;
        const mean = batch.mean[at]!;
        const naive = batch.naive[at]!;
        if (Number.isNaN(time) || (Number.isNaN(mean) && Number.isNaN(naive))) continue;
        const { ints, floats, rows } = table.block;
        ints['series']![rows] = code;
        ints['target']![rows] = targetCodes[target]!;
        ints['step']![rows] = step + 1;
        ints['model']![rows] = models[batch.model[row]!]!;
        floats['issued']![rows] = batch.issued[row]!;
        floats['time']![rows] = time;
        floats['mean']![rows] = mean;
        floats['naive']![rows] = naive;
        for (let q = 0; q < quantileCount; q++) floats[names[q]!]![rows] = batch.quantiles[at * quantileCount + q]!;
        table.block.rows++;
      }
    }
  }
}

/** Adds the truth that a batch brought: one row a forecast that it scores. */
export function addScores(table: TableWriter, batch: ForecastBatch, { targets }: SinkContext): void {
  const targetCodes = targets.map((target) => table.code('target', target));
  const series = seriesCodes(table, batch);
  for (let row = 0; row < batch.length; row++) {
    for (let step = 0; step < batch.horizon; step++) {
      const time = batch.scoredTimes[row * batch.horizon + step]!;
      if (Number.isNaN(time)) continue;
      for (let target = 0; target < batch.targets; target++) {
        const error = batch.errors[(row * batch.targets + target) * batch.horizon + step]!;
        if (Number.isNaN(error)) continue;
        const { ints, floats, rows } = table.block;
        ints['series']![rows] = series(row);
        ints['target']![rows] = targetCodes[target]!;
        ints['step']![rows] = step + 1;
        floats['time']![rows] = time;
        floats['actual_time']![rows] = batch.issued[row]!;
        floats['actual']![rows] = batch.actual[row * batch.targets + target]!;
        floats['error']![rows] = error;
        table.block.rows++;
      }
    }
  }
}

/** Adds dead letters. */
export function addRejects(table: TableWriter, rejects: readonly Reject[]): void {
  for (const { partition, offset, reason, series, time, values, raw } of rejects) {
    const { ints, floats, texts, rows } = table.block;
    ints['partition']![rows] = partition;
    floats['offset']![rows] = offset;
    ints['reason']![rows] = table.code('reason', reason);
    texts['series']![rows] = series;
    floats['time']![rows] = time ?? NaN;
    texts['values']![rows] =
      values && JSON.stringify([...values].map((value) => (Number.isFinite(value) ? value : String(value))));
    texts['raw']![rows] = raw;
    table.block.rows++;
  }
}

function seriesCodes(table: TableWriter, batch: ForecastBatch): (row: number) => number {
  const byLane = new Map<number, number>();
  return (row) => {
    const lane = batch.lanes[row]!;
    let code = byLane.get(lane);
    if (code === undefined) byLane.set(lane, (code = table.code('series', batch.keys[lane] ?? '')));
    return code;
  };
}
