/** History from a real InfluxDB: the contract of sources, what is refused, and answers that break off. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import influx from '../../connectors/influx-source.ts';
import sink from '../../connectors/influx-sink.ts';
import { EventBus } from '../../src/core/events.ts';
import { collect, context, testSource } from '../contract/source.ts';
import { forecasts, sinkContext } from '../contract/sink.ts';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { startProxy, type Proxy } from '../services/proxy.ts';

let server: InfluxServer;
let proxy: Proxy;
const START = 1_700_000_000_000;

async function write(lines: string, database = 'history'): Promise<void> {
  const answer = await fetch(`${server.url}/write?db=${database}&precision=ms`, { method: 'POST', body: lines });
  if (answer.status !== 204) throw new Error(await answer.text());
}

beforeAll(async () => {
  server = await startInflux();
  proxy = await startProxy(server.port);
  await server.query('CREATE DATABASE history');
  let lines = '';
  for (let i = 0; i < 500; i++) {
    const volume = i % 7 === 0 ? '' : `,volume=${i * 2}`;
    lines += `ticks,series=s${i % 3} value=${i / 7}${volume} ${START + i * 1000}\n`;
  }
  await write(lines);
  for (let i = 0; i < 310_000;) {
    let many = '';
    for (const end = i + 10_000; i < end; i++) many += `large,series=s${i % 10} value=${i}.5 ${START + i}\n`;
    await write(many);
  }
});
afterAll(async () => {
  await proxy?.close();
  await server?.clean();
});

const base = () => ({ url: server?.url ?? 'http://127.0.0.1:8086', database: 'history' });
const ticks = () => ({
  ...base(),
  query: 'SELECT value, volume, "series" FROM ticks',
  series: 'series',
  values: ['value', 'volume'],
});
const large = () => ({ ...base(), query: 'SELECT value, "series" FROM large', series: 'series', values: ['value'] });

testSource({ component: influx, config: ticks, rows: 500, large });
testSource({
  component: influx,
  title: 'aggregated in the database, one series',
  config: () => ({
    ...base(),
    query: `SELECT mean(value) AS value FROM ticks WHERE time >= ${START}ms AND time < ${START + 500_000}ms GROUP BY time(10s)`,
    name: 'all',
    values: ['value'],
  }),
  rows: 50,
});

it('ends whenever the abort comes: before, between and after the bytes of the answer', async () => {
  for (let i = 0; i < 60; i++) {
    const source = influx.build(influx.config.parse(ticks()), context());
    const controller = new AbortController();
    if (i % 2) setTimeout(() => controller.abort(), i / 4);
    for await (const _batch of source.read(undefined, controller.signal)) {
      if (i % 3) await new Promise((resolve) => setTimeout(resolve, i % 3));
      controller.abort();
    }
    await source.close();
  }
});

it('ends with an error when it is closed while it waits for the server', async () => {
  await proxy.mode('stall');
  const source = influx.build(influx.config.parse({ ...ticks(), url: proxy.url, timeout: '10m', patience: '10m' }), context());
  const reading = source.read(undefined, new AbortController().signal)[Symbol.asyncIterator]().next();
  await Promise.all([expect(reading).rejects.toMatchObject({ code: 'INFLUX_UNAVAILABLE' }), source.close()]);
  await proxy.mode('pass');
});

async function read(config: Record<string, unknown>, from?: number) {
  const source = influx.build(influx.config.parse(config), context());
  try {
    return await collect(source, from === undefined ? undefined : { '0': from }, Infinity);
  } finally {
    await source.close();
  }
}

describe('rows', () => {
  it('come back as they were written, missing values as NaN', async () => {
    const rows = await read(ticks());
    expect(rows.map(({ content }) => content)).toEqual(
      Array.from({ length: 500 }, (_, i) => [`s${i % 3}`, START + i * 1000, [i / 7, i % 7 === 0 ? NaN : i * 2], undefined]),
    );
  });

  it('are rejected where they hold no number or no series', async () => {
    await write('odd,series=a value=1 1000\nodd,series=a text="x" 2000\nodd value=3 3000\nodd,series=b value=4 4000\n');
    const config = { ...base(), query: 'SELECT value, text, "series" FROM odd', series: 'series' };
    expect((await read({ ...config, values: ['value'] })).map(({ content }) => content)).toMatchObject([
      ['a', 1000, [1], undefined],
      ['a', 2000, [NaN], undefined],
      { reason: 'no-series', time: 3000, offset: 2 },
      ['b', 4000, [4], undefined],
    ]);
    expect((await read({ ...config, values: ['text'] })).map(({ content }) => content)).toMatchObject([
      ['a', 1000, [NaN], undefined],
      { reason: 'undecodable', raw: '[2000,null,"x","a"]' },
      { reason: 'no-series' },
      ['b', 4000, [NaN], undefined],
    ]);
  });

  it('are those that the sink wrote: the truth, read back for a warm-up', async () => {
    const out = sink.build(sink.config.parse({ ...base(), database: 'written' }), context());
    await out.open(sinkContext());
    await out.write(forecasts(0, 40));
    await out.flush({ from: 0, to: 40 });
    await out.close(true);
    const rows = await read({
      ...base(),
      database: 'written',
      query: `SELECT actual, "series" FROM forecast WHERE step = $step AND target = $target`,
      parameters: { step: '1', target: 'value' },
      series: 'series',
      values: ['actual'],
    });
    const { actual, scoredTimes, keys, lanes } = forecasts(0, 40);
    expect(rows.map(({ content }) => content)).toEqual(
      Array.from({ length: 36 }, (_, i) => [keys[lanes[i + 4]!], scoredTimes[(i + 4) * 3], [actual[(i + 4) * 2]], undefined]),
    );
  });

  it('are none where there are none', async () => {
    expect(await read({ ...ticks(), query: 'SELECT value, volume, "series" FROM nothing' })).toEqual([]);
    await expect(read({ ...ticks(), query: 'SELECT value, volume, "series" FROM nothing' }, 7)).rejects.toMatchObject({
      code: 'SOURCE_POSITION',
    });
  });
});

describe('refused', () => {
  it.each([
    ['DROP DATABASE history', 'must begin with SELECT'],
    ['SELECT value FROM ticks; DROP DATABASE history', 'one statement'],
    ['SELECT value INTO other FROM ticks', 'INTO'],
    ["SELECT /'/ INTO x FROM ticks WHERE a =~ /'/", 'INTO'],
    ['SELECT value FROM ticks -- WHERE', 'comments'],
  ])('before anything is sent: %s', (query, why) => {
    const parsed = influx.config.safeParse({ ...ticks(), query });
    expect(parsed.error?.issues.map(({ message }) => message).join()).toContain(why);
  });

  it.each([
    [{ query: 'SELECT value, volume FROM ticks GROUP BY series', series: undefined }, 'INFLUX_QUERY', 'GROUP BY'],
    [{ query: 'SELECT value, volume, "series" FROM ticks ORDER BY time DESC' }, 'INFLUX_QUERY', 'time order'],
    [{ query: 'SELECT value, "series" FROM ticks' }, 'INFLUX_QUERY', 'no column volume, but time, value, series'],
    [{ query: 'SELECT value FROM ticks WHERE' }, 'INFLUX_QUERY', 'error parsing query'],
    [{ database: 'nowhere' }, 'INFLUX_DATABASE', 'database not found'],
  ])('with a reason: %o', async (change, code, why) => {
    const failed = read({ ...ticks(), ...change });
    await expect(failed).rejects.toMatchObject({ code });
    await expect(failed).rejects.toThrow(why);
  });

  it('is an injection through a bound value', async () => {
    const query = 'SELECT value, volume, "series" FROM ticks WHERE "series" = $name';
    expect(await read({ ...ticks(), query, parameters: { name: 's1' } })).toHaveLength(167);
    expect(await read({ ...ticks(), query, parameters: { name: "nope\\' or series =~ /.*/ --" } })).toEqual([]);
  });
});

