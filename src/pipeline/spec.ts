/**
 * THE pipeline file: every field, its type, default and bounds. The rules between fields are in rules.ts.
 *
 * Keys stay as they are written (snake_case); durations are milliseconds once parsed. From these schemas come the checks, the
 * defaults, `config/pipeline.schema.json` and `docs/reference/pipeline.md`.
 */
import { z } from 'zod';
import { addressField, between, count, label, positive, seasonsField, span, spanOrNever, text, wordOrNumber } from './fields.ts';
import { DRIFT } from './drift-section.ts';
import { part, partSchema, type Described, type Part } from './part.ts';
import { shadowSection } from './shadow-section.ts';
import { barsField, daysField, dateField, timeOfDayField, timeZoneField } from './time-fields.ts';

const CLEAN = z.strictObject({
  lateness: span({ max: 366 * 86_400_000 })
    .prefault('0s')
    .describe('How much older than the newest tick of its series a tick may be; later ones are dead-lettered.'),
  duplicates: z
    .enum(['keep', 'first'])
    .optional()
    .describe('Ticks of the same series, time and id: keep all, or the first. Default: keep where bars follow, else first.'),
  max_jump: positive(1e308).optional().describe('Refuse a value that moves by more than this from the last accepted one.'),
  jump_patience: count(1, 1_000_000).default(3).describe('After this many refused values in a row the new level is believed.'),
  max_ahead: span({ min: 1 }).optional().describe('Refuse a tick further ahead of the newest time of its source than this.'),
});

const SESSION = z.strictObject({
  days: daysField()
    .prefault('mon-fri')
    .describe('Days on which the market is open: `mon-fri`, or a list: `[mon, wed, sat-sun]`.'),
  open: timeOfDayField().describe('Opening time in the time zone of the window, `HH:MM`.'),
  close: timeOfDayField().describe('Closing time, `HH:MM` up to `24:00`; at or before `open` it is on the next day.'),
  time_zone: timeZoneField().optional().describe('Time zone of these hours. Default: that of the window.'),
  holidays: z.array(dateField()).max(10_000).default([]).describe('Dates on which the market is closed, `YYYY-MM-DD`.'),
});

const GAPS = z.strictObject({
  policy: z
    .enum(['forward-fill', 'mask', 'reset'])
    .optional()
    .describe(
      'A missing row: repeat the last value, leave it out and tell the elapsed time, or start the state anew. Default: forward-fill for bars, mask for `grid: rows`.',
    ),
  limit: count(1, 1_000_000).default(12).describe('Rows in a row that are filled in at most; a longer gap resets the state.'),
});

const WINDOW = z.strictObject({
  grid: z
    .union([z.literal('rows'), span({ min: 1, max: 366 * 86_400_000 })], { error: 'must be `rows` or a duration such as 5m' })
    .default('rows')
    .describe('`rows`: step h is the h-th next row of the series. A duration: ticks become bars of that length.'),
  interval: span({ min: 1, max: 366 * 86_400_000 })
    .optional()
    .describe('Time between rows. Needed with `grid: rows`; with bars it is their length, or `slide`.'),
  slide: span({ min: 1, max: 366 * 86_400_000 })
    .optional()
    .describe('A new bar starts every so often, so bars overlap. It divides `grid`.'),
  time_zone: timeZoneField()
    .default('UTC')
    .describe('Time zone of the calendar inputs, of days and of the session, as in the IANA data base.'),
  session: SESSION.optional().describe('Market hours: outside of them there are no rows, and no gaps.'),
  bars: barsField()
    .optional()
    .describe('Bars by name: how a bar is made of a channel, `close: last price`. Default: the last value of every channel.'),
  gaps: GAPS.prefault({}).describe('What to do where rows are missing.'),
  ring: count(1, 1_000_000).default(8192).describe('Raw rows kept for each series: what lags, seasons and training read.'),
});

