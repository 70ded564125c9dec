/**
 * THE list of verbs: what each is called with, an example, and how it may end. Help, `docs/reference/cli.md` and a test read it.
 * The code of a verb is imported only when that verb is called.
 */
import { EXIT } from '../core/errors.ts';
import type { Terminal } from './terminal.ts';

/** Arguments and options as they were typed. */
export interface Call {
  readonly arguments: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** A verb's code; the number is the exit code. */
export type Verb = (call: Call, terminal: Terminal) => Promise<number>;

export interface VerbEntry {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** As commander writes them: `<file>`, `[file...]`. */
  readonly arguments?: readonly (readonly [name: string, what: string])[];
  readonly options: readonly (readonly [flags: string, what: string])[];
  readonly examples: readonly string[];
  /** Exit codes beside 0 and the ones of every verb. */
  readonly exits: readonly number[];
  readonly hidden?: true;
  load(): Promise<Verb>;
}

const JSON_OPTION = ['--json', 'print one JSON document instead of text'] as const;
const FILE = ['<file>', 'pipeline file (YAML)'] as const;

/** What each exit code means; a verb's help lists those that it can end with. */
export const EXIT_MEANINGS: Readonly<Record<number, string>> = {
  [EXIT.ok]: 'done',
  [EXIT.unexpected]: 'a test failed, or what was checked is not as it should be',
  [EXIT.usage]: 'wrong arguments',
  [EXIT.data]: 'the input is damaged or not what it claims to be',
  [EXIT.noInput]: 'a file is missing or cannot be read',
  [EXIT.unavailable]: 'a service cannot be reached',
  [EXIT.internal]: 'a bug in tidecast',
  [EXIT.cannotCreate]: 'an output cannot be created',
  [EXIT.io]: 'reading or writing failed, such as on a full disk',
  [EXIT.tryAgain]: 'another process works on the same state, or the run had to stop before everything was delivered',
  [EXIT.config]: 'the configuration is wrong, or does not fit the saved state',
  130: 'interrupted a second time: ended at once, at the last checkpoint',
};

const RUNNING = [EXIT.data, EXIT.noInput, EXIT.unavailable, EXIT.cannotCreate, EXIT.io, EXIT.config];

export const VERBS: readonly VerbEntry[] = [
  {
    name: 'run',
    summary:
      'Run a pipeline until its source ends or it is stopped; continue where the last run stopped. Of a learning file: train and judge its networks.',
    arguments: [FILE],
    options: [
      ['--fast', 'do not pace a recorded source; rows wait for each training, unless `retrain.swap` is asap'],
      ['--fresh', 'start over: drop the saved state of this pipeline'],
      JSON_OPTION,
    ],
    examples: [
      'tidecast run pipelines/taxi.yaml',
      'tidecast run pipelines/taxi.yaml --fast --fresh',
      'tidecast run pipelines/learn-addition.yaml',
    ],
    exits: [EXIT.unexpected, ...RUNNING, EXIT.tryAgain, 130],
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'backtest',
    summary: 'Replay a recorded source through the same line and report how good the forecasts were; sinks are not written to.',
    arguments: [FILE],
    options: [
      ['--source <file>', 'read this recording instead: an Arrow or CSV file, or a YAML file with a source section'],
      ['--from <time>', 'score from this event time on (ISO 8601)'],
      ['--to <time>', 'stop before this event time (ISO 8601)'],
      JSON_OPTION,
    ],
    examples: ['tidecast backtest pipelines/taxi.yaml', 'tidecast backtest pipelines/taxi.yaml --from 2014-10-01 --json'],
    exits: [...RUNNING, EXIT.tryAgain, 130],
    load: async () => (await import('./backtest.ts')).backtest,
  },
  {
    name: 'check',
    summary: 'Check a pipeline file and draw its line; nothing is run.',
    arguments: [FILE],
    options: [
      [
        '--live',
        'ask the servers of its ends whether they answer and let these credentials do what is needed; within 15 seconds',
      ],
      JSON_OPTION,
    ],
    examples: ['tidecast check pipelines/taxi.yaml', 'tidecast check pipelines/taxi.yaml --live'],
    exits: [EXIT.data, EXIT.noInput, EXIT.unavailable, EXIT.cannotCreate, EXIT.config],
    load: async () => (await import('./check.ts')).check,
  },
  {
    name: 'test',
    summary: 'Run the tests that stand beside pipelines: given rows in; expected bars, forecasts and refused ticks out.',
    arguments: [['[file...]', 'test files (default: every *.test.yaml below ./pipelines)']],
    options: [JSON_OPTION],
    examples: ['tidecast test', 'tidecast test pipelines/taxi.test.yaml'],
    exits: [EXIT.unexpected, EXIT.noInput, EXIT.config],
    load: async () => (await import('./test.ts')).test,
  },
  {
    name: 'list',
    summary: 'List the sources, sinks and forecasters.',
    options: [JSON_OPTION],
    examples: ['tidecast list'],
    exits: [],
    load: async () => (await import('./list.ts')).list,
  },
  {
    name: 'describe',
    summary: 'Describe a source, sink or forecaster: its fields, an example, what it guarantees.',
    arguments: [['<name>', 'name of a component, such as arrow, or sink/arrow where several kinds share it']],
    options: [JSON_OPTION],
    examples: ['tidecast describe recurrent', 'tidecast describe sink/arrow'],
    exits: [],
    load: async () => (await import('./describe.ts')).describe,
  },
  {
    name: 'inspect',
    summary: 'Look into a folder of saved state, or of a model.',
    arguments: [
      ['<what>', '`state` or `model`'],
      ['<path>', 'folder of the state, or of a model: one of those in `weights` of the state'],
    ],
    options: [JSON_OPTION],
    examples: ['tidecast inspect state .tidecast/taxi', 'tidecast inspect model .tidecast/taxi/weights/000001-0123456789ab'],
    exits: [EXIT.data, EXIT.noInput, EXIT.config],
    load: async () => (await import('./inspect.ts')).inspect,
  },
  {
    name: 'docs',
    summary: 'Write docs/reference and config/pipeline.schema.json anew.',
    options: [['--check', 'write nothing; fail if something is stale']],
    examples: ['tidecast docs'],
    exits: [EXIT.unexpected, EXIT.cannotCreate],
    hidden: true,
    load: async () => (await import('./docs.ts')).docs,
  },
];

/** Exit codes that every verb may end with. */
export const COMMON_EXITS: readonly number[] = [EXIT.ok, EXIT.usage, EXIT.internal];

/** What stands below the options in a verb's help. */
export function helpTail(verb: VerbEntry): string {
  const codes = [...new Set([...COMMON_EXITS, ...verb.exits])].sort((a, b) => a - b);
  const examples = verb.examples.map((example) => `  ${example}`);
  return [
    '',
    'Examples:',
    ...examples,
    '',
    'Exit codes:',
    ...codes.map((code) => `  ${String(code).padStart(`${codes.at(-1)}`.length)}  ${EXIT_MEANINGS[code]}`),
  ].join('\n');
}