describe('outages', () => {
  const through = (change = {}) => ({ ...large(), url: proxy.url, timeout: '500ms', ...change });

  it.each([['resetAfterBytes'], ['stall']] as const)('%s in the middle of the answer: goes on at the same row', async (fault) => {
    const events = new EventBus();
    const reasons: string[] = [];
    events.on('source.waiting', ({ reason }) => {
      if (reasons.push(reason) === 1) setTimeout(() => void proxy.mode('pass'), 1500);
    });
    const source = influx.build(influx.config.parse(through()), { ...context(), events });
    // before the first byte: what was sent already would still come through
    if (fault === 'resetAfterBytes') await proxy.mode({ resetAfterBytes: 1_000_000 });
    let rows = 0;
    for await (const { offsets, channels } of source.read(undefined, new AbortController().signal)) {
      expect(offsets[0]).toBe(rows);
      const first = rows === 0;
      rows += offsets.length;
      expect(channels[0]!.at(-1)).toBe(rows - 0.5);
      if (first && fault === 'stall') await proxy.mode('stall');
    }
    expect(rows).toBe(310_000);
    expect(reasons.length).toBeGreaterThan(0);
    await source.close();
  });

  it('a slow reader is no fault of the server', async () => {
    const source = influx.build(influx.config.parse(through()), context());
    let rows = 0;
    for await (const { offsets } of source.read(undefined, new AbortController().signal)) {
      if (rows === 0) await new Promise((resolve) => setTimeout(resolve, 1500));
      rows += offsets.length;
    }
    expect(rows).toBe(310_000);
    await source.close();
  });

  it('end the run when patience is over', async () => {
    await proxy.mode('refuse');
    try {
      await expect(read(through({ patience: '300ms' }))).rejects.toMatchObject({ code: 'INFLUX_UNAVAILABLE', retriable: true });
    } finally {
      await proxy.mode('pass');
    }
  });
});

describe('check', () => {
  const check = async (config: Record<string, unknown>) =>
    influx.build(influx.config.parse(config), context()).check!(new AbortController().signal);
  it('says whether the query works', async () => {
    expect(await check(ticks())).toMatchObject([
      { ok: true, what: 'InfluxDB 1.6.7~rc0 answers.' },
      { ok: true, what: 'The query gives rows.' },
    ]);
    expect(await check({ ...ticks(), database: 'nowhere' })).toMatchObject([{ ok: false }]);
    expect(await check({ ...ticks(), url: 'http://127.0.0.1:9' })).toMatchObject([{ ok: false }]);
  });
});