const RETRAIN = z.strictObject({
  every: spanOrNever({ min: 1000 })
    .optional()
    .describe(
      'Event time between two trainings; `never`: no training. Default: it is looked every 250 intervals whether the longest series has 120 rows, and then whether it has grown by a quarter, by 250 rows at least and by 1,000 at most.',
    ),
  lag: span().prefault('0s').describe('New weights apply to rows later than the trigger plus this; shorter than `every`.'),
  drift: DRIFT.prefault({}).describe(
    'Trains early, at one of 16 moments from one training to the next, when series have left what they were like.',
  ),
  swap: z
    .enum(['asap', 'exact'])
    .optional()
    .describe(
      '`exact`: rows wait for weights that are due. `asap`: they never wait. Default: asap for live and paced sources, exact for recordings that are not paced, `--fast` and backtests.',
    ),
  rows: count(8, 1_000_000).optional().describe('Newest rows of each series that are trained on. Default: `window.ring`.'),
  holdout: between(0.01, 0.5).default(0.15).describe('Share of the newest rows that is held out to judge the new weights.'),
  epochs: count(1, 1000).default(12).describe('Passes over the rows; up to four times as many at first and over few rows.'),
  batch: count(1, 4096).default(8).describe('Sequences trained side by side.'),
  steps: count(1, 10_000).default(48).describe('Rows that the error is carried back through (truncated BPTT).'),
  burn_in: count(0, 10_000).default(48).describe('Rows before a sequence that only warm up the state.'),
  learning_rate: positive(1).default(0.01).describe('Step size of Adam.'),
  weight_decay: between(0, 1).default(0.5).describe('Decoupled weight decay; over more than 2,000 rows less in proportion.'),
  clip: positive(1e6).default(1).describe('The gradient is clipped to this global norm.'),
  loss: z
    .enum(['huber', 'absolute', 'squared'])
    .default('huber')
    .describe('Loss of the mean, in scaled space; quantiles always have the pinball loss.'),
  max_seconds: between(1, 86_400).default(600).describe('A training that takes longer is stopped; the old weights stay.'),
});

const STATE = z.strictObject({
  path: text(4096)
    .optional()
    .describe(
      'Folder of the checkpoints, relative to this file. Default: `.tidecast/<name>` beside this file, or beside its folder where that is called `pipelines`.',
    ),
  checkpoint: span({ min: 10, max: 86_400_000 }).prefault('10s').describe('Wall time between two checkpoints.'),
  shared: z
    .boolean()
    .default(false)
    .describe(
      'Several processes of one group on this machine share the folder: state is kept for each partition, which goes from one process to the next. The weights then stay as they are.',
    ),
  max_lanes: count(1, 10_000_000)
    .default(1_000_000)
    .describe('Series in memory at most; ticks of further ones are dead-lettered.'),
  time_to_live: span({ min: 1 })
    .optional()
    .describe('A series without ticks for this long (event time) is spilled to disk and comes back exactly.'),
});

const REPLAY = z.strictObject({
  rows_per_second: positive(1e9).describe('Pace of a source that ends; `--fast` drops it.'),
});

const SERVICE = z.strictObject({
  http: addressField()
    .optional()
    .describe(
      'Where `/health`, `/ready` and `/metrics` are served: `host:port`, or a port of 127.0.0.1; port 0 is any free one. Absent: nowhere.',
    ),
  ready_within: span({ min: 1000, max: 86_400_000 })
    .prefault('60s')
    .describe('`/ready` turns red when nothing went forward for this long (wall time).'),
  stop_within: span({ min: 100, max: 86_400_000 })
    .prefault('20s')
    .describe('After being asked to stop, the run ends within this time, whatever the sinks do (wall time).'),
  log: z
    .enum(['off', 'error', 'warn', 'info', 'debug'])
    .default('off')
    .describe('Log to standard error as lines of JSON, from this level up. `off`: plain lines for people instead.'),
});

const NAME = z
  .string()
  .max(64)
  .regex(/^[a-z0-9][a-z0-9-]*$/, { error: 'must be lower-case letters, digits and hyphens' });

/** The lists of components that a file may name. The command line passes them in; nothing below it imports connectors. */
export interface Components {
  readonly sources: readonly Described[];
  readonly sinks: readonly Described[];
  readonly forecasters: readonly Described[];
}

