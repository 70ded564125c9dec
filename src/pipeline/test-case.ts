/**
 * The tests that stand beside pipelines, `*.test.yaml`: rows given in their order of arrival; rows or bars, the forecasts' shape and
 * refused ticks expected.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import { REJECT_REASONS, type RejectReason } from '../core/batch.ts';
import type { ForecasterComponent } from '../forecast/forecaster.ts';
import { problemsOf } from './check.ts';
import type { Path, ReadDocument } from './document.ts';
import { FieldSchemas } from './field-schemas.ts';
import { text } from './fields.ts';
import { finishLoading, readPipelineFile, type LoadedSpec, type LoadOptions } from './load.ts';
import { mergeValues } from './merge.ts';
import { explain, FileError, type Problem } from './problem.ts';

/** Ticks of a case, in their order of arrival. */
export interface GivenRows {
  /** Names of the value columns. */
  readonly channels: readonly string[];
  readonly series: readonly string[];
  /** Epoch ms. */
  readonly times: readonly number[];
  readonly ids: readonly number[] | undefined;
  /** One list a row; NaN where the file says null. */
  readonly values: readonly (readonly number[])[];
}

/** What came out of the line. */
export interface Outcome {
  /** Rows that left the window station: bars, or ticks on `grid: rows`. */
  readonly bars: readonly OutcomeRow[];
  readonly forecasts: { readonly count: number; readonly horizon: number; readonly finite: boolean };
  readonly rejects: readonly { readonly series: string; readonly time: number; readonly reason: string }[];
}

export interface OutcomeRow {
  readonly series: string;
  readonly time: number;
  readonly values: readonly number[];
}

/** Runs a pipeline over given rows in place of its source, with no sink; provided by `run.ts`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
export type RunRows = (spec: LoadedSpec, rows: GivenRows, forecasters?: readonly ForecasterComponent<any>[]) => Promise<Outcome>;

/** One case, ready to run. */
export interface TestCase {
  readonly name: string;
  readonly spec: LoadedSpec;
  readonly given: GivenRows;
  readonly expect: Expectation;
  /** Where the case stands in its file. */
  readonly read: ReadDocument;
  readonly path: Path;
}

const instantField = () =>
  z
    .union([z.string(), z.number()], { error: 'must be a time such as 2024-01-01T00:00:00Z, or epoch milliseconds' })
    .transform((written, context) => {
      const ms = typeof written === 'number' ? written : readTime(written);
      if (!Number.isFinite(ms))
        context.issues.push({
          code: 'custom',
          message: 'must be a time such as 2024-01-01T00:00:00Z, or epoch milliseconds',
          input: written,
          params: { echo: true },
        });
      return ms;
    });

const cellField = () =>
  z.union([z.number(), z.null(), z.nan()], { error: 'must be a number, or null' }).transform((cell) => cell ?? NaN);
const seriesField = () => z.union([z.string(), z.number()], { error: 'must be the name of a series' }).transform(String);
const MOST_ROWS = 100_000;

const EXPECT = z.strictObject({
  rows: z
    .array(z.tuple([seriesField(), instantField()], cellField()))
    .max(MOST_ROWS)
    .optional()
    .describe('Rows that leave the window station: `[series, time, values...]`.'),
  bars: z
    .array(z.tuple([seriesField(), instantField()], cellField()))
    .max(MOST_ROWS)
    .optional()
    .describe('The same, by the name that suits bars.'),
  forecasts: z
    .strictObject({
      count: z.int().min(0).optional().describe('Rows that forecasts were issued at.'),
      horizon: z.int().min(1).optional().describe('Steps ahead of each.'),
      finite: z.boolean().optional().describe('Whether every mean and quantile is finite.'),
    })
    .optional()
    .describe('Number and shape of the forecasts.'),
  rejects: z
    .array(z.tuple([seriesField(), instantField(), z.enum(Object.keys(REJECT_REASONS) as [RejectReason, ...RejectReason[]])]))
    .max(MOST_ROWS)
    .optional()
    .describe('Refused ticks: `[series, time, reason]`.'),
});

export type Expectation = z.output<typeof EXPECT>;

const FILE = z.strictObject({
  pipeline: text(4096).describe('The pipeline file, relative to this one.'),
  cases: z
    .array(
      z.strictObject({
        name: text(200).describe('What the case shows, as a sentence.'),
        override: z
          .record(z.string(), z.unknown())
          .optional()
          .describe('Laid over the pipeline before it is checked, field by field.'),
        given: z.strictObject({
          columns: z.array(text(200)).min(2).max(64).describe('`time`, one or more channels, and perhaps `series` and `id`.'),
          rows: z
            .array(z.array(z.union([z.string(), z.number(), z.null(), z.nan()], { error: 'must be text, a number or null' })))
            .max(MOST_ROWS)
            .describe('Ticks in their order of arrival.'),
        }),
        expect: EXPECT.describe('What must come out; what is left out is not looked at.'),
      }),
    )
    .min(1)
    .max(1000)
    .describe('The cases, each run on a line of its own.'),
});

