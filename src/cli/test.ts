/** `tidecast test`: runs the tests beside pipelines. */
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { EXIT, TidecastError } from '../core/errors.ts';
import { written, type Problem } from '../pipeline/problem.ts';
import { loadTests, type TestCase } from '../pipeline/test-case.ts';
import { verify } from '../pipeline/verify.ts';
import { printable } from './cell.ts';
import { COMPONENTS } from './components.ts';
import type { RunRows } from '../pipeline/test-case.ts';
import { runRows } from '../pipeline/run-rows.ts';
import type { Terminal } from './terminal.ts';
import type { Verb } from './verbs.ts';

interface Tested {
  readonly file: string;
  readonly name: string;
  readonly problems: readonly Problem[];
}

export const test: Verb = async ({ arguments: words, options }, terminal) => {
  const files =
    words.length > 0 ? words.map((word) => resolve(terminal.folder, word)) : testFiles(join(terminal.folder, 'pipelines'));
  if (files.length === 0) throw new TidecastError('CLI_USAGE', { problem: 'there is no *.test.yaml below ./pipelines' });
  // every file is read before the first case runs: a slip in the last one should not take minutes to show
  const cases = files.flatMap((file) =>
    loadTests(file, { ...COMPONENTS, env: terminal.env, from: terminal.folder }).map((each) => ({
      file: relative(terminal.folder, file),
      each,
    })),
  );
  const tested: Tested[] = [];
  for (const { file, each } of cases) {
    const result = { file, name: each.name, problems: await runCase(each, runRows) };
    tested.push(result);
    if (!options['json']) tell(result, terminal);
  }
  const failed = tested.filter(({ problems }) => problems.length > 0).length;
  if (options['json'])
    terminal.out(JSON.stringify({ ok: failed === 0, passed: tested.length - failed, failed, cases: tested }, null, 2));
  else terminal.out(`\n${tested.length - failed} passed, ${failed} failed`);
  return failed === 0 ? EXIT.ok : EXIT.unexpected;
};

/** An error of the line is a difference as well, told at the case. */
async function runCase(each: TestCase, runRows: RunRows): Promise<Problem[]> {
  try {
    return verify(each, await runRows(each.spec, each.given, COMPONENTS.forecasters));
  } catch (error) {
    if (!(error instanceof TidecastError) || error.code === 'INTERNAL') throw error;
    return [{ ...each.read.locate(each.path), message: `${error.code}: ${error.message}` }];
  }
}

function tell({ file, name, problems }: Tested, terminal: Terminal): void {
  const { paint } = terminal;
  terminal.out(`${problems.length === 0 ? paint('green', 'ok  ') : paint('red', 'FAIL')} ${printable(file)}: ${printable(name)}`);
  for (const problem of problems) terminal.out(`     ${written(problem)}`);
}

/** Every test file below a folder, in order of name. */
function testFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.test\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
