/**
 * Makes the bundled Arrow files from the CSV files of the Numenta Anomaly Benchmark.
 *
 *   node pipelines/data/make.mjs FOLDER/nyc_taxi.csv [more CSV files]
 *
 * Each becomes `<name>.arrow` beside this script: `timestamp` (timestamp[ms] without a zone, as the CSV has it) and `value` (float64),
 * rows in the order of the CSV.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Field, Float64, RecordBatch, RecordBatchFileWriter, Schema, Struct, TimestampMillisecond, makeData } from 'apache-arrow';

const paths = process.argv.slice(2);
if (paths.length === 0) {
  process.stderr.write('usage: node pipelines/data/make.mjs FILE.csv ...\n');
  process.exit(64);
}

for (const path of paths) {
  const [header, ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  if (header !== 'timestamp,value') throw new Error(`${path}: expected the columns timestamp,value, found ${header}`);
  const rows = lines.map((line) => line.split(','));
  const times = BigInt64Array.from(rows, ([time]) => BigInt(Date.parse(`${time.replace(' ', 'T')}Z`)));
  const values = Float64Array.from(rows, ([, value]) => Number(value));
  if (values.some((value) => !Number.isFinite(value))) throw new Error(`${path}: a value is not a number`);
  const schema = new Schema([
    new Field('timestamp', new TimestampMillisecond(), false),
    new Field('value', new Float64(), false),
  ]);
  const children = [
    makeData({ type: schema.fields[0].type, length: times.length, nullCount: 0, data: times }),
    makeData({ type: schema.fields[1].type, length: times.length, nullCount: 0, data: values }),
  ];
  const batch = new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: times.length, nullCount: 0, children }),
  );
  const writer = new RecordBatchFileWriter();
  writer.write(batch);
  writer.finish();
  const out = join(import.meta.dirname, `${basename(path, '.csv')}.arrow`);
  writeFileSync(out, writer.toUint8Array(true));
  process.stdout.write(`${out}: ${times.length} rows\n`);
}