/** Reads a test file and the pipelines of its cases; throws a {@link FileError} with every problem. */
export function loadTests(file: string, options: LoadOptions): TestCase[] {
  const read = readPipelineFile(file, options);
  const parsed = FILE.safeParse(read.value, { error: explain });
  const problems: Problem[] = [...read.problems];
  if (read.value === null)
    problems.push({ ...read.locate([]), message: 'the file is empty: a test needs `pipeline` and `cases`' });
  else if (!parsed.success && read.value !== undefined)
    problems.push(...problemsOf(parsed.error, read.value, read, new FieldSchemas(caseSchema)));
  if (!parsed.success || problems.length > 0) throw new FileError('TEST_INVALID', problems);

  const { pipeline, cases } = parsed.data;
  const pipelineFile = resolve(file, '..', pipeline);
  const pipelineRead = readPipelineFile(pipelineFile, options);
  if (pipelineRead.value === undefined) throw new FileError('SPEC_INVALID', pipelineRead.problems);
  const loaded = cases.map((each, i): TestCase | undefined => {
    const path = ['cases', i] as const;
    const before = problems.length;
    const given = givenRows(each.given, (at, message) => problems.push({ ...read.locate([...path, 'given', ...at]), message }));
    const overridden = overlay(pipelineRead, read, [...path, 'override']);
    try {
      const spec = finishLoading(pipelineFile, mergeValues(pipelineRead.value, each.override), overridden, options);
      return problems.length > before ? undefined : { name: each.name, spec, given, expect: each.expect, read, path };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  });
  if (problems.length > 0) throw new FileError('TEST_INVALID', unique(problems));
  return loaded as TestCase[];
}

/** Places of a pipeline with something laid over it: what the overlay says stands there. */
function overlay(under: ReadDocument, over: ReadDocument, at: Path): ReadDocument {
  const fromEnvironment = new Map([...under.fromEnvironment, ...over.fromEnvironment]);
  return {
    ...under,
    fromEnvironment,
    locate: (path, what) =>
      path.length > 0 && over.has([...at, ...path]) ? over.locate([...at, ...path], what) : under.locate(path, what),
  };
}

function unique(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
}

function givenRows(
  { columns, rows }: { columns: string[]; rows: (string | number | null)[][] },
  complain: (at: Path, message: string) => void,
): GivenRows {
  const at = (name: string) => columns.indexOf(name);
  const [time, series, id] = [at('time'), at('series'), at('id')];
  if (time < 0) complain(['columns'], 'one of the columns must be `time`');
  columns.forEach((name, i) => {
    if (columns.indexOf(name) < i) complain(['columns', i], `the column ${name} is given twice`);
  });
  const places = columns.flatMap((name, i) => (['time', 'series', 'id'].includes(name) ? [] : [i]));
  rows.forEach((row, i) => {
    if (row.length !== columns.length)
      complain(['rows', i], `the row has ${row.length} entries, there are ${columns.length} columns`);
    else
      for (const c of places)
        if (typeof row[c] === 'string')
          complain(['rows', i, c], `${columns[c]} must be a number or null, is ${JSON.stringify(row[c]).slice(0, 60)}`);
    if (time >= 0 && typeof row[time] === 'string' && !Number.isFinite(readTime(row[time])))
      complain(['rows', i, time], 'must be a time such as 2024-01-01T00:00:00Z, or epoch milliseconds');
  });
  return {
    channels: places.map((i) => columns[i]!),
    series: rows.map((row) => (series < 0 ? '' : String(row[series] ?? ''))),
    times: rows.map((row) => (typeof row[time] === 'string' ? readTime(row[time]) : (row[time] ?? NaN))),
    ids: id < 0 ? undefined : rows.map((row) => Number(row[id] ?? NaN)),
    values: rows.map((row) => places.map((i) => (typeof row[i] === 'number' ? row[i] : NaN))),
  };
}

/** Epoch ms of an ISO 8601 time, UTC where it names no zone; NaN for anything else. */
export function readTime(written: string): number {
  if (!/^\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:?\d\d)?)?$/.test(written)) return NaN;
  const zoned = /T/.test(written) && !/(Z|[+-]\d\d:?\d\d)$/.test(written) ? `${written}Z` : written;
  return Date.parse(zoned.replace(' ', 'T'));
}

/** The JSON Schema of a test file. */
export function caseSchema(): Record<string, unknown> {
  return z.toJSONSchema(FILE, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>;
}
