/** InfluxDB sinks under test, what they say, and what a sink without faults would have written. */
import { expect } from 'vitest';
import influx from '../../../connectors/influx-sink.ts';
import type { ForecastBatch } from '../../../src/core/batch.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { RefusedPoint, Sink, SinkContext } from '../../../src/core/connector.ts';
import { EventBus, type Events } from '../../../src/core/events.ts';
import { forecasts, sinkContext } from '../../contract/sink.ts';
import { context } from '../../contract/source.ts';
import { pointsOf } from './servers.ts';

export interface OpenedInflux {
  readonly sink: Sink;
  readonly refused: RefusedPoint[];
  readonly waits: Events['sink.waiting'][];
  readonly written: Events['sink.written'][];
}

/** A sink that is open; `waits` and `written` grow as it tells. Requests are given up after a second unless the configuration says otherwise. */
export async function openInflux(config: object, more: Partial<SinkContext> = {}): Promise<OpenedInflux> {
  const [events, waits, written, refused]: [EventBus, Events['sink.waiting'][], Events['sink.written'][], RefusedPoint[]] = [
    new EventBus(),
    [],
    [],
    [],
  ];
  events.on('sink.waiting', (told) => waits.push(told));
  events.on('sink.written', (told) => written.push(told));
  const parsed = influx.config.parse({ timeout: '1s', ...config });
  const sink = influx.build(parsed, { ...context(), clock: systemClock, events });
  await sink.open({ ...sinkContext(), refused: async (points) => void refused.push(...points), ...more });
  return { sink, refused, waits, written };
}

/** Twelve names; both queues of the sink have some. */
export const TWELVE = Array.from({ length: 12 }, (_, i) => `series ${i}`);

/** The contract's rows, of as many series as there are names, in turn. */
export function rowsOf(from: number, to: number, keys: readonly string[] = TWELVE): ForecastBatch {
  return { ...forecasts(from, to), keys, lanes: Int32Array.from({ length: to - from }, (_, i) => (from + i) % keys.length) };
}

/** Writes rows in batches of `step`, waiting as the pipeline does. */
export async function writeRows(sink: Sink, from: number, to: number, { step = 50, keys = TWELVE } = {}): Promise<void> {
  for (let row = from; row < to; row += step) await sink.write(rowsOf(row, Math.min(to, row + step), keys));
}

export type Points = Awaited<ReturnType<typeof pointsOf>>;

/** Fails unless both hold the same points with the same values; names the first that differ. (`toEqual` takes half a minute for 100,000.) */
export function expectSame(found: Points, expected: Points): void {
  const text = (points: Points, key: string) => JSON.stringify(Object.entries(points.get(key) ?? {}).sort());
  const keys = new Set([...found.keys(), ...expected.keys()]);
  const different = [...keys].filter((key) => text(found, key) !== text(expected, key));
  const shown = different.slice(0, 5).map((key) => ({ key, found: found.get(key), expected: expected.get(key) }));
  expect(shown, `${different.length} of ${keys.size} points differ`).toEqual([]);
  expect(found.size).toBeGreaterThan(0);
}

/** The points whose keys stay. */
export function only(points: Points, stays: (key: string) => boolean): Points {
  return new Map([...points].filter(([key]) => stays(key)));
}

let references = 0;

/** The points of these batches as a sink without faults stores them; `url`: a server that has none. */
export async function faultless(url: string, batches: readonly ForecastBatch[], more: Partial<SinkContext> = {}) {
  const database = `reference_${process.pid}_${references++}`;
  const { sink, refused, waits } = await openInflux({ url, database, timeout: '60s' }, more);
  for (const batch of batches) await sink.write(batch);
  await sink.flush({ from: 0, to: 1 });
  await sink.close(true);
  if (refused.length + waits.length > 0) throw new Error(`Not without faults: ${JSON.stringify([...refused, ...waits][0])}`);
  return pointsOf(url, database, 'forecast');
}
