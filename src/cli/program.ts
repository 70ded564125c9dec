/** From words typed to a verb, and from whatever happens to an exit code. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { EXIT } from '../core/errors.ts';
import { report } from './failure.ts';
import type { Terminal } from './terminal.ts';
import { helpTail, VERBS, type VerbEntry } from './verbs.ts';

/** Runs one call of `tidecast` and gives its exit code. */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = EXIT.ok;
  const program = build(terminal, async (verb, call) => {
    const run = await verb.load();
    code = await run(call, terminal);
  });
  try {
    if (words.length === 0) {
      program.outputHelp();
      return EXIT.usage;
    }
    await program.parseAsync([...words], { from: 'user' });
    return code;
  } catch (error) {
    // commander has already printed its one line, or the help or version that was asked for
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return report(error, terminal, words.includes('--json'));
  }
}

type Invoke = (verb: VerbEntry, call: { arguments: string[]; options: Record<string, string | boolean> }) => Promise<void>;

/** The command tree; also what the reference page of the command line is made from. */
export function build(terminal: Pick<Terminal, 'out' | 'err' | 'width'>, invoke: Invoke): Command {
  const program = new Command('tidecast')
    .description('A forecaster that lives inside the stream.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExamples:\n  tidecast run pipelines/taxi.yaml\n  tidecast run --help\n\nEvery verb has its own --help with examples and exit codes.',
    );
  settle(program, terminal);
  for (const verb of VERBS) {
    const command = program
      .command(verb.name, { hidden: verb.hidden ?? false })
      .description(verb.summary)
      .helpOption('-h, --help', 'print this help');
    for (const [name, what] of verb.arguments ?? []) command.argument(name, what);
    for (const [flags, what] of verb.options) command.option(flags, what);
    command.addHelpText('after', helpTail(verb)).allowExcessArguments(false);
    settle(command, terminal);
    command.action(async () => {
      await invoke(verb, {
        arguments: command.processedArgs.flat().filter((word) => word !== undefined) as string[],
        options: command.opts(),
      });
    });
  }
  return program;
}

function settle(command: Command, terminal: Pick<Terminal, 'out' | 'err' | 'width'>): void {
  command
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => terminal.out(text.replace(/\n$/, '')),
      writeErr: (text) => terminal.err(text.replace(/\n$/, '')),
      getOutHelpWidth: () => Math.min(terminal.width(), 110),
      getErrHelpWidth: () => Math.min(terminal.width(), 110),
      outputError: (text, write) => {
        const line = text
          .trim()
          .replace(/^error: /, '')
          .replace(/\n/g, ' ');
        const where = command.parent ? `tidecast ${command.name()}` : 'tidecast';
        write(`${where}: ${line} (see \`${where} --help\`)\n`);
      },
    });
}

/** The version of this package. */
export function version(): string {
  // package.json lies above src/ when run from the sources, and above dist/src/ when built
  for (const up of ['../../', '../../../']) {
    try {
      const found = JSON.parse(readFileSync(new URL(`${up}package.json`, import.meta.url), 'utf8')) as {
        name: string;
        version: string;
      };
      if (found.name === 'tidecast') return found.version;
    } catch {
      // not here: one level further up
    }
  }
  return 'unknown';
}
