/**
 * The contract of sinks, as tests: `testSink({ component, config, read })` inside a connector's own test file.
 *
 * A rule that does not hold for a sink is skipped by name, with the reason in words.
 */
import { describe, expect, it } from 'vitest';
import type { ForecastBatch } from '../../src/core/batch.ts';
import type { SinkComponent } from '../../src/core/component.ts';
import type { Sink, SinkContext } from '../../src/core/connector.ts';
import { retained } from '../support/retained.ts';
import { testDeclaration } from './declaration.ts';
import { context } from './source.ts';

export const SINK_RULES = [
  'opens and closes without anything written',
  'delivers what was flushed, bit for bit',
  'copies what it keeps',
  'replaces a cut that is written again',
  'replaces a cut that is written again with another end',
  'leaves nothing half after a kill between write and flush',
  'keeps what was flushed when it is opened again',
  'takes an empty cut',
  'takes rejects',
  'keeps its memory flat',
] as const;

export type SinkRule = (typeof SINK_RULES)[number];

/** A forecast as it was delivered. */
export interface Delivered {
  readonly series: string;
  readonly target: string;
  readonly step: number;
  readonly issued: number;
  readonly time: number;
  readonly mean: number;
  readonly naive: number;
  /** In the order of the levels. */
  readonly quantiles: readonly number[];
}

export interface SinkCase<Config> {
  readonly component: SinkComponent<Config>;
  /** A configuration (without `type`) of an empty place; called once a test. */
  config(): unknown;
  /** All forecasts in the place of a configuration, in any order. */
  read?(config: unknown): Promise<readonly Delivered[]>;
  readonly title?: string;
  readonly skip?: Partial<Record<SinkRule, string>>;
}

const QUANTILES = [0.025, 0.5, 0.975];

/** What a sink is opened with in tests. */
export function sinkContext(from = 0): SinkContext {
  return {
    pipeline: 'contract',
    targets: ['value', 'volume'],
    horizon: 3,
    quantiles: QUANTILES,
    interval: 60_000,
    from,
    refused: async () => undefined,
  };
}

/** Forecasts at the rows `from` to `to` of two series; every number depends on its row alone, and on `salt`. */
export function forecasts(from: number, to: number, salt = 0): ForecastBatch {
  const [n, targets, horizon, levels] = [to - from, 2, 3, QUANTILES.length];
  const fill = (size: number, value: (row: number, rest: number) => number) =>
    Float64Array.from({ length: n * size }, (_, i) => value(from + Math.floor(i / size), i % size));
  const time = (row: number) => 1_700_000_000_000 + row * 60_000;
  return {
    length: n,
    lanes: Int32Array.from({ length: n }, (_, i) => (from + i) % 2),
    keys: ['first series', 'zweite "Reihe", ☃'],
    issued: fill(1, time),
    validTimes: fill(horizon, (row, step) => time(row) + (step + 1) * 120_000),
    targets,
    horizon,
    quantileCount: levels,
    mean: fill(targets * horizon, (row, i) => row + i / 7 + salt),
    quantiles: fill(targets * horizon * levels, (row, i) => row + i / 3 + salt),
    naive: fill(targets * horizon, (row) => row - 0.1),
    model: new Int32Array(n).fill(0),
    models: ['0123abcd'],
    actual: fill(targets, (row) => row * 1.1),
    scoredTimes: fill(horizon, (row) => (row < 4 ? NaN : time(row))),
    errors: fill(targets * horizon, (row, i) => (row < 4 ? NaN : i / 11)),
  };
}

