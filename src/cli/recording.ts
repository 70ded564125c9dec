/** What a backtest replays: the pipeline's own recording, or another in its place. */
import { dirname, resolve } from 'node:path';
import { finishLoading, loadPipeline, readPipelineFile, type LoadedSpec, type LoadOptions } from '../pipeline/load.ts';
import { pathKey, type ReadDocument } from '../pipeline/document.ts';
import { mergeValues } from '../pipeline/merge.ts';
import { FileError } from '../pipeline/problem.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Fields that mean the same in a live source and in a file, where they name what is in a message and not the message. */
const SAME = ['values', 'series', 'time', 'unit', 'time_zone', 'id', 'allow_any_time'] as const;
const OF_MESSAGES: readonly unknown[] = ['key', 'record'];

/**
 * Loads a pipeline for a backtest: without its sinks, and with `recording` (an Arrow or CSV file, or a YAML file with a source section) as its
 * source, and `over` laid over the rest. What the environment lacks for the parts that are left out does not matter.
 */
export function loadReplayed(file: string, options: LoadOptions, recording?: string, over: Fields = {}): LoadedSpec {
  const read = readPipelineFile(file, options);
  if (!isMap(read.value)) return loadPipeline(file, options);
  const value = read.value;
  const replaced =
    recording === undefined
      ? asItIs(value)
      : /\.ya?ml$/i.test(recording)
        ? fromSection(recording, options)
        : fromFile(value, recording);
  const left = new Set(['sinks', 'service', ...(recording === undefined ? [] : ['source', 'history'])]);
  const { sinks: _, service: __, source: ___, history, ...rest } = value;
  const changed = {
    ...(mergeValues(rest, over) as Fields),
    ...(replaced.source === undefined ? {} : { source: replaced.source }),
    ...(recording === undefined && history !== undefined ? { history } : {}),
  };
  return finishLoading(
    file,
    changed,
    {
      ...read,
      problems: read.problems.filter(({ line }) => !left.has(sectionAt(read, Object.keys(value), line))),
      fromEnvironment: new Map([...read.fromEnvironment, ...replaced.fromEnvironment]),
      locate: (path, what) => (path[0] === 'source' && replaced.locate ? replaced.locate(path, what) : read.locate(path, what)),
    },
    options,
  );
}

interface Replaced {
  readonly source: unknown;
  readonly fromEnvironment: ReadonlyMap<string, string>;
  readonly locate?: ReadDocument['locate'];
}

function asItIs({ source }: Fields): Replaced {
  return { source, fromEnvironment: new Map() };
}

function fromFile(spec: Fields, path: string): Replaced {
  return { source: recorded(spec['source'], path), fromEnvironment: new Map() };
}

/** The section of another file, itself or below `source`; its relative paths start at that file. */
function fromSection(path: string, options: LoadOptions): Replaced {
  const read = readPipelineFile(path, options);
  if (read.problems.length > 0) throw new FileError('SPEC_INVALID', read.problems);
  const below = isMap(read.value) && 'source' in read.value;
  const section = below ? (read.value as Fields)['source'] : read.value;
  const at = (given: unknown): unknown => (typeof given === 'string' ? resolve(dirname(path), given) : given);
  const moved =
    isMap(section) && section['path'] !== undefined
      ? { ...section, path: Array.isArray(section['path']) ? section['path'].map(at) : at(section['path']) }
      : section;
  return {
    source: moved,
    fromEnvironment: new Map(
      [...read.fromEnvironment].map(([key, shown]) => [below ? key : [pathKey(['source']), key].join('\0'), shown]),
    ),
    locate: (steps, what) => read.locate(below ? steps : steps.slice(1), what),
  };
}

/** A source section that reads a file: the given one where that reads the same kind of file, else one with the same columns. */
export function recorded(given: unknown, path: string): unknown {
  const type = /\.csv$/i.test(path) ? 'csv' : 'arrow';
  if (isMap(given) && given['type'] === type) return mergeValues(given, { path });
  return { type, path, ...columnsOf(given) };
}

/** The names of the columns, whether they stand in the section or in a map of it such as the decoder's. */
function columnsOf(given: unknown): Fields {
  if (!isMap(given)) return {};
  const holder = [given, ...Object.values(given).filter(isMap)].find((map) => Array.isArray(map['values'])) ?? given;
  const same = SAME.filter((name) => holder[name] !== undefined && !OF_MESSAGES.includes(holder[name]));
  return Object.fromEntries(same.map((name) => [name, holder[name]]));
}

/** The section in which a line of the file lies. */
function sectionAt(read: ReadDocument, keys: readonly string[], line: number): string {
  const before = keys.map((key) => ({ key, line: read.locate([key], 'key').line })).filter((each) => each.line <= line);
  return before.sort((a, b) => b.line - a.line)[0]?.key ?? '';
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
