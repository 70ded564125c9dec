import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import arrow from '../../connectors/arrow-source.ts';
import { TableWriter } from '../../connectors/formats/arrow-table.ts';
import type { SourceBatch } from '../../src/core/batch.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { context, testSource } from '../contract/source.ts';

export const FIXTURES = new URL('../fixtures/arrow/', import.meta.url).pathname;
const expected = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as Record<
  string,
  Record<string, (number | string | null)[]>
>;
const temporary = mkdtempSync(join(tmpdir(), 'tidecast-arrow-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));

function make(config: Record<string, unknown>, folder = FIXTURES) {
  return arrow.build(arrow.config.parse(config), context(folder));
}

async function batches(config: Record<string, unknown>, from?: number, folder = FIXTURES): Promise<SourceBatch[]> {
  const source = make(config, folder);
  const found: SourceBatch[] = [];
  try {
    for await (const batch of source.read(from === undefined ? undefined : { '0': from }, new AbortController().signal))
      found.push(batch);
  } finally {
    await source.close();
  }
  return found;
}

async function rows(config: Record<string, unknown>, from?: number, folder = FIXTURES) {
  const all = await batches(config, from, folder);
  return {
    times: all.flatMap(({ times }) => [...times]),
    series: all.flatMap(({ series, codes }) => Array.from(codes, (code) => series[code]!)),
    channels: Array.from({ length: all[0]?.channels.length ?? 0 }, (_, c) => all.flatMap(({ channels }) => [...channels[c]!])),
    ids: all.flatMap(({ ids }) => [...(ids ?? [])]),
    offsets: all.flatMap(({ offsets }) => [...offsets]),
    rejects: all.flatMap(({ rejects }) => rejects ?? []),
  };
}

async function refusal(config: Record<string, unknown>, folder = FIXTURES): Promise<TidecastError> {
  const error: unknown = await rows(config, undefined, folder).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TidecastError);
  return error as TidecastError;
}

const orNaN = (values: readonly (number | string | null)[]) => values.map((value) => (value === null ? NaN : value));

/** 400,000 rows of 40 series in blocks, one series after the other. */
async function writeLarge(): Promise<string> {
  const path = join(temporary, 'large.arrow');
  const table = new TableWriter(
    await import('apache-arrow'),
    `${path}.partial`,
    { time: 'time', series: 'name', value: 'float64' },
    new Map(),
  );
  for (let row = 0; row < 400_000; row++) {
    const { ints, floats, rows } = table.block;
    floats['time']![rows] = 1_700_000_000_000 + (row % 10_000) * 1000;
    ints['series']![rows] = table.code('series', `s${Math.floor(row / 10_000)}`);
    floats['value']![rows] = row;
    table.block.rows++;
  }
  await table.finish(path);
  return path;
}

const largePath = await writeLarge();

testSource({
  component: arrow,
  title: 'file, compressed',
  folder: FIXTURES,
  config: () => ({ path: 'pandas-category.arrow' }),
  large: () => ({ path: largePath }),
  rows: 1000,
});
testSource({ component: arrow, title: 'stream', folder: FIXTURES, config: () => ({ path: 'pyarrow-lz4.arrows' }), rows: 1000 });
testSource({
  component: arrow,
  title: 'several files',
  folder: FIXTURES,
  config: () => ({ path: 'pandas-*.arrow' }),
  rows: 4000,
});
testSource({
  component: arrow,
  title: 'merged',
  folder: FIXTURES,
  config: () => ({ path: ['by-series.arrow', 'pandas-zstd.arrow'], values: ['value'], order: 'merge' }),
  large: () => ({ path: largePath, order: 'merge' }),
  rows: 1200,
});

describe('row 36: every way to write a column', () => {
  it.each(Object.keys(expected['times']!))('reads the time column %s', async (time) => {
    const unit = /^(int|uint32|float)_/.test(time) ? time.split('_')[1] : undefined;
    const found = await rows({ path: 'times.arrow', time, unit, values: ['value'] });
    expect(found.times).toEqual(orNaN(expected['times']![time]!));
    expect(found.series).toEqual(Array(6).fill('times'));
  });

  it.each(Object.keys(expected['numbers']!))('reads the value column %s', async (name) => {
    const found = await rows({ path: 'numbers.arrow', values: [name] });
    expect(found.channels[0]).toEqual(orNaN(expected['numbers']![name]!));
  });

  it('takes every numeric column that is nothing else as a value', async () => {
    expect(make({ path: 'numbers.arrow' }).channels).toEqual(Object.keys(expected['numbers']!));
    expect(make({ path: 'numbers.arrow', id: 'i8' }).channels).not.toContain('i8');
  });

  it('reads a column without a type as missing values', async () => {
    expect((await rows({ path: 'numbers.arrow', values: ['no_value'] })).channels[0]).toEqual(Array(5).fill(NaN));
  });

  it.each(Object.keys(expected['series']!))('reads the series column %s and rejects rows without a name', async (series) => {
    const names = expected['series']![series]!;
    const found = await rows({ path: 'series.arrow', series, values: ['value'] });
    expect(found.series).toEqual(names.filter((name) => name !== null));
    expect(found.offsets).toEqual(names.flatMap((name, i) => (name === null ? [] : [i])));
    expect(found.rejects).toEqual([{ partition: 0, offset: 3, reason: 'no-series', time: 1700000003000, values: [3] }]);
  });

  it('reads identities from numbers and texts', async () => {
    const numeric = await rows({ path: 'series.arrow', name: 's', id: 'int64', values: ['value'] });
    expect(numeric.ids[0]).toBe(1);
    expect(numeric.ids[1]).not.toBe(numeric.ids[2]);
    expect(numeric.ids[3]).toBeNaN();
    for (const id of ['utf8', 'view', 'dict32']) {
      const { ids } = await rows({ path: 'series.arrow', name: 's', id, values: ['value'] });
      expect(ids[0]).toBe(ids[4]);
      expect(new Set(ids).size).toBe(6);
      expect(ids.every((each) => Number.isNaN(each) || Number.isSafeInteger(each))).toBe(true);
    }
  });

  it.each([
    'pandas-default',
    'pandas-category',
    'pandas-zstd',
    'pandas-plain',
    'pyarrow-default',
    'pyarrow-lz4',
    'pyarrow-plain',
    'polars-default',
    'polars-lz4',
    'polars-zstd',
    'polars-categorical',
    'polars-stream',
  ])('reads what %s wrote', async (name) => {
    const found = await rows({
      path: `${name}.arrow${/lz4$|plain$|stream$/.test(name) && /^pyarrow|stream$/.test(name) ? 's' : ''}`,
      values: ['value', 'count'],
    });
    expect(found.times).toEqual(Array.from({ length: 1000 }, (_, i) => 1700000000000 + i * 60000));
    expect(found.series).toEqual(
      Array.from({ length: 1000 }, (_, i) => (i % 3 ? `sensor-${i % 7}` : `a longer sensor name ${i % 7}`)),
    );
    expect(found.channels[0]).toEqual(Array.from({ length: 1000 }, (_, i) => (i % 11 === 0 ? NaN : i * 0.5)));
    expect(found.channels[1]).toEqual(Array.from({ length: 1000 }, (_, i) => i * 1000));
  });

  it.each(Object.keys(expected['dictionaries']!))('follows the dictionaries of %s', async (path) => {
    const names = expected['dictionaries']![path]!;
    expect((await rows({ path })).series).toEqual(names.filter((name) => name !== null));
    for (let from = 0; from < names.length; from++)
      expect((await rows({ path }, from)).series).toEqual(names.slice(from).filter((name) => name !== null));
  });

  it.each(['other-types.arrow', 'other-types-lz4.arrow'])('skips columns of every other type: %s', async (path) => {
    const found = await rows({ path, values: ['value'] });
    expect(found.times).toEqual([0, 1, 2, 3].map((i) => 1700000000000 + i * 1000));
    expect(found.channels[0]).toEqual([1, NaN, 3, 4]);
    expect((await rows({ path, series: 'view', values: ['value'] })).series).toEqual(Array(4).fill('a text view that is long'));
  });

  it('reads slices with shifted null bits, and record batches without rows', async () => {
    const found = await rows({ path: 'slices.arrow' });
    const wanted = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
    expect(found.channels[0]).toEqual(wanted.map((i) => (i % 3 === 0 ? NaN : i)));
  });
});

describe('row 36: times', () => {
  it('reads naive times in their zone, and leaves times with a zone alone', async () => {
    const utc = await rows({ path: 'times.arrow', time: 'ms', values: ['value'] });
    const berlin = await rows({ path: 'times.arrow', time: 'ms', values: ['value'], time_zone: 'Europe/Berlin' });
    expect(berlin.times[0]! - utc.times[0]!).toBe(-3_600_000);
    const zoned = await rows({ path: 'times.arrow', time: 'tz', values: ['value'], time_zone: 'Europe/Berlin' });
    expect(zoned.times).toEqual(utc.times);
  });

  it('refuses times in a wrong unit and names the likely one', async () => {
    const seconds = await refusal({ path: 'times.arrow', time: 'int_s', unit: 'ms', values: ['value'] });
    expect(seconds.code).toBe('SOURCE_TIME_UNIT');
    expect(seconds.facts).toMatchObject({ read_as: 'ms', likely: 's', first: '1970-01-20T16:13:20.000Z' });
    expect((await refusal({ path: 'times.arrow', time: 'int_ns', unit: 'us', values: ['value'] })).facts).toMatchObject({
      likely: 'ns',
    });
    const allowed = await rows({ path: 'times.arrow', time: 'int_s', unit: 'ms', values: ['value'], allow_any_time: true });
    expect(allowed.times[0]).toBe(1700000000);
  });

  it.each([
    [{ path: 'times.arrow', time: 'int_s' }, 'SOURCE_NO_UNIT', 'unit: s'],
    [{ path: 'times.arrow', time: 'flag' }, 'SOURCE_COLUMN_TYPE', 'type: bool'],
    [{ path: 'times.arrow', time: 'words' }, 'SOURCE_COLUMN_TYPE', 'type: text'],
    [{ path: 'times.arrow' }, 'SOURCE_NO_TIME', 'columns: s ms us'],
    [{ path: 'numbers.arrow', values: ['flag'] }, 'SOURCE_COLUMN_TYPE', 'type: bool'],
    [{ path: 'numbers.arrow', values: ['f664'] }, 'SOURCE_COLUMN_MISSING', 'nearest: f64'],
    [{ path: 'numbers.arrow', series: 'f64' }, 'SOURCE_COLUMN_TYPE', 'use: series'],
    [{ path: 'numbers.arrow', id: 'nothing' }, 'SOURCE_COLUMN_MISSING', 'column: nothing'],
    [{ path: 'no-rows.arrow' }, 'SOURCE_NO_ROWS', 'no-rows.arrow'],
    [{ path: 'no-batches.arrow' }, 'SOURCE_NO_ROWS', 'no-batches.arrow'],
    [{ path: 'nowhere.arrow' }, 'SOURCE_FILE_MISSING', 'nowhere.arrow'],
    [{ path: 'nowhere-*.arrow' }, 'SOURCE_FILE_MISSING', 'nowhere-*'],
    [{ path: '.' }, 'SOURCE_FILE_UNREADABLE', ''],
    [{ path: 'slices.arrow', expect_rows: 13 }, 'SOURCE_ROWS', 'rows: 14'],
    [{ path: 'times.arrow', time: 'words', values: ['value'] }, 'SOURCE_COLUMN_TYPE', 'timestamp'],
  ])('refuses %j: %s', async (config, code, text) => {
    const error = await refusal(config);
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
  });
});

describe('order: merge', () => {
  it('merges a file that is sorted by series, and resumes at every offset (row 37)', async () => {
    const config = { path: 'by-series.arrow', order: 'merge' };
    const all = await rows(config);
    expect(all.times).toEqual([...all.times].sort((a, b) => a - b));
    expect(all.series.slice(0, 6)).toEqual(['s0', 's1', 's2', 's3', 's4', 's0']);
    expect(all.channels[0]!.map((value) => value % 1000)).toEqual(Array.from({ length: 200 }, (_, i) => Math.floor(i / 5)));
    for (let from = 0; from <= 200; from++) {
      const rest = await rows(config, from);
      expect(rest.channels[0] ?? []).toEqual(all.channels[0]!.slice(from));
      expect(rest.series).toEqual(all.series.slice(from));
      expect(rest.offsets).toEqual(all.offsets.slice(from));
    }
  });

  it('merges several files and keeps rows without a time beside their neighbours', async () => {
    const all = await rows({ path: ['slices.arrow', 'by-series.arrow'], order: 'merge', values: ['value'] });
    expect(all.times).toHaveLength(214);
    expect(all.times).toEqual([...all.times].sort((a, b) => a - b));
    expect(new Set(all.series)).toEqual(new Set(['slices', 's0', 's1', 's2', 's3', 's4']));
    const nulls = await rows({ path: 'times.arrow', time: 'ms', values: ['value'], order: 'merge' });
    expect(nulls.channels[0]).toEqual([5, 1, 2, 3, 4, 6]);
  });
});

describe('rows 34 and 35: files that are cut or foreign', () => {
  it.each([
    ['nothing.arrow', '', 'ARROW_FOREIGN', 'empty'],
    ['table.arrow', 'time,value\n2024-01-01,1\n', 'ARROW_FOREIGN', 'text starting with'],
    ['page.arrow', '<!DOCTYPE html><html></html>', 'ARROW_FOREIGN', 'HTML'],
    ['parquet.arrow', 'PAR1aaaaaaaaaaPAR1', 'ARROW_FOREIGN', 'Parquet'],
    ['old.arrow', 'FEA1aaaaaaaaaaFEA1', 'ARROW_FOREIGN', 'Feather version 1'],
    ['magic.arrow', 'ARROW1', 'ARROW_TRUNCATED', ''],
    ['magics.arrow', 'ARROW1\0\0ARROW1', 'ARROW_TRUNCATED', ''],
    ['part.arrow', 'ARR', 'ARROW_TRUNCATED', 'only 3 bytes'],
  ])('refuses %s', async (name, text, code, problem) => {
    writeFileSync(join(temporary, name), text);
    for (const values of [undefined, ['value']]) {
      const error = await refusal({ path: name, values }, temporary);
      expect(error.code).toBe(code);
      expect(error.message).toContain(problem);
      expect(error.message).toContain(name);
    }
  });

  it.each(['pandas-category.arrow', 'polars-default.arrow', 'pyarrow-lz4.arrows', 'pyarrow-plain.arrows'])(
    'row 34: refuses %s cut anywhere, before its first row',
    async (name) => {
      const bytes = readFileSync(join(FIXTURES, name));
      const path = join(temporary, `cut-${name}`);
      const places = new Set<number>();
      for (let at = 0; at < bytes.length; at += 64) places.add(at);
      for (let at = 0; at < bytes.length - 4; at += 4)
        if (bytes.readInt32LE(at) === -1) for (const near of [-1, 0, 1, 4, 8]) places.add(Math.max(0, at + near));
      for (let back = 1; back < 20; back++) places.add(bytes.length - back);
      for (const at of places) {
        if (at >= bytes.length) continue;
        writeFileSync(path, bytes.subarray(0, at));
        const error = await refusal({ path, values: ['value'] });
        expect(error.code, `cut at ${at}`).toMatch(at === 0 ? /^ARROW_FOREIGN$/ : /^ARROW_(TRUNCATED|DAMAGED)$/);
      }
    },
  );

  it('row 35: accepts a stream without its end mark only with the expected number of rows', async () => {
    const bytes = readFileSync(join(FIXTURES, 'pyarrow-plain.arrows'));
    writeFileSync(join(temporary, 'no-end.arrows'), bytes.subarray(0, bytes.length - 8));
    const error = await refusal({ path: 'no-end.arrows' }, temporary);
    expect(error.message).toContain('the stream has no end mark, rows: 1000');
    expect((await rows({ path: 'no-end.arrows', expect_rows: 1000 }, undefined, temporary)).times).toHaveLength(1000);
    expect((await refusal({ path: 'no-end.arrows', expect_rows: 1300 }, temporary)).code).toBe('SOURCE_ROWS');
  });

  it(
    'row 34: a flipped bit anywhere is refused as damage or read as a value, never slow, never fewer rows',
    { timeout: 60_000 },
    async () => {
      const codes = new Map<string, number>();
      for (const name of ['pandas-category.arrow', 'delta-dictionaries.arrows', 'polars-zstd.arrow', 'series.arrow']) {
        const bytes = readFileSync(join(FIXTURES, name));
        const path = join(temporary, `flip-${name}`);
        const config = name === 'series.arrow' ? { path, series: 'view', values: ['value'] } : { path };
        writeFileSync(path, bytes);
        const intact = await rows(config);
        const whole = intact.times.length + intact.rejects.length;
        let seed = 1;
        for (let round = 0; round < 250; round++) {
          seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
          const copy = Buffer.from(bytes);
          const bit = seed % (bytes.length * 8);
          copy[bit >> 3]! ^= 1 << (bit & 7);
          writeFileSync(path, copy);
          const started = performance.now();
          try {
            const found = await rows(config);
            expect(found.times.length + found.rejects.length, `bit ${bit} of ${name}`).toBe(whole);
            codes.set('read', (codes.get('read') ?? 0) + 1);
          } catch (error) {
            if (!(error instanceof TidecastError)) throw new Error(`bit ${bit} of ${name}: ${String(error)}`, { cause: error });
            codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
          }
          expect(performance.now() - started, `bit ${bit} of ${name}`).toBeLessThan(1000);
        }
      }
      expect(codes.get('ARROW_DAMAGED')).toBeGreaterThan(50);
    },
  );

  it('row 34: damage in a later record batch is reported with its number, after the rows before it', async () => {
    const bytes = readFileSync(join(FIXTURES, 'pandas-category.arrow'));
    const frames: number[] = [];
    for (let at = 0; at < bytes.length - 4; at++) if (bytes.readUInt32LE(at) === 0x184d2204) frames.push(at);
    const path = join(temporary, 'damaged-body.arrow');
    // the last compressed buffer belongs to the last record batch
    bytes.fill(0xff, frames.at(-1)!, frames.at(-1)! + 24);
    writeFileSync(path, bytes);
    const source = make({ path });
    let seen = 0;
    const read = async () => {
      for await (const batch of source.read(undefined, new AbortController().signal)) seen += batch.times.length;
    };
    await expect(read()).rejects.toMatchObject({ code: 'ARROW_DAMAGED', facts: { batch: 3, first_row: 900 } });
    expect(seen).toBe(900);
    await source.close();
  });
});
