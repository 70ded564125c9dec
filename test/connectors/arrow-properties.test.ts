import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Dictionary,
  Field,
  Float64,
  Int32,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimestampMillisecond,
  Utf8,
  makeData,
  vectorFromArray,
  type Vector,
} from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import arrow from '../../connectors/arrow-source.ts';
import { collect, context } from '../contract/source.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-arrow-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Row {
  readonly time: number;
  readonly series: string;
  readonly value: number | null;
}

/** Writes rows with apache-arrow, in record batches of the given lengths. */
function write(
  path: string,
  rows: readonly Row[],
  lengths: readonly number[],
  form: 'file' | 'stream',
  dictionary: boolean,
): void {
  const text = dictionary ? new Dictionary(new Utf8(), new Int32(), 0) : new Utf8();
  const schema = new Schema([
    new Field('time', new TimestampMillisecond(), false),
    new Field('series', text, false),
    new Field('value', new Float64(), true),
  ]);
  const names = dictionary
    ? vectorFromArray(
        rows.map((row) => row.series),
        text as Dictionary,
      )
    : undefined;
  const writer = form === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter();
  writer.reset(undefined, schema);
  let at = 0;
  for (const length of [...lengths, rows.length]) {
    const part = rows.slice(at, at + length);
    const column = (vector: Vector) => vector.data[0]!;
    const children = [
      makeData({
        type: new TimestampMillisecond(),
        length: part.length,
        nullCount: 0,
        data: BigInt64Array.from(part, (row) => BigInt(row.time)),
      }),
      names
        ? column(names.slice(at, at + part.length))
        : column(
            vectorFromArray(
              part.map((row) => row.series),
              new Utf8(),
            ),
          ),
      part.length > 0
        ? column(
            vectorFromArray(
              part.map((row) => row.value),
              new Float64(),
            ),
          )
        : makeData({ type: new Float64() }),
    ];
    at += part.length;
    if (part.length > 0)
      writer.write(
        new RecordBatch(
          schema,
          makeData({ type: new Struct(schema.fields), length: part.length, nullCount: 0, children: children as never }) as never,
        ),
      );
  }
  writer.finish();
  writeFileSync(path, writer.toUint8Array(true));
}

const table = fc.array(
  fc.record({
    time: fc.integer({ min: 1.5e12, max: 1.5e12 + 50 }),
    series: fc.string({ unit: 'grapheme', maxLength: 20 }),
    value: fc.option(fc.double({ noNaN: true })),
  }),
  { minLength: 1, maxLength: 60 },
);
const shape = fc.record({
  lengths: fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 6 }),
  form: fc.constantFrom('file' as const, 'stream' as const),
  dictionary: fc.boolean(),
});

async function read(config: Record<string, unknown>, from?: number) {
  const source = arrow.build(arrow.config.parse({ values: ['value'], ...config }), context(folder));
  try {
    return (await collect(source, from === undefined ? undefined : { '0': from }, Infinity)).map(({ offset, content }) => [
      offset,
      ...(content as unknown[]).slice(0, 3),
    ]);
  } finally {
    await source.close();
  }
}

const wanted = ({ time, series, value }: Row, offset: number) => [offset, Buffer.from(series).toString(), time, [value ?? NaN]];

describe('random tables', () => {
  it('are read back as they were written, from every offset (row 37)', async () => {
    await fc.assert(
      fc.asyncProperty(table, shape, fc.nat(), async (rows, { lengths, form, dictionary }, start) => {
        write(join(folder, 'random.arrow'), rows, lengths, form, dictionary);
        expect(await read({ path: 'random.arrow' })).toEqual(rows.map(wanted));
        const from = start % (rows.length + 1);
        expect(await read({ path: 'random.arrow' }, from)).toEqual(rows.map(wanted).slice(from));
      }),
      { numRuns: 150 },
    );
  });

  it('are merged by time as a stable sort would, from every offset (row 37)', async () => {
    await fc.assert(
      fc.asyncProperty(table, table, shape, fc.nat(), async (first, second, { lengths, form, dictionary }, start) => {
        write(join(folder, 'a.arrow'), first, lengths, form, dictionary);
        write(join(folder, 'b.arrow'), second, [], 'file', !dictionary);
        const sorted = [...first, ...second].sort((a, b) => a.time - b.time).map(wanted);
        const config = { path: ['a.arrow', 'b.arrow'], order: 'merge' };
        expect(await read(config)).toEqual(sorted);
        const from = start % (sorted.length + 1);
        expect(await read(config, from)).toEqual(sorted.slice(from));
      }),
      { numRuns: 100 },
    );
  });
});
