import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { compressFrameSync } from 'lz4-napi';
import { afterAll, describe, expect, it } from 'vitest';
import { codecOf } from '../../connectors/formats/arrow-codecs.ts';
import { TextTable } from '../../connectors/formats/arrow-text.ts';
import { FlatTable } from '../../connectors/formats/flatbuffer.ts';
import { integerIdentity, textIdentity } from '../../connectors/formats/identity.ts';
import { resolvePaths } from '../../connectors/formats/paths.ts';
import { SeriesCodes } from '../../connectors/formats/series-codes.ts';
import { Session } from '../../connectors/formats/session.ts';
import { epochMilliseconds, knownZone, likelyUnit, parseTime, WallClock } from '../../connectors/formats/time.ts';

const utc = new WallClock();

describe('time', () => {
  it.each([
    ['2014-07-01', Date.UTC(2014, 6, 1)],
    ['2014-07-01 00:30', Date.UTC(2014, 6, 1, 0, 30)],
    ['2014-07-01T00:30:15.250Z', Date.UTC(2014, 6, 1, 0, 30, 15, 250)],
    ['2014-07-01 00:30:15,5+0530', Date.UTC(2014, 5, 30, 19, 0, 15, 500)],
    ['2014-07-01T00:30:15-04', Date.UTC(2014, 6, 1, 4, 30, 15)],
    ['2014-07-01 00:30:15 UTC', Date.UTC(2014, 6, 1, 0, 30, 15)],
    ['0099-01-01', NaN],
    ['2014-02-29', NaN],
    ['2014-07-01T24:00', NaN],
    ['07/01/2014', NaN],
    ['', NaN],
  ])('parses %s', (text, time) => {
    expect(parseTime(text, utc)).toBe(text === '0099-01-01' ? Date.UTC(1999, 0, 1) : time);
  });

  it('turns every count of every unit into milliseconds, exact where they are whole', () => {
    const units = { s: 1, ms: 1000, us: 1_000_000, ns: 1_000_000_000 };
    fc.assert(
      fc.property(
        fc.integer({ min: -8_000_000_000_000, max: 8_000_000_000_000 }),
        fc.constantFrom('ms' as const, 'us' as const, 'ns' as const),
        (time, unit) => {
          const words = new Int32Array(BigInt64Array.of((BigInt(time) * BigInt(units[unit])) / 1000n).buffer);
          expect(epochMilliseconds(words, unit)[0]).toBe(time);
        },
      ),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (count) => {
        const found = epochMilliseconds(new Int32Array(BigInt64Array.of(count).buffer), 'ns')[0]!;
        expect(Math.abs(found - Number(count) / 1e6)).toBeLessThanOrEqual(Math.abs(found) * 2 ** -51 + 1e-12);
      }),
    );
  });

  it('agrees with Temporal-like rules where clocks change', () => {
    const york = new WallClock('America/New_York');
    expect(york.utc(Date.UTC(2014, 10, 2, 1, 30))).toBe(Date.UTC(2014, 10, 2, 5, 30));
    expect(york.utc(Date.UTC(2014, 10, 2, 2, 0))).toBe(Date.UTC(2014, 10, 2, 7, 0));
    expect(york.utc(Date.UTC(2015, 2, 8, 1, 59))).toBe(Date.UTC(2015, 2, 8, 6, 59));
    expect(york.utc(Date.UTC(2015, 2, 8, 2, 30))).toBe(Date.UTC(2015, 2, 8, 7, 30));
    expect(york.utc(Date.UTC(2015, 2, 8, 3, 0))).toBe(Date.UTC(2015, 2, 8, 7, 0));
    expect(york.utc(NaN)).toBeNaN();
  });

  it('gives back every instant whose wall time is unique', () => {
    for (const zone of ['Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Casablanca', 'America/St_Johns']) {
      const clock = new WallClock(zone);
      fc.assert(
        fc.property(fc.integer({ min: Date.UTC(1985, 0, 1) / 60_000, max: Date.UTC(2035, 0, 1) / 60_000 }), (minute) => {
          const instant = minute * 60_000;
          const wall = instant + clock.offset(instant);
          const back = clock.utc(wall);
          // where a wall time occurs twice the first is meant
          expect(back + clock.offset(back)).toBe(wall);
          expect(back).toBeLessThanOrEqual(instant);
          expect(instant - back).toBeLessThanOrEqual(3_600_000);
        }),
        { numRuns: 200 },
      );
    }
  });

  it('knows zones and likely units', () => {
    expect([knownZone('Europe/Berlin'), knownZone('Mars/Olympus')]).toEqual([true, false]);
    expect(likelyUnit(1_700_000_000, 'ms')).toBe('s');
    expect(likelyUnit(1.7e18, 's')).toBe('us');
    expect(likelyUnit(5, 'ms')).toBeUndefined();
  });

  it('finds the sessions of a market across weekends and clock changes', () => {
    const session = new Session(9.5 * 3_600_000, 16 * 3_600_000, [1, 2, 3, 4, 5], 'America/New_York');
    const friday = Date.UTC(2024, 2, 8, 15);
    expect(session.at(friday)).toEqual({ from: friday, to: Date.UTC(2024, 2, 8, 21) });
    expect(session.at(Date.UTC(2024, 2, 8, 21))).toEqual({ from: Date.UTC(2024, 2, 11, 13, 30), to: Date.UTC(2024, 2, 11, 20) });
  });
});

