/** Names that look like line protocol or InfluxQL do nothing but name. Rows of the fault table. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nameProblem } from '../../connectors/formats/line-protocol.ts';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { expectSame, faultless, only, openInflux, rowsOf, TWELVE, writeRows } from './support/influx-sink.ts';
import { pointsOf } from './support/servers.ts';

let server: InfluxServer;
beforeAll(async () => void (server = await startInflux()));
afterAll(() => server?.clean());

describe('row 45: names that look like line protocol', () => {
  const inject = 'forecast,pipeline=contract,series=victim,step=1,target=value mean=666 1700000000000';

  it('a line in a name does nothing to its victim', async () => {
    const keys = ['victim', `a\n${inject}`, `a mean=1 1\n${inject}\n`, `b\\\n${inject}`, `c ${inject}`, `d" ${inject}`, inject];
    const { sink, refused } = await openInflux({ url: server.url, database: 'injected' });
    await sink.write(rowsOf(0, 140, keys));
    await sink.flush({ from: 0, to: 140 });
    await sink.close(true);
    expect((await server.query('SHOW MEASUREMENTS', 'injected'))[0]!.values).toEqual([['forecast']]);
    const names = (await server.query('SHOW TAG VALUES WITH KEY = "series"', 'injected'))[0]!.values.map(([, name]) => name);
    expect(new Set(names)).toEqual(new Set(keys.filter((key) => !key.includes('\n'))));
    const victim = (key: string) => key.includes('series=victim,') && !key.includes('mean=');
    const whole = await faultless(server.url, [rowsOf(0, 140, ['victim', ...TWELVE.slice(0, 6)])]);
    expectSame(only(await pointsOf(server.url, 'injected', 'forecast'), victim), only(whole, victim));
    expect(refused).toHaveLength(3 * 20 * 12 - 3 * 6);
  });

  it('every name comes back as it is, or is refused', async () => {
    const piece = fc.constantFrom(
      ',',
      '=',
      ' ',
      '\\',
      '"',
      "'",
      '\t',
      '\n',
      '\r',
      '#',
      '_',
      '/',
      '☃',
      '👩‍🚀',
      'ä',
      'a',
      '1',
      '$',
      '%',
      '\u00a0',
    );
    const names = fc.sample(fc.string({ unit: piece, minLength: 1, maxLength: 8 }), { numRuns: 400, seed: 45 });
    const keys = [...new Set(names)];
    const { sink, refused } = await openInflux({ url: server.url, database: 'names' });
    await sink.write(rowsOf(0, keys.length, keys));
    await sink.flush({ from: 0, to: keys.length });
    await sink.close(true);
    const good = keys.filter((key) => nameProblem(key) === undefined);
    expect(good.length).toBeGreaterThan(150);
    expect(good.length).toBeLessThan(keys.length);
    const [found] = await server.query('SHOW TAG VALUES WITH KEY = "series"', 'names');
    expect(found!.values.map(([, name]) => name).sort()).toEqual([...good].sort());
    expect(new Set(refused.map(({ reason }) => reason.split(' ').slice(0, 3).join(' ')))).toEqual(
      new Set(['the name holds', 'the name ends']),
    );
    expect((await server.query('SHOW MEASUREMENTS', 'names'))[0]!.values).toEqual([['forecast']]);
  });

  it('the names of a pipeline, its targets and the measurement, too', async () => {
    const odd = { pipeline: 'p, q=r "s\\t', targets: ['value, x=1 "y"', 'ü\\ =,'] };
    const measurement = 'fore cast,x=1 "☃,y';
    const { sink, refused } = await openInflux({ url: server.url, database: 'odd', measurement }, odd);
    await sink.write(rowsOf(0, 24));
    await sink.flush({ from: 0, to: 24 });
    await sink.close(true);
    expect(refused).toEqual([]);
    expect((await server.query('SHOW MEASUREMENTS', 'odd'))[0]!.values).toEqual([[measurement]]);
    const values = async (key: string) => (await server.query(`SHOW TAG VALUES WITH KEY = "${key}"`, 'odd'))[0]!.values;
    expect(await values('pipeline')).toEqual([['pipeline', odd.pipeline]]);
    expect((await values('target')).map(([, name]) => name).sort()).toEqual([...odd.targets].sort());
  });
});

it('row 46: the name of a database is no part of the statement that creates it', async () => {
  await server.query('CREATE DATABASE bystander');
  const database = 'x"; DROP DATABASE bystander; CREATE DATABASE "y';
  const { sink } = await openInflux({ url: server.url, database });
  await writeRows(sink, 0, 12);
  await sink.flush({ from: 0, to: 12 });
  await sink.close(true);
  const names = (await server.query('SHOW DATABASES'))[0]!.values.map(([name]) => name);
  expect(names).toContain('bystander');
  expect(names).toContain(database);
});
