/** Station 0: a pipeline file becomes a checked spec, or every fault in it with its line. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import { checkSpec, type PipelineComponents } from './check.ts';
import { MAX_BYTES, readDocument, type ReadDocument } from './document.ts';
import type { Environment } from './environment.ts';
import { FileError } from './problem.ts';
import type { Spec } from './spec.ts';

/** A spec and where it came from. */
export interface LoadedSpec extends Spec {
  /** Absolute path of the file. */
  readonly file: string;
  /** Its folder: relative paths in the spec start here. */
  readonly folder: string;
}

export interface LoadOptions extends PipelineComponents {
  /** Values for `${NAME}`; the process's own when left out. */
  readonly env?: Environment;
  /** Messages name files relative to this folder. Default: the working directory. */
  readonly from?: string;
  /** Changes the file's value before it is checked. */
  readonly override?: (value: unknown) => unknown;
}

/** Reads and checks a pipeline file. Throws `SPEC_UNREADABLE`, or a {@link FileError} with every problem (`SPEC_INVALID`). */
export function loadPipeline(file: string, options: LoadOptions): LoadedSpec {
  const read = readPipelineFile(file, options);
  if (read.value === undefined && read.problems.length > 0) throw new FileError('SPEC_INVALID', read.problems);
  return finishLoading(file, options.override ? options.override(read.value) : read.value, read, options);
}

/** Checks a value that was read from a pipeline file, perhaps with something laid over it. */
export function finishLoading(file: string, value: unknown, read: ReadDocument, options: LoadOptions): LoadedSpec {
  const path = resolve(file);
  const { spec, problems } = checkSpec(
    value,
    { file: path, fromEnvironment: read.fromEnvironment, locate: read.locate },
    options,
  );
  // where reading failed already, what the checks say of the same place is only its echo
  const all = [
    ...read.problems,
    ...problems.filter((each) => !read.problems.some((known) => known.line === each.line && known.column === each.column)),
  ];
  if (!spec || all.length > 0) throw new FileError('SPEC_INVALID', all);
  return { ...spec, file: path, folder: dirname(path) };
}

/** Reads a YAML file of ours; `code` is for one that cannot be read at all. */
export function readPipelineFile(file: string, options: Pick<LoadOptions, 'env' | 'from'> = {}): ReadDocument {
  const shown = relative(options.from ?? process.cwd(), resolve(file)) || file;
  let source: string;
  try {
    const { size } = statSync(file);
    source = size > MAX_BYTES ? ' '.repeat(MAX_BYTES + 1) : readFileSync(file, 'utf8');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new TidecastError('SPEC_UNREADABLE', { file: shown, reason }, { cause });
  }
  return readDocument(shown, source, options.env ?? process.env);
}