/** The sections of a pipeline file by name, each with its schema. */
export function sections({ sources, sinks, forecasters }: Components) {
  return {
    name: NAME.optional().describe('Name of the pipeline, in outputs and paths. Default: the name of the file.'),
    seed: count(0, 4_294_967_295).default(1).describe('Seed of every random draw.'),
    source: part('source', sources).describe('Where ticks come from.'),
    history: part('source', sources)
      .optional()
      .describe(
        'A source that ends, read once before the first row of `source`: the line learns from it and delivers nothing of it. `backtest` reads it in place of a source that does not end.',
      ),
    clean: CLEAN.prefault({}).describe('Order, duplicates and implausible values.'),
    window: WINDOW.prefault({}).describe('From ticks to rows on the grid of a series.'),
    forecast: z
      .strictObject({
        targets: z
          .array(label())
          .min(1)
          .max(64)
          .optional()
          .describe('Channels or bars that are forecast; the others are inputs of the recurrent network. Default: the first.'),
        horizon: count(1, 1000).default(1).describe('Steps ahead.'),
        quantiles: z
          .array(z.number().gt(0).lt(1))
          .min(1)
          .max(99)
          .default([0.025, 0.1, 0.5, 0.9, 0.975])
          .describe('Levels of the quantiles, ascending. The mixture combines the quantiles of its models, a level at a time.'),
        season: seasonsField('auto')
          .optional()
          .describe(
            'Rows in a season, or a list of such; the first is the main one. `none`: there is none. Default: before the line begins they are looked for in rows that are not scored: those of `history`, or else those of a source that ends before `warmup` is over (in a backtest also those before `--from`; in `train` all). Without a history and a warm-up the first 30 % of the rows are looked at, at most 1,000 of a series; where they show a season they become the warm-up and are not scored (`none` scores all). With `weights` they are those of the model, and a saved state goes on with its own. Where the source does not end and there is no history, and with `state.shared: true`, nothing is looked for, there is no season, and a line says so. `auto`: the same, but it is an error where nothing can be looked for, and where there is neither a history nor a warm-up.',
          ),
        known_ahead: z
          .record(label(), count(1, 10_000))
          .optional()
          .describe(
            'Inputs that are known for the future, such as prices or planned holidays, each with a number of rows, at least `horizon`: a row holds the value of the row so many rows later. Where that is missing, the last one told goes on. `ridge`, `boosted` and `recurrent` read them at the moment forecast for.',
          ),
        attributes: z
          .record(text(200), z.record(label(), wordOrNumber()))
          .optional()
          .describe(
            'What series are like, by name: `{ AAPL: { sector: tech, beta: 1.2 } }`. Each word becomes an input of 0 or 1 of `ridge`, `boosted` and `recurrent`, the numbers of an attribute one input as they are: write them in a unit in which they differ by about 1. All are 0 for a series that is not named.',
          ),
        models: z
          .array(part('forecaster', forecasters, { short: true }))
          .min(1)
          .max(16)
          .prefault(['naive', 'seasonal-naive', 'holt-winters', 'linear', 'ridge', 'boosted', 'recurrent', 'readout'])
          .describe('The forecasters that run side by side: a name, or a map with `type` and its fields.'),
        weights: text(4096)
          .optional()
          .describe(
            'The folder of a model that `ridge`, `boosted` and `recurrent` begin with, relative to this file: what `tidecast train` wrote, one of `weights` in a state folder, or what `tidecast import` wrote. It is in force for rows later than those that it learned from; up to there forecasts are those of an untrained line. Where weights are retrained, a saved state goes on with its own and the folder is not read again; where not, a changed folder is taken up at the next start. Default: untrained.',
          ),
        output: label().default('mixture').describe('What is sent out: `mixture`, or the name of one of the models.'),
        baselines: z
          .array(label())
          .max(16)
          .optional()
          .describe(
            'Models that skill is reported against. Default: those of naive and seasonal-naive that are among the models.',
          ),
        score_every: count(1, 1_000_000_000)
          .default(100)
          .describe('Rows of a series from one of its scores to the next, for sinks that take scores.'),
        warmup: count(0, 1_000_000_000).default(0).describe('Rows of each series before scoring starts. With 0 see `season`.'),
      })
      .prefault({})
      .describe('What is forecast, and by which models.'),
    shadow: shadowSection(RETRAIN, part('forecaster', forecasters, { short: true })),
    retrain: RETRAIN.prefault({}).describe('When and how the weights are trained while the stream runs.'),
    sinks: z.array(part('sink', sinks)).max(32).default([]).describe('Where forecasts go.'),
    state: STATE.prefault({}).describe('Checkpoints and memory.'),
    replay: REPLAY.optional().describe('Pacing of a recorded source, so that it looks live.'),
    service: SERVICE.prefault({}).describe('For a run that never ends: health, metrics, log, and how it stops.'),
  };
}

