/** Points that InfluxDB does not take, alone or among others, and types. Rows of the fault table. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RefusedPoint } from '../../src/core/connector.ts';
import { forecasts } from '../contract/sink.ts';
import { startInflux, type InfluxOptions, type InfluxServer } from '../services/influx.ts';
import { expectSame, faultless, only, openInflux, rowsOf, TWELVE, writeRows } from './support/influx-sink.ts';
import { pointsOf } from './support/servers.ts';

let server: InfluxServer;
beforeAll(async () => void (server = await startInflux()));
afterAll(() => server?.clean());

async function withServer(options: InfluxOptions, test: (own: InfluxServer) => Promise<void>): Promise<void> {
  const own = await startInflux(options);
  await test(own).finally(() => own.clean());
}

async function writeLines(lines: string, database: string): Promise<void> {
  const answer = await fetch(`${server.url}/write?db=${database}&precision=ms`, { method: 'POST', body: lines });
  expect(answer.status).toBe(204);
}

const seriesOf = ({ point }: RefusedPoint) => /,series=((?:\\.|[^,])*),step/.exec(point)![1]!.replaceAll('\\', '');

describe('row 10: some points of a request are refused', () => {
  it('a field of another type in one week: exactly the points with it in that week', async () => {
    await server.query('CREATE DATABASE conflict');
    // InfluxDB keeps the types of fields week by week, from Monday on: those of one week are spoilt
    const week = 604_800_000;
    const weekOf = (time: number) => Math.floor((time - 345_600_000) / week);
    const spoilt = 1_700_000_000_000 + week;
    await writeLines(`forecast,series=spoiler naive="text" ${spoilt}\n`, 'conflict');
    const { sink, refused } = await openInflux({ url: server.url, database: 'conflict' });
    const batch = rowsOf(0, 200);
    // three hours from row to row, so that the rows go through three weeks and more
    const later = (times: Float64Array) => times.forEach((time, i) => (times[i] = 1_700_000_000_000 + (time - 1.7e12) * 180));
    for (const times of [batch.issued, batch.validTimes, batch.scoredTimes]) later(times);
    // some of the forecasts in the spoilt week do not have the field
    for (let row = 0; row < 200; row += 5) batch.naive.fill(NaN, row * 6, row * 6 + 6);
    await sink.write(batch);
    await sink.flush({ from: 0, to: 200 });
    await sink.close(true);
    const inWeek = (time: number) => weekOf(time) === weekOf(spoilt);
    let expected = 0;
    for (let i = 0; i < 200 * 6; i++) {
      const row = Math.floor(i / 6);
      if (row % 5 !== 0 && inWeek(batch.validTimes[row * 3 + (i % 3)]!)) expected++;
    }
    expect(expected).toBeGreaterThan(100);
    expect(refused).toHaveLength(expected);
    for (const { point, reason, sink: name } of refused) {
      expect([name, reason]).toEqual(['influx', expect.stringContaining('field type conflict')]);
      expect(point).toContain(',naive=');
      expect(inWeek(Number(point.split(' ').at(-1)))).toBe(true);
    }
    // without the refused forecasts: what is left of their points is the truth, if that was known
    const lost = new Set(
      refused.map(
        ({ point }) =>
          `${point
            .split(/(?<!\\) /)[0]!
            .replaceAll('\\', '')
            .slice('forecast,'.length)} ${point.split(' ').at(-1)}`,
      ),
    );
    const whole = new Map<string, Record<string, unknown>>();
    for (const [key, { actual, error, ...forecast }] of await faultless(server.url, [batch])) {
      const truth = actual === undefined ? {} : { actual, error };
      const left = lost.has(key) ? truth : { ...forecast, ...truth };
      if (Object.keys(left).length > 0) whole.set(key, left);
    }
    const found = await pointsOf(server.url, 'conflict', 'forecast');
    expectSame(
      only(found, (key) => !key.includes('series=spoiler')),
      whole,
    );
  });

  it.each([
    ['max-series-per-database', TWELVE.length * 6],
    ['max-values-per-tag', TWELVE.length],
  ])('new series over %s: known ones in the same request lose nothing', async (limit, most) => {
    await withServer({ conf: { data: { [limit]: most } } }, async (own) => {
      const { sink, refused } = await openInflux({ url: own.url, database: 'limited' });
      await writeRows(sink, 0, 48);
      await sink.flush({ from: 0, to: 48 });
      expect(refused).toEqual([]);
      const keys = [...TWELVE.slice(0, 6), 'new 1', ...TWELVE.slice(6), 'new 2', 'new 3'];
      const mixed = rowsOf(48, 348, keys);
      await sink.write(mixed);
      await sink.flush({ from: 48, to: 348 });
      await sink.close(true);
      const rows = Array.from(mixed.lanes).filter((lane) => keys[lane]!.startsWith('new')).length;
      // six forecasts a row, and six truths
      expect(refused).toHaveLength(rows * 12);
      expect(new Set(refused.map(seriesOf))).toEqual(new Set(['new 1', 'new 2', 'new 3']));
      expect(
        refused.every(({ reason }) => reason.includes(limit)),
        refused[0]!.reason,
      ).toBe(true);
      const whole = await faultless(server.url, [rowsOf(0, 48), mixed]);
      expectSame(
        await pointsOf(own.url, 'limited', 'forecast'),
        only(whole, (key) => !key.includes('series=new')),
      );
    });
  });

  it('names that cannot be written are refused before anything is sent', async () => {
    const { sink, refused } = await openInflux({ url: server.url, database: 'unwritable' });
    const keys = ['fine', '', 'a\nb', 'end\\', '\u0000', '\ud800', 'x'.repeat(40_000)];
    await sink.write(rowsOf(0, 70, keys));
    await sink.flush({ from: 0, to: 70 });
    await sink.close(true);
    // row 0 to 3 have no truth
    expect(refused).toHaveLength(60 * 12 - 3 * 6);
    const whole = await faultless(server.url, [rowsOf(0, 70, ['fine', ...keys.slice(1).map((_, i) => `other ${i}`)])]);
    expectSame(
      await pointsOf(server.url, 'unwritable', 'forecast'),
      only(whole, (key) => key.includes('series=fine')),
    );
  });
});

it('row 11: what is not finite never reaches InfluxDB, the rest of the point does', async () => {
  const { sink, refused, waits } = await openInflux({ url: server.url, database: 'finite' });
  const batch = forecasts(10, 50);
  const holes = [NaN, Infinity, -Infinity];
  for (const column of [batch.mean, batch.quantiles, batch.naive, batch.actual, batch.errors])
    for (let i = 0; i < column.length; i += 4) column[i] = holes[i % 3]!;
  batch.validTimes[5] = NaN;
  batch.issued[3] = NaN;
  await sink.write(batch);
  await sink.flush({ from: 0, to: 40 });
  await sink.close(true);
  expect([refused, waits]).toEqual([[], []]);
  const found = await pointsOf(server.url, 'finite', 'forecast');
  let fields = 0;
  for (let row = 0; row < 40; row++) {
    for (let i = 0; i < 6; i++) {
      const [target, step] = [Math.floor(i / 3), i % 3];
      const time = batch.validTimes[row * 3 + step]!;
      const key = `pipeline=contract,series=${batch.keys[batch.lanes[row]!]},step=${step + 1},target=${['value', 'volume'][target]} ${time}`;
      const at = row * 6 + i;
      const values = { mean: batch.mean[at], naive: batch.naive[at], q0500: batch.quantiles[at * 3 + 1] };
      for (const [name, value] of Object.entries(values)) {
        const finite = Number.isFinite(value) && Number.isFinite(time) ? value : undefined;
        expect(found.get(key)?.[name], `${name} of ${key}`).toBe(finite);
        if (finite !== undefined) fields++;
      }
    }
  }
  expect(fields).toBeGreaterThan(300);
});

describe('row 55: limits of the server', () => {
  it.each([false, true])('max-body-size: requests are divided until they are small enough (gzip: %s)', async (gzip) => {
    await withServer({ conf: { http: { 'max-body-size': 2000 } } }, async (own) => {
      const { sink, refused, waits } = await openInflux({ url: own.url, database: 'small', gzip });
      const keys = [...TWELVE, 'x'.repeat(3000)];
      await sink.write(rowsOf(0, 390, keys));
      await sink.flush({ from: 0, to: 390 });
      await sink.close(true);
      expect(waits).toEqual([]);
      expect(new Set(refused.map(seriesOf))).toEqual(new Set(gzip ? [] : ['x'.repeat(3000)]));
      const long = (key: string) => key.includes('xxx');
      const whole = await faultless(server.url, [rowsOf(0, 390, keys)]);
      expectSame(
        only(await pointsOf(own.url, 'small', 'forecast'), (key) => !long(key)),
        only(whole, (key) => !long(key)),
      );
    });
  });

  it('points older than the retention policy are refused, the others stored', async () => {
    await server.query('CREATE DATABASE short');
    await server.query('CREATE RETENTION POLICY day ON short DURATION 24h REPLICATION 1 DEFAULT');
    const { sink, refused } = await openInflux({ url: server.url, database: 'short', retention_policy: 'day' });
    const now = Date.now();
    const batch = rowsOf(0, 120);
    // rows without the truth; every third is of today, the others of 2023
    batch.scoredTimes.fill(NaN);
    for (let row = 0; row < 120; row += 3)
      for (let step = 0; step < 3; step++) batch.validTimes[row * 3 + step] = now - row * 1000;
    await sink.write(batch);
    await sink.flush({ from: 0, to: 120 });
    await sink.close(true);
    expect(refused).toHaveLength(80 * 6);
    expect(refused.every(({ reason }) => reason.includes('retention policy'))).toBe(true);
    expectSame(
      await pointsOf(server.url, 'short', 'forecast'),
      only(await faultless(server.url, [batch]), (key) => Number(key.split(' ').at(-1)) > now - 864e5),
    );
  });
});

it('row 56: values are floats, whole ones first, and issued is an integer', async () => {
  const { sink, refused } = await openInflux({ url: server.url, database: 'types' });
  const extremes = [1, 1.5, -0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1e21, 2 ** 53, -1e-7, 123456789012345680000];
  for (const [row, value] of extremes.entries()) {
    const batch = rowsOf(row, row + 1, ['one']);
    for (const column of [batch.mean, batch.naive, batch.quantiles, batch.actual, batch.errors]) column.fill(value);
    await sink.write(batch);
    await sink.flush({ from: row, to: row + 1 });
  }
  await sink.close(true);
  expect(refused).toEqual([]);
  const types = (await server.query('SHOW FIELD KEYS', 'types'))[0]!.values;
  expect(Object.fromEntries(types)).toEqual({
    actual: 'float',
    error: 'float',
    mean: 'float',
    naive: 'float',
    q0025: 'float',
    q0500: 'float',
    q0975: 'float',
    issued: 'integer',
    model: 'string',
  });
  const [found] = await server.query("SELECT mean FROM forecast WHERE step = '1' AND target = 'value'", 'types');
  expect(found!.values.map(([, value]) => value)).toEqual(extremes);
});

it('gzip: the same points, in fewer bytes', async () => {
  const [plain, packed] = await Promise.all(
    [false, true].map(async (gzip) => {
      const { sink, written } = await openInflux({ url: server.url, database: `gzip_${gzip}`, gzip });
      await writeRows(sink, 0, 500);
      await sink.flush({ from: 0, to: 500 });
      await sink.close(true);
      expect(written.reduce((sum, { points }) => sum + points, 0)).toBe(500 * 12 - 4 * 6);
      return {
        points: await pointsOf(server.url, `gzip_${gzip}`, 'forecast'),
        bytes: written.reduce((sum, { bytes }) => sum + bytes, 0),
      };
    }),
  );
  expectSame(packed!.points, plain!.points);
  expect(packed!.bytes).toBeLessThan(plain!.bytes / 3);
});

it('a large batch goes in requests of a bounded size', async () => {
  const { sink, written } = await openInflux({ url: server.url, database: 'parts', batch: { points: 100 } });
  await sink.write(rowsOf(0, 500));
  await sink.flush({ from: 0, to: 500 });
  await sink.close(true);
  expect(Math.max(...written.map(({ points }) => points))).toBeLessThanOrEqual(200);
  expectSame(await pointsOf(server.url, 'parts', 'forecast'), await faultless(server.url, [rowsOf(0, 500)]));
});