/** Runs the contract over a sink. */
export function testSink<Config>(test: SinkCase<Config>): void {
  const { component } = test;
  const read = async (config: unknown) => sorted(await test.read!(config));
  const open = async (config: unknown, from = 0): Promise<Sink> => {
    const sink = component.build(component.config.parse(config), context());
    await sink.open(sinkContext(from));
    return sink;
  };
  const deliver = async (sink: Sink, from: number, to: number, salt = 0) => {
    for (let row = from; row < to; row += 7) await sink.write(forecasts(row, Math.min(to, row + 7), salt));
    await sink.flush({ from, to });
  };

  describe(`sink contract: ${component.name}${test.title ? ` (${test.title})` : ''}`, () => {
    testDeclaration(component, test.config);

    const rule = (name: SinkRule, run: () => Promise<void>) => {
      const reason = test.skip?.[name];
      if (reason === undefined) it(name, run);
      else it.skip(`${name} (skipped: ${reason})`, run);
    };

    rule('opens and closes without anything written', async () => {
      const config = test.config();
      await (await open(config)).close(false);
      await (await open(config)).close(true);
      if (test.read) expect(await read(config)).toEqual([]);
    });

    rule('delivers what was flushed, bit for bit', async () => {
      const config = test.config();
      const sink = await open(config);
      await deliver(sink, 0, 50);
      await deliver(sink, 50, 60);
      expect(await read(config)).toEqual(expected(0, 60));
      await sink.close(true);
      expect(await read(config)).toEqual(expected(0, 60));
    });

    rule('copies what it keeps', async () => {
      const config = test.config();
      const sink = await open(config);
      const batch = forecasts(0, 20);
      const keys = [...batch.keys];
      const written = sink.write({ ...batch, keys });
      keys.fill('another series');
      for (const column of [batch.issued, batch.validTimes, batch.mean, batch.quantiles, batch.naive, batch.lanes])
        column.fill(0);
      await written;
      await sink.flush({ from: 0, to: 20 });
      await sink.close(true);
      expect(await read(config)).toEqual(expected(0, 20));
    });

    rule('replaces a cut that is written again', async () => {
      const config = test.config();
      const first = await open(config);
      await deliver(first, 0, 20);
      await deliver(first, 20, 40, 1000);
      await first.close(false);
      const second = await open(config, 20);
      await deliver(second, 20, 40);
      await second.close(true);
      expect(await read(config)).toEqual(expected(0, 40));
    });

    rule('replaces a cut that is written again with another end', async () => {
      const config = test.config();
      const first = await open(config);
      await deliver(first, 0, 20);
      await deliver(first, 20, 40);
      await deliver(first, 40, 60);
      await first.close(false);
      const second = await open(config, 20);
      await deliver(second, 20, 55);
      await deliver(second, 55, 70);
      await second.close(true);
      expect(await read(config)).toEqual(expected(0, 70));
    });

    rule('leaves nothing half after a kill between write and flush', async () => {
      const config = test.config();
      const killed = await open(config);
      await deliver(killed, 0, 20);
      await killed.write(forecasts(20, 35));
      // no flush, no close: as after kill -9
      const second = await open(config, 20);
      expect(await read(config)).toEqual(expected(0, 20));
      await deliver(second, 20, 40);
      await second.close(true);
      expect(await read(config)).toEqual(expected(0, 40));
    });

    rule('keeps what was flushed when it is opened again', async () => {
      const config = test.config();
      const first = await open(config);
      await deliver(first, 0, 30);
      await first.close(true);
      const second = await open(config, 30);
      await deliver(second, 30, 45);
      await second.close(true);
      expect(await read(config)).toEqual(expected(0, 45));
    });

    rule('takes an empty cut', async () => {
      const config = test.config();
      const sink = await open(config);
      await deliver(sink, 0, 10);
      await sink.flush({ from: 10, to: 10 });
      await sink.flush({ from: 10, to: 25 });
      await sink.close(true);
      if (test.read) expect(await read(config)).toEqual(expected(0, 10));
    });

    rule('takes rejects', async () => {
      const sink = await open(test.config());
      await sink.reject?.([
        { partition: 0, offset: 3, reason: 'late', series: 'a', time: 1.7e12, values: [1, NaN] },
        { partition: 2, offset: 9, reason: 'undecodable', raw: 'x\u0000\n☃' },
      ]);
      await sink.flush({ from: 0, to: 10 });
      await sink.close(true);
    });

    rule('keeps its memory flat', async () => {
      const sink = await open(test.config());
      const batch = forecasts(0, 1000);
      let first = 0;
      for (let i = 0; i < 100; i++) {
        await sink.write(batch);
        if (i === 20) first = retained();
      }
      const grown = retained() - first;
      await sink.flush({ from: 0, to: 100_000 });
      await sink.close(false);
      expect(grown / 1e6, 'megabytes more than after the first rows').toBeLessThan(25);
    });
  });
}

/** What must have been delivered for the rows `from` to `to`. */
function expected(from: number, to: number): Delivered[] {
  const { targets } = sinkContext();
  const batch = forecasts(from, to);
  const rows: Delivered[] = [];
  for (let row = 0; row < batch.length; row++) {
    for (let target = 0; target < batch.targets; target++) {
      for (let step = 0; step < batch.horizon; step++) {
        const at = (row * batch.targets + target) * batch.horizon + step;
        rows.push({
          series: batch.keys[batch.lanes[row]!]!,
          target: targets[target]!,
          step: step + 1,
          issued: batch.issued[row]!,
          time: batch.validTimes[row * batch.horizon + step]!,
          mean: batch.mean[at]!,
          naive: batch.naive[at]!,
          quantiles: [...batch.quantiles.subarray(at * batch.quantileCount, (at + 1) * batch.quantileCount)],
        });
      }
    }
  }
  return sorted(rows);
}

function sorted(rows: readonly Delivered[]): Delivered[] {
  return [...rows].sort(
    (a, b) =>
      a.time - b.time ||
      a.issued - b.issued ||
      (a.series < b.series ? -1 : a.series > b.series ? 1 : 0) ||
      (a.target < b.target ? -1 : a.target > b.target ? 1 : 0) ||
      a.step - b.step,
  );
}
