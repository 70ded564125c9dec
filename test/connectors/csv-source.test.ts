import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import csv from '../../connectors/csv-source.ts';
import { collect, context, testSource } from '../contract/source.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-csv-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(text: string | Buffer, name = `file-${files++}.csv`): string {
  writeFileSync(join(folder, name), text);
  return name;
}

async function read(text: string, config: Record<string, unknown> = {}, from?: number) {
  const source = csv.build(csv.config.parse({ path: file(text, 'one.csv'), ...config }), context(folder));
  const rows = await collect(source, from === undefined ? undefined : { '0': from }, Infinity);
  await source.close();
  return rows.map(({ content }) => content);
}

const many = file(
  'series,time,value,volume\n' +
    Array.from(
      { length: 500 },
      (_, i) => `s${i % 3},2024-01-01T00:${String(i % 60).padStart(2, '0')}:00Z,${i % 50 === 0 ? 'oops' : i},${i * 2}\n`,
    ).join(''),
);
const large = () => {
  const name = 'large.csv';
  file('time,value\n' + Array.from({ length: 310_000 }, (_, i) => `${1_700_000_000 + i},${i}`).join('\n'), name);
  return { path: name, unit: 's' };
};

testSource({ component: csv, folder, config: () => ({ path: many }), rows: 500, large });
testSource({
  component: csv,
  folder,
  title: 'two files',
  config: () => ({ path: [many, 'file-1.csv'], series: 'series', values: ['value'] }),
  rows: 502,
});
file('value,series,timestamp\n1,a,2024-01-01\n2,b,2024-01-02\n');

describe('fields', () => {
  it('reads quotes, a byte order mark, CRLF and names with spaces', async () => {
    expect(
      await read('\ufeff"time", value\r\n2024-01-01 00:00:00,"1.5"\r\n"2024-01-01T00:30:00+02:00",2e3\r\n', { name: 'a' }),
    ).toEqual([
      ['a', Date.UTC(2024, 0, 1), [1.5], undefined],
      ['a', Date.UTC(2023, 11, 31, 22, 30), [2000], undefined],
    ]);
    expect(await read('time,series,value\n2024-01-01,"a ""quoted"", name\nof two lines",1\n')).toEqual([
      ['a "quoted", name\nof two lines', Date.UTC(2024, 0, 1), [1], undefined],
    ]);
  });

  it('takes empty fields, NA and null as missing', async () => {
    const rows = await read('time,value\n2024-01-01,1\n2024-01-02,\n2024-01-03,NA\n2024-01-04,null\n,5\n2024-01-06,-inf\n');
    expect(rows.map((row) => (row as [string, number, number[]])[2][0])).toEqual([1, NaN, NaN, NaN, 5, -Infinity]);
    expect((rows[4] as [string, number])[1]).toBeNaN();
  });

  it('rejects rows that cannot be decoded, with their text and place', async () => {
    const rows = await read(
      'time,value\n2024-01-01,1\nyesterday,2\n2024-01-03,three\n2024-01-04\n2024-02-30,5\n2024-01-06,0x10\n2024-01-07,7\n',
      { values: ['value'] },
    );
    const reject = (offset: number, raw: string) => ({ partition: 0, offset, reason: 'undecodable', raw });
    expect(rows.slice(1, -1)).toEqual([
      reject(1, 'yesterday,2'),
      reject(2, '2024-01-03,three'),
      reject(3, '2024-01-04'),
      reject(4, '2024-02-30,5'),
      reject(5, '2024-01-06,0x10'),
    ]);
    expect(rows.at(-1)).toEqual(['one', Date.UTC(2024, 0, 7), [7], undefined]);
  });

  it('rejects rows without a series name', async () => {
    expect(await read('time,series,value\n2024-01-01,,1\n')).toEqual([
      { partition: 0, offset: 0, reason: 'no-series', time: Date.UTC(2024, 0, 1), values: [1], raw: '2024-01-01,,1' },
    ]);
  });

  it('reads numbers with a unit, texts in their zone, and identities', async () => {
    expect(await read('ts;v;trade\n1700000000,1;x\n'.replace(',', ';'), { delimiter: ';', unit: 's', id: 'trade' })).toEqual([
      ['one', 1700000000000, [1], expect.any(Number)],
    ]);
    const [row] = (await read('date,v\n2024-07-01 12:00,1\n', { time_zone: 'America/New_York' })) as [[string, number]];
    expect(row[1]).toBe(Date.UTC(2024, 6, 1, 16));
  });

  it('takes the other columns of numbers as values', () => {
    const path = file('time,city,a,b,c\n2024-01-01,Rome,1,,x\n2024-01-02,Oslo,2,3,4\n');
    expect(csv.build(csv.config.parse({ path }), context(folder)).channels).toEqual(['a', 'b']);
  });
});

describe('refusals', () => {
  it.each([
    ['time,value\n', { values: ['value'] }, 'SOURCE_NO_ROWS'],
    ['', { values: ['value'] }, 'SOURCE_NO_ROWS'],
    ['', {}, 'SOURCE_NO_ROWS'],
    ['time,value\n2024-01-01,1\n', { values: ['valeu'] }, 'SOURCE_COLUMN_MISSING'],
    ['when,value\n2024-01-01,1\n', {}, 'SOURCE_NO_TIME'],
    ['time,value\n1700000000,1\n', {}, 'SOURCE_NO_UNIT'],
    ['time,value\n1700000000,1\n', { unit: 'ms' }, 'SOURCE_TIME_UNIT'],
    ['time,value\n0024-01-01,1\n', {}, 'SOURCE_TIME_UNIT'],
    ['time,value\n2024-01-01,1\n2024-01-02,"2\n' + 'x\n'.repeat(700_000), { values: ['value'] }, 'CSV_DAMAGED'],
    ['time,value\n2024-01-01,"1', { values: ['value'] }, 'CSV_DAMAGED'],
    ['time,value\n2024-01-01,"1', {}, 'CSV_DAMAGED'],
    ['time,city\n2024-01-01,Rome\n', {}, 'SOURCE_NO_VALUES'],
  ])('refuses %j with %j: %s', async (text, config, code) => {
    await expect(read(text, config)).rejects.toMatchObject({ code });
  });

  it('refuses a file that is not there, and a position behind the end', async () => {
    await expect(read('time,value\n2024-01-01,1\n', { path: 'nowhere.csv' })).rejects.toMatchObject({
      code: 'SOURCE_FILE_MISSING',
    });
    await expect(read('time,value\n2024-01-01,1\n', {}, 2)).rejects.toMatchObject({ code: 'SOURCE_POSITION' });
  });
});