type Sections = ReturnType<typeof sections>;
type Parsed = { readonly [K in keyof Sections]: z.output<Sections[K]> };

/** What the schemas give: rules.ts fills in the defaults that depend on other fields. */
export type Draft = Parsed;

/** A checked pipeline, defaults filled in. Plain data: it can be hashed, stored and printed. */
export interface Spec {
  readonly name: string;
  readonly seed: number;
  readonly source: Part;
  readonly history: Part | undefined;
  readonly clean: Omit<Parsed['clean'], 'duplicates'> & { readonly duplicates: 'keep' | 'first' };
  /** `interval` is always set: as given, or the bars' `slide`, or their length. */
  readonly window: Omit<Parsed['window'], 'interval' | 'gaps'> & {
    readonly interval: number;
    readonly gaps: { readonly policy: 'forward-fill' | 'mask' | 'reset'; readonly limit: number };
  };
  /** `targets` is undefined where it means "the first channel". */
  readonly forecast: Omit<Parsed['forecast'], 'season' | 'baselines'> & {
    readonly season: readonly number[];
    /** The seasons are looked for before the line begins; until then `season` is empty. `asked`: by name, so that it must be possible. */
    readonly findSeasons?: 'asked' | 'default' | undefined;
    readonly baselines: readonly string[];
  };
  /** Undefined: never. `growing`: a trigger trains only when there are enough new rows. */
  readonly retrain:
    | (Omit<Parsed['retrain'], 'rows' | 'every'> & { readonly rows: number; readonly every: number; readonly growing: boolean })
    | undefined;
  readonly shadow?: (Pick<NonNullable<Parsed['shadow']>, 'name' | 'promote'> & Pick<Spec, 'forecast' | 'retrain'>) | undefined;
  readonly sinks: readonly Part[];
  /** `path` is absolute. */
  readonly state: Omit<Parsed['state'], 'path'> & { readonly path: string };
  readonly replay: Parsed['replay'];
  readonly service: Parsed['service'];
}

/** The JSON Schema of a pipeline file, for editors. */
export function pipelineSchema({ sources, sinks, forecasters }: Components): Record<string, unknown> {
  const lists = { source: sources, sink: sinks, forecaster: forecasters };
  return describedSchema('A tidecast pipeline', sections({ sources, sinks, forecasters }), lists);
}

/** The JSON Schema of a file made of such sections; `lists` holds by kind the components that a {@link part} may name. */
export function describedSchema(
  title: string,
  sections: Record<string, z.ZodType>,
  lists: Readonly<Record<string, readonly Described[]>>,
): Record<string, unknown> {
  const schemaOf = (schema: z.ZodType): Record<string, unknown> =>
    z.toJSONSchema(schema, {
      io: 'input',
      unrepresentable: 'any',
      override: ({ jsonSchema }) => {
        const { components: kind, short } = jsonSchema as { components?: string; short?: boolean };
        if (kind === undefined) return;
        const written = jsonSchema as Record<string, unknown>;
        delete written['components'];
        delete written['short'];
        Object.assign(written, partSchema(lists[kind] ?? [], short ?? false, schemaOf));
      },
    }) as Record<string, unknown>;
  const { $schema, ...rest } = schemaOf(z.strictObject(sections));
  return { $schema, title, ...rest };
}
