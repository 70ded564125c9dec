/** What the accuracy table measures: the data sets, which rows of them count, and the level to reach. */
import { join, resolve } from 'node:path';
import { m4Series, m4Ticks } from './m4.ts';
import { MEMORY, memoryTicks, REGIME, shiftTicks } from './made-up.ts';

/** What is read, and from which row on forecasts are scored. */
export interface Case {
  readonly name: string;
  /** As the peers' results call it. */
  readonly data: string;
  readonly sections: Readonly<Record<string, unknown>>;
  /** Rows of a series that are read, and the first origin that is scored, counted from 0. */
  readonly rows: number;
  readonly from: number;
  /** Error measure: `mae` of steps 1 and last; `z` MSE and MAE over all steps, scaled by the first `scaled` rows; `m4`; `walks`: error over naive's, and series without skill; `shifts`: error after changes of regime over that of the best model there; `memory`: error without the network over that with it, of all rows and of those that hang on something over 200 rows old; `network`: the same ratio at steps 1 and last. */
  readonly measure: 'mae' | 'z' | 'm4' | 'walks' | 'shifts' | 'memory' | 'network';
  readonly wanted: string;
}

const NAB = {
  taxi: ['nyc_taxi', 10_320, [48, 336], '30m', '455 / 1266'],
  ec2: ['ec2_cpu_utilization_5f5533', 4032, [288], '5m', '1.12 / 1.51'],
  occupancy: ['occupancy_6005', 2380, [288], '5m', '1.67 / 1.96'],
  machine: ['machine_temperature_system_failure', 22_695, [288], '5m', '0.748 / 2.07'],
} as const;
/** Rows of ETTh1: all that are read, those before the scored part, and those whose spread is the unit of its errors. */
export const ETT = { rows: 14_400, known: 11_520, scaled: 8640 };
const ETT_COLUMNS = ['HUFL', 'HULL', 'MUFL', 'MULL', 'LUFL', 'LULL', 'OT'];

/** Which part is read, and where the data is that the repository may not carry. */
export interface CaseOptions {
  readonly choose: boolean;
  readonly data?: string | undefined;
}

/** All cases that can be run; made-up and joined data is written into `folder`. */
export function cases(folder: string, { choose, data: given }: CaseOptions): Case[] {
  const found: Case[] = [];
  for (const [name, [file, rows, season, interval, wanted]] of Object.entries(NAB)) {
    const known = Math.floor(rows * 0.3);
    found.push({
      name,
      data: file,
      sections: {
        source: { type: 'arrow', path: resolve(`pipelines/data/${file}.arrow`), name },
        clean: { lateness: '1h', duplicates: 'keep' },
        window: { grid: 'rows', interval },
        forecast: { horizon: 12, season },
      },
      rows: choose ? known : rows,
      from: (choose ? Math.floor(known / 2) : known) - 1,
      measure: 'mae',
      wanted,
    });
  }
  found.push({ ...found[0]!, name: 'taxi-network', measure: 'network', wanted: 'from 1.01 at step 12' });
  found.push({
    name: 'walks',
    data: 'random walks',
    sections: {
      source: { type: 'synthetic', kind: 'random-walk', series: 100, rows: 100_000, interval: '1m', seed: 21 },
      window: { grid: 'rows', interval: '1m' },
      forecast: { horizon: 1, season: 24 },
    },
    rows: Infinity,
    from: 299,
    measure: 'walks',
    wanted: 'within 1 %, 90 without skill',
  });
  found.push({
    name: 'shifts',
    data: 'regime shifts',
    sections: {
      source: { type: 'csv', path: shiftTicks(folder), time: 'time', series: 'series', values: ['value'] },
      window: { grid: 'rows', interval: '1h' },
      forecast: { horizon: 1, season: 24 },
    },
    rows: Infinity,
    from: 2 * REGIME - 1,
    measure: 'shifts',
    wanted: 'within 1.10',
  });
  found.push({
    name: 'memory',
    data: 'memory',
    sections: {
      source: { type: 'csv', path: memoryTicks(folder), time: 'time', series: 'series', values: ['value', 'set', 'cue'] },
      window: { grid: 'rows', interval: '1h' },
      forecast: { horizon: 1, season: 24, targets: ['value'] },
    },
    rows: Infinity,
    from: MEMORY.rows * 0.3 - 1,
    measure: 'memory',
    wanted: 'from 1.20 / 1.20',
  });
  if (given === undefined) return found;
  const data = resolve(given);
  const ett = (name: string, targets: string[], horizon: number, wanted: string): Case => ({
    name,
    data: targets.length === 1 ? 'ETTh1, OT' : 'ETTh1, all columns',
    sections: {
      source: { type: 'csv', path: join(data, 'ett/ETTh1.csv'), time: 'date', values: targets, name: 'ETTh1' },
      window: { grid: 'rows', interval: '1h' },
      forecast: { horizon, season: [24, 168], targets },
    },
    rows: choose ? ETT.known : ETT.rows,
    from: (choose ? ETT.scaled : ETT.known) - 1,
    measure: 'z',
    wanted,
  });
  found.push(ett('ett-ot-1', ['OT'], 1, '0.0038 / 0.0454'), ett('ett-ot-24', ['OT'], 24, '0.0266 / 0.1240'));
  found.push(ett('ett-all-1', ETT_COLUMNS, 1, '0.0915 / 0.1941'), ett('ett-all-24', ETT_COLUMNS, 24, '0.2952 / 0.3490'));
  found.push({
    name: 'm4',
    data: 'M4-Hourly',
    sections: {
      source: { type: 'csv', path: m4Ticks(m4Series(data, choose), folder), time: 'time', series: 'series', values: ['value'] },
      window: { grid: 'rows', interval: '1h' },
      forecast: { horizon: 48, season: [24, 168] },
    },
    rows: Infinity,
    from: 0,
    measure: 'm4',
    wanted: '9.328 / 0.893',
  });
  return found;
}