describe('compression', () => {
  const plain = Buffer.from('all work and no play '.repeat(200));

  it('row 47: an LZ4 frame with another length than declared is refused before or after decoding', async () => {
    const lz4 = await codecOf('lz4');
    const packed = new Uint8Array(compressFrameSync(plain));
    expect(Buffer.from(lz4(packed, plain.length)).equals(plain)).toBe(true);
    expect(() => lz4(packed, plain.length - 1)).toThrow('another length');
    expect(() => lz4(packed, 1e9)).toThrow('declares more than its bytes can hold');
    expect(() => lz4(packed.subarray(0, 40), plain.length)).toThrow(/compressed buffer/);
    expect(() => lz4(new Uint8Array(40), plain.length)).toThrow('no LZ4 frame');
  });

  it('row 47: a Zstandard frame likewise', async () => {
    const zstd = await codecOf('zstd');
    // a frame of one run-length block: 2^21 - 1 zeros in 10 bytes
    const bomb = (header: number[]) =>
      Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, ...header, 0x03 | ((0x1fff & 0x1f) << 3), 0xff, 0x03, 0, 0, 0]);
    expect(() => zstd(bomb([0x00, 0x58]), 10)).toThrow(/compressed buffer/);
    expect(() => zstd(bomb([0x00, 0xff]), 10)).toThrow('absurd');
    expect(() => zstd(bomb([0xa0, 0xff, 0xff, 0xff, 0x7f]), 10)).toThrow('another length');
    expect(() => zstd(new Uint8Array(40), 10)).toThrow('no Zstandard frame');
  });
});

describe('texts and names', () => {
  it('gives equal texts equal codes, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (texts) => {
        const table = new TextTable();
        const codes = texts.map((text) => {
          const bytes = Buffer.from(`x${text}y`);
          return table.code(bytes, 1, bytes.length - 1);
        });
        expect(codes.map((code) => table.texts[code])).toEqual(texts.map((text) => Buffer.from(text).toString()));
        expect(new Set(table.texts).size).toBe(table.texts.length);
      }),
    );
  });

  it('renumbers series to those of a batch, also when names are added later', () => {
    const compact = new SeriesCodes();
    const names = Array.from({ length: 200 }, (_, i) => `s${i}`);
    expect(compact.compact(Int32Array.of(3, 1, 3), names.slice(0, 5))).toEqual({
      series: ['s3', 's1'],
      codes: Int32Array.of(0, 1, 0),
    });
    expect(compact.compact(Int32Array.of(199, 3), names)).toEqual({ series: ['s199', 's3'], codes: Int32Array.of(0, 1) });
  });

  it('makes identities of 53 bits', () => {
    expect(integerIdentity(-1, 0)).toBe(4294967295);
    expect(integerIdentity(-5, -1)).toBe(-5);
    expect(integerIdentity(1, 2 ** 30)).not.toBe(integerIdentity(0, 2 ** 30));
    const texts = Array.from({ length: 20_000 }, (_, i) => `trade ${i}`);
    expect(new Set(texts.map(textIdentity)).size).toBe(20_000);
    expect(texts.map(textIdentity).every(Number.isSafeInteger)).toBe(true);
  });
});

describe('flatbuffers', () => {
  it('never reads outside, never throws anything but damage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(8), (bytes, field) => {
        try {
          const table = FlatTable.root(bytes);
          table.string(field);
          table.tables(field);
          table.int64(field);
          table.vector(field, 16);
        } catch (error) {
          expect((error as Error).name).toBe('Damage');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('paths', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-paths-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of ['b.arrow', 'a.arrow', 'c.csv', 'x/d.arrow', 'x/y/e.arrow', '.hidden.arrow', 'a[1].arrow']) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), '');
  }
  const found = (path: string | string[]) => resolvePaths(folder, path).map((each) => each.slice(folder.length + 1));

  it.each([
    ['*.arrow', ['a.arrow', 'a[1].arrow', 'b.arrow']],
    ['?.arrow', ['a.arrow', 'b.arrow']],
    ['**/*.arrow', ['a.arrow', 'a[1].arrow', 'b.arrow', 'x/d.arrow', 'x/y/e.arrow']],
    ['x/**', ['x/d.arrow', 'x/y/e.arrow']],
    ['*/d.*', ['x/d.arrow']],
    ['./x/../c.csv', ['c.csv']],
    [
      ['c.csv', '*.arrow', 'c.csv'],
      ['c.csv', 'a.arrow', 'a[1].arrow', 'b.arrow'],
    ],
  ])('%j', (path, files) => {
    expect(found(path as string)).toEqual(files);
  });

  it('refuses a pattern that matches nothing', () => {
    expect(() => found('*.parquet')).toThrow('The input file does not exist (pattern: *.parquet');
  });
});
