/**
 * THE list of verbs: what each is called with, an example, and how it may end. Help, `docs/reference/cli.md` and a test read it.
 * The code of a verb is imported only when that verb is called. It is long, because it is one list.
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
      ['--out <folder>', 'of a learning file: save each trained network below this folder, in one of its own'],
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
    arguments: [['<file...>', 'pipeline files (YAML); several run in parallel, with the results that each has alone']],
    options: [
      ['--source <file>', 'read this recording instead: an Arrow or CSV file, or a YAML file with a source section'],
      ['--from <time>', 'score from this event time on (ISO 8601)'],
      ['--to <time>', 'stop before this event time (ISO 8601)'],
      ['--warmup <rows>', 'rows of each series that are not scored; in place of `forecast.warmup`'],
      ['--stride <rows>', 'score the forecasts of every so many rows of a series only'],
      [
        '--folds <number>',
        'cut the recording into one stretch more than this; score each but the first by a backtest of its own that begins anew, several in parallel, with the same bits on any number of threads',
      ],
      ['--past <duration>', 'with `--folds`: how long before its stretch a fold begins, such as 60d (default: at the first row)'],
      ['--threads <number>', 'threads for folds or for several pipelines (default: one a core)'],
      ['--horizon <rows>', 'steps ahead; in place of `forecast.horizon`'],
      ['--gap <duration>', 'event time from a training to the first row under its weights; in place of `retrain.lag`'],
      [
        '--out <folder>',
        'write `forecasts.arrow` (a row a forecast), `summary.json`, and the report as `report.html`, `.md`, `.json`; a folder a pipeline where there are several',
      ],
      JSON_OPTION,
    ],
    examples: [
      'tidecast backtest pipelines/taxi.yaml --out out/taxi-backtest',
      'tidecast backtest pipelines/taxi.yaml --from 2014-10-01 --json',
      'tidecast backtest pipelines/taxi.yaml pipelines/trades.yaml --out out/both',
      'tidecast backtest pipelines/taxi.yaml --folds 3 --past 70d',
    ],
    exits: [...RUNNING, EXIT.tryAgain, 130],
    load: async () => (await import('./backtest.ts')).backtest,
  },
  {
    name: 'train',
    summary:
      'Train on the rows of a recording and write one model, which runs begin with: `forecast.weights: FOLDER`. Reads the pipeline’s `history`, or else its source; sinks and state are not touched.',
    arguments: [FILE],
    options: [
      ['--out <folder>', 'where the model is written; the folder must not exist yet'],
      ['--source <file>', 'read this recording instead: an Arrow or CSV file, or a YAML file with a source section'],
      ['--to <time>', 'learn from rows before this event time only (ISO 8601)'],
      JSON_OPTION,
    ],
    examples: [
      'tidecast train pipelines/taxi.yaml --out out/taxi-model --to 2014-12-01',
      'tidecast train pipelines/kafka-to-influx.yaml --source last-year.arrow --out out/trades-model',
    ],
    exits: [...RUNNING, EXIT.tryAgain, 130],
    load: async () => (await import('./train.ts')).train,
  },
  {
    name: 'compare',
    summary:
      'Compare two results of `backtest --out`, forecast by forecast: which is better, or that no difference can be shown.',
    arguments: [
      ['<a>', 'a folder of `backtest --out`, or the `forecasts.arrow` in it'],
      ['<b>', 'another'],
    ],
    options: [JSON_OPTION],
    examples: ['tidecast compare out/taxi-backtest out/taxi-without-network'],
    exits: [EXIT.data, EXIT.noInput],
    load: async () => (await import('./compare.ts')).compare,
  },
  {
    name: 'leaks',
    summary: 'Change the future of a recording in several ways and prove that no earlier forecast moves, to the bit.',
    arguments: [FILE],
    options: [
      ['--source <file>', 'read this recording instead: an Arrow or CSV file, or a YAML file with a source section'],
      ['--to <time>', 'stop before this event time (ISO 8601)'],
      ['--cuts <number>', 'moments after which the future is changed (default: 3)'],
      JSON_OPTION,
    ],
    examples: ['tidecast leaks pipelines/taxi.yaml', 'tidecast leaks pipelines/taxi.yaml --to 2014-09-01 --cuts 5'],
    exits: [EXIT.unexpected, ...RUNNING, 130],
    load: async () => (await import('./leaks.ts')).leaks,
  },
  {
    name: 'check',
    summary: 'Check a pipeline file and the model that it begins with, and draw its line; nothing is run.',
    arguments: [FILE],
    options: [
      [
        '--live',
        'ask the servers of its ends whether they answer and let these credentials do what is needed; within 15 seconds',
      ],
      [
        '--seasons',
        'look for seasons in its history, or else in the warm-up rows of its source (in all where there are none), and tell what a pipeline that names none would find',
      ],
      JSON_OPTION,
    ],
    examples: [
      'tidecast check pipelines/taxi.yaml',
      'tidecast check pipelines/taxi.yaml --live',
      'tidecast check pipelines/taxi.yaml --seasons',
    ],
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
    summary:
      'Look into a folder of saved state, or of a model: of a network also how far back its error reaches, how long an input is felt, what its units do, and when training clipped.',
    arguments: [
      ['<what>', '`state` or `model`'],
      ['<path>', 'folder of the state, or of a model: one of those in `weights` of the state, or a network saved by `run --out`'],
    ],
    options: [
      [
        '--data <file>',
        'of a network that was saved by `run --out`: the learning file, whose sequences and loss are looked at; default: seeded random rows, and a random direction of the last output',
      ],
      ['--out <folder>', 'of a network: draw `gradient.svg`, `impulse.svg`, `hidden.svg` and `clipping.svg`'],
      JSON_OPTION,
    ],
    examples: [
      'tidecast inspect state .tidecast/taxi',
      'tidecast inspect model .tidecast/taxi/weights/000001-0123456789ab --out out/taxi-network',
      'tidecast inspect model out/memory/lstm --data pipelines/learn-memory.yaml',
    ],
    exits: [EXIT.data, EXIT.noInput, EXIT.cannotCreate, EXIT.config],
    load: async () => (await import('./inspect.ts')).inspect,
  },
  {
    name: 'scenario',
    summary:
      'Draw paths of each series from the state of a pipeline: its forecast rolled forward on what it draws, with the calibrated quantiles of each step up to the horizon. The state is only read.',
    arguments: [FILE],
    options: [
      ['--steps <rows>', 'length of the paths (default: `forecast.horizon`)'],
      ['--paths <number>', 'paths of each series (default: 200)'],
      ['--seed <number>', 'seed of the draws (default: that of the pipeline)'],
      ['--series <name>', 'this series only'],
      ['--out <folder>', 'draw a fan of each series as SVG'],
      ['--json', 'print one JSON document, with every path, instead of text'],
    ],
    examples: ['tidecast scenario pipelines/taxi.yaml --steps 48', 'tidecast scenario pipelines/taxi.yaml --paths 1000 --json'],
    exits: [EXIT.data, EXIT.noInput, EXIT.cannotCreate, EXIT.config],
    load: async () => (await import('./scenario.ts')).scenario,
  },
  {
    name: 'generate',
    summary:
      'Write text with a saved network of characters, each that it draws being what it reads next; of an encoder and decoder: what it answers to a text.',
    arguments: [['<model>', 'folder of a network that `run --out` of a learning file such as char-lm saved']],
    options: [
      [
        '--prompt <text>',
        'what it goes on from (default: a line break, or its first character where it knows none), or answers to',
      ],
      ['--length <characters>', 'characters that are written (default: 500)'],
      ['--temperature <number>', 'below 1 the likelier are drawn more often; 0: always the likeliest (default: 1)'],
      ['--seed <number>', 'seed of the draws (default: 1)'],
      ['--beam <width>', 'of an encoder and decoder: answers that are followed side by side (default: 3)'],
      JSON_OPTION,
    ],
    examples: [
      'tidecast generate out/char-lm/lstm --length 1000',
      'tidecast generate out/dates/taught --prompt "3 march 2021"',
      'tidecast generate out/char-lm/lstm --prompt "In the beginning" --temperature 0.7',
    ],
    exits: [EXIT.data, EXIT.noInput],
    load: async () => (await import('./generate.ts')).generate,
  },
  {
    name: 'models',
    summary:
      'List the versions of a pipeline’s weights, how good they were, and who took over when; or go back to an earlier version.',
    arguments: [
      ['<what>', 'pipeline file (YAML), or `rollback`'],
      ['[file]', 'after `rollback`: the pipeline file; a run takes it up at its next checkpoint, or when it is started'],
    ],
    options: [['--to <version>', 'with `rollback`: the version to go back to (default: the one before the newest)'], JSON_OPTION],
    examples: ['tidecast models pipelines/taxi.yaml', 'tidecast models rollback pipelines/taxi.yaml --to 3'],
    exits: [EXIT.data, EXIT.noInput, EXIT.cannotCreate, EXIT.io, EXIT.config],
    load: async () => (await import('./models.ts')).models,
  },
  {
    name: 'export',
    summary:
      'Write a trained network for other programs: a Keras model, or an ONNX file of one step with its state as input and output.',
    arguments: [
      ['<model>', 'folder of a model: one of those in `weights` of a state folder'],
      ['<out>', 'folder (keras) or file (onnx) to write; it must not exist yet'],
    ],
    options: [
      [
        '--to <format>',
        'keras: `model.json` and weights, which Keras 2 and TensorFlow.js read (its layers know no GRU with reset after); onnx: opset 17',
      ],
      JSON_OPTION,
    ],
    examples: [
      'tidecast export .tidecast/taxi/weights/000001-0123456789ab taxi-keras --to keras',
      'tidecast export .tidecast/taxi/weights/000001-0123456789ab taxi.onnx --to onnx',
    ],
    exits: [EXIT.data, EXIT.noInput, EXIT.cannotCreate, EXIT.config],
    load: async () => (await import('./convert.ts')).exportModel,
  },
  {
    name: 'import',
    summary: 'Take over a Keras model: SimpleRNN, GRU or LSTM layers of one size below a Dense layer.',
    arguments: [
      [
        '<model>',
        'folder with `model.json` and its weights, as `tensorflowjs_converter --output_format tfjs_layers_model` writes it',
      ],
      [
        '<out>',
        'folder to write: a model for `forecast.weights`, where its sizes are those of the network; it must not exist yet',
      ],
    ],
    options: [JSON_OPTION],
    examples: ['tidecast import taxi-keras taxi-model'],
    exits: [EXIT.data, EXIT.noInput, EXIT.cannotCreate, EXIT.config],
    load: async () => (await import('./convert.ts')).importModel,
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
