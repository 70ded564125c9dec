/** Known-bad pipeline files (fault rows 44 and 59): the exact message and place of each, so that the checks cannot go soft. */
import { describe, expect, it } from 'vitest';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { FileError } from '../../src/pipeline/problem.ts';
import { loadText, TEST_COMPONENTS } from '../support/spec-files.ts';

/** What `tidecast` prints for a file, without the closing sentence; `~` is a sound source and window. */
function complaints(text: string | Buffer, env: Record<string, string> = {}): string[] {
  const sound = 'source: { type: arrow, path: x.arrow }\nwindow: { interval: 30m }\n';
  const whole = typeof text === 'string' && text.startsWith('~') ? sound + text.slice(1) : text;
  try {
    loadText(whole, { env });
    return [];
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    expect(error.exit).toBe(78);
    return error.message.split('\n').slice(0, -1);
  }
}

const source = (fields: string) => `source: { type: arrow, path: x, ${fields} }\nwindow: { interval: 30m }`;
const window = (fields: string) => `source: { type: arrow, path: x }\nwindow: { ${fields} }`;

const CASES: readonly (readonly [what: string, text: string, ...messages: string[]])[] = [
  ['an empty file', '', '1:1 the file is empty: a pipeline needs at least a `source`'],
  ['only a comment', '# soon\n', '1:1 the file is empty: a pipeline needs at least a `source`'],
  ['a list', '- 1\n', '1:1 a pipeline is a map of fields such as `source:`'],
  ['a word', 'pipeline', '1:1 a pipeline is a map of fields such as `source:`'],
  ['two documents', '~---\nname: b\n', '3:1 a file holds one document: remove the `---`'],
  ['a duplicate key', '~seed: 1\nseed: 2\n', '4:1 this key is given twice'],
  ['a duplicate nested key', window('interval: 1m, interval: 2m'), '2:25 this key is given twice'],
  [
    'an alias',
    '~seed: &a 1\nname: *a\n',
    '3:10 anchors are not allowed: write the value out where it is needed',
    '4:7 aliases are not allowed: write the value out',
  ],
  ['a tag', '~name: !secret x\n', '3:15 the tag !secret is not allowed'],
  ['a merge key', '~<<: { seed: 2 }\n', '3:1 merge keys (<<) are not allowed: write the fields out'],
  ['a prototype', '~__proto__: { seed: 2 }\n', '3:1 __proto__ is not allowed as a key'],
  ['a nested prototype', source('__proto__: { polluted: true }'), '1:33 __proto__ is not allowed as a key'],
  ['a key that is a list', '~? [a]\n: 1\n', '3:3 a key must be plain text'],
  [
    'YAML 1.1',
    '%YAML 1.1\n---\nsource: { type: arrow, path: x }\nwindow: { interval: 1m }\n',
    '1:1 a %YAML directive other than 1.2 is not allowed',
  ],
  ['a tab', 'source:\n\ttype: arrow\n', '2:1 not valid YAML: tabs are not allowed as indentation'],
  ['an open quote', '~name: "x\n', '4:1 not valid YAML: missing closing "quote'],
  ['a missing colon', '~name\n', '3:1 not valid YAML: implicit map keys need to be followed by map values'],
  [
    'an unquoted reference in braces',
    source('token: ${T}'),
    '1:41 not valid YAML: unexpected flow-map-start at node end (inside [ ] and { }, write "${NAME}" in quotes)',
  ],
  ['deep nesting', `a: ${'['.repeat(5000)}`, '1:36 nested deeper than 32 levels'],
  ['deep nesting in a block', `a:\n${'- '.repeat(5000)}1`, '2:65 nested deeper than 32 levels'],
  ['deep indentation', `a:\n${' '.repeat(300)}b: 1`, '2:1 nested deeper than 32 levels'],
  [
    'a shadow that breaks a rule of its own',
    '~shadow: { forecast: { models: [linear], output: gru } }\n',
    '3:31 shadow.forecast.models: naive must be among the models, for every forecast stands beside it; there are linear',
    '3:49 shadow.forecast.output: output gru is neither mixture nor one of the models (linear)',
  ],
  ['a shadow beside a shared state', '~shadow: {}\nstate: { shared: true }\n', '3:9 shadow: does not go with state.shared: true'],
  [
    'a shadow called as the pipeline’s own',
    '~shadow: { name: forecast }\n',
    '3:17 shadow.name: must not be `forecast`: so the pipeline’s own is called',
  ],
  [
    'drift with a share of more than all',
    '~retrain: { every: 1d, drift: { share: 2 } }\n',
    '3:39 retrain.drift.share must be at most 1, is 2',
  ],
  ['no source', 'window: { interval: 1m }\n', '1:1 source is missing: where ticks come from'],
  ['an empty source', 'source:\nwindow: { interval: 1m }\n', '1:8 source must be a map with `type`, one of arrow, csv'],
  ['a source without type', 'source: { path: x }\nwindow: { interval: 1m }\n', '1:9 source needs a `type`, one of arrow, csv'],
  [
    'an unknown source',
    'source: { type: arow, path: x }\nwindow: { interval: 1m }\n',
    '1:17 source.type names no source (did you mean "arrow"?)',
  ],
  [
    'a source far from any',
    'source: { type: mqtt }\nwindow: { interval: 1m }\n',
    '1:17 source.type names no source (there are arrow, csv)',
  ],
  ['a missing field of a component', 'source: { type: arrow }\nwindow: { interval: 1m }\n', '1:1 source.path is missing'],
  ['an unknown field of a component', source('pth: y'), '1:33 source.pth is not a known field (did you mean "path"?)'],
  [
    'an unknown nested field of a component',
    source('options: { row: 3 }'),
    '1:44 source.options.row is not a known field (did you mean "rows"?)',
  ],
  ['a zero in a component', source('options: { rows: 0 }'), '1:50 source.options.rows must be at least 1, is 0'],
  ['an unknown section', '~snks: []\n', '3:1 snks is not a known field (did you mean "sinks"?)'],
  [
    'an unknown field far from any',
    '~forecast: { colour: red }\n',
    '3:13 forecast.colour is not a known field (known here: targets, horizon, quantiles, season, known_ahead, attributes, models, weights, output, baselines, score_every, warmup)',
  ],
  ['a name in capitals', '~name: Taxi\n', '3:7 name must be lower-case letters, digits and hyphens, is "Taxi"'],
  ['a number as name', '~name: 7\n', '3:7 name must be text, is 7'],
  ['a negative seed', '~seed: -1\n', '3:7 seed must be at least 0, is -1'],
  ['a seed that is rounded', '~seed: 12345678901234567890\n', '3:7 seed must be at most 4294967295, is 12345678901234567000'],
  ['a fraction', '~forecast: { horizon: 1.5 }\n', '3:22 forecast.horizon must be a whole number, is 1.5'],
  ['no number', '~forecast: { horizon: .nan }\n', '3:22 forecast.horizon must be a number, is NaN'],
  ['infinity', '~retrain: { every: 7d, learning_rate: .inf }\n', '3:38 retrain.learning_rate must be a number, is Infinity'],
  ['horizon zero', '~forecast: { horizon: 0 }\n', '3:22 forecast.horizon must be at least 1, is 0'],
  ['an absurd horizon', '~forecast: { horizon: 1000000 }\n', '3:22 forecast.horizon must be at most 1000, is 1000000'],
  [
    'an absurd network',
    '~forecast: { models: [naive, { type: recurrent, hidden: 100000000 }] }\n',
    '3:56 forecast.models[1].hidden must be at most 1024, is 100000000',
  ],
  [
    'too many layers',
    '~forecast: { models: [naive, { type: recurrent, layers: 9 }] }\n',
    '3:56 forecast.models[1].layers must be at most 8, is 9',
  ],
  [
    'a wrong cell',
    '~forecast: { models: [naive, { type: recurrent, cell: gruu }] }\n',
    '3:54 forecast.models[1].cell must be one of rnn, gru, lstm (did you mean "gru"?), is "gruu"',
  ],
  [
    'an unknown model',
    '~forecast: { models: [naive, lineer] }\n',
    '3:29 forecast.models[1] names no forecaster (did you mean "linear"?)',
  ],
  [
    'a model that is a number',
    '~forecast: { models: [naive, 3] }\n',
    '3:29 forecast.models[1] must be the name of a forecaster, or a map with `type`, one of naive, seasonal-naive, linear, holt-winters, ridge, boosted, recurrent, readout',
  ],
  ['no models', '~forecast: { models: [] }\n', '3:21 forecast.models must have at least 1 entry, is an empty list'],
  [
    'a model given twice',
    '~forecast: { models: [naive, linear, linear] }\n',
    '3:37 forecast.models[2]: the model linear is given twice',
  ],
  [
    'a model before the one that it is built on',
    '~forecast: { models: [naive, readout, recurrent] }\n',
    '3:29 forecast.models[1]: readout is built on recurrent, which must stand before it among the models',
  ],
  [
    'a model without the one that it is built on',
    '~forecast: { models: [naive, recurrent] }\nshadow: { forecast: { models: [naive, readout] } }\n',
    '4:39 shadow.forecast.models[1]: readout is built on recurrent, which must stand before it among the models',
  ],
  [
    'models without naive',
    '~forecast: { models: [linear] }\n',
    '3:21 forecast.models: naive must be among the models, for every forecast stands beside it; there are linear',
  ],
  [
    'an unknown output',
    '~forecast: { output: best }\n',
    '3:21 forecast.output: output best is neither mixture nor one of the models (naive, seasonal-naive, holt-winters, linear, ridge, boosted, recurrent, readout)',
  ],
  [
    'an unknown baseline',
    '~forecast: { models: [naive, linear], baselines: [holt-winters] }\n',
    '3:50 forecast.baselines[0]: baseline holt-winters is not one of the models (naive, linear)',
  ],
  [
    'quantiles out of order',
    '~forecast: { quantiles: [0.5, 0.1] }\n',
    '3:30 forecast.quantiles[1]: quantiles must ascend: 0.1 comes after 0.5',
  ],
  [
    'a quantile twice',
    '~forecast: { quantiles: [0.5, 0.5] }\n',
    '3:30 forecast.quantiles[1]: quantiles must ascend: 0.5 comes after 0.5',
  ],
  [
    'two sinks of a kind in one folder',
    '~sinks: [{ type: arrow, path: out }, { type: arrow, path: out }]\n',
    '3:37 sinks[1]: writes to out as sinks[0] does: each needs a place of its own',
  ],
  ['a quantile of 1', '~forecast: { quantiles: [0.5, 1] }\n', '3:30 forecast.quantiles[1] must be less than 1, is 1'],
  ['quantiles as text', '~forecast: { quantiles: all }\n', '3:24 forecast.quantiles must be a list, is "all"'],
  ['a season that is a word', '~forecast: { season: daily }\n', '3:21 forecast.season must be a number, is "daily"'],
  [
    'seasons that are looked for in no rows',
    '~forecast: { season: auto }\n',
    '3:21 forecast.season: auto looks in rows that are not scored: give forecast.warmup, or a history',
  ],
  [
    'an input that is told too late',
    '~forecast: { horizon: 12, known_ahead: { price: 6 } }\n',
    '3:48 forecast.known_ahead.price: 6 rows ahead do not reach the horizon 12: send the value at least so early',
  ],
  [
    'a target that is known ahead',
    '~forecast: { targets: [price], known_ahead: { price: 6 } }\n',
    '3:53 forecast.known_ahead.price: the target price cannot be known ahead',
  ],
  ['a season of one row', '~forecast: { season: 1 }\n', '3:21 forecast.season must be at least 2, is 1'],
  ['a season twice', '~forecast: { season: [48, 48] }\n', '3:26 forecast.season[1]: season 48 is given twice'],
  [
    'a season longer than the ring',
    '~forecast: { season: [48, 9000] }\n',
    '3:26 forecast.season[1]: season 9000 must be at most window.ring 8192',
  ],
  [
    'a horizon longer than the ring',
    `${window('interval: 1m, ring: 10')}\nforecast: { horizon: 20 }`,
    '3:22 forecast.horizon: horizon 20 must be at most window.ring 10',
  ],
  [
    'a model that looks back too far',
    `${window('interval: 1m, ring: 10')}\nforecast: { models: [naive, holt-winters] }`,
    '3:29 forecast.models[1]: holt-winters looks back 100 rows, window.ring keeps 10',
  ],
  [
    'a target that is no bar',
    `${window('grid: 1m, bars: { close: last price }')}\nforecast: { targets: [clse] }`,
    '3:23 forecast.targets[0]: target clse is not one of the bars (close)',
  ],
  [
    'too many numbers a row',
    '~forecast: { horizon: 1000, targets: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] }\n',
    '3:22 forecast.horizon: horizon 1000 with 5 quantiles makes 105000 numbers a row; at most 100000',
  ],
  [
    'no interval',
    'source: { type: arrow, path: x }\n',
    '1:1 window.interval: grid rows needs the time between two rows, such as interval: 30m',
  ],
  [
    'no interval in a window',
    window('ring: 100'),
    '2:1 window.interval: grid rows needs the time between two rows, such as interval: 30m',
  ],
  [
    'a number without unit as text',
    window('interval: "30"'),
    '2:21 window.interval must be a duration such as 500ms, 30s, 5m, 2h or 7d, is "30"',
  ],
  [
    'a list as duration',
    window('interval: [30m]'),
    '2:21 window.interval must be a duration such as 500ms, 30s, 5m, 2h or 7d, is a list of 1',
  ],
  ['a duration of zero', window('interval: 0s'), '2:21 window.interval must be at least 1ms, is "0s"'],
  ['a negative duration', window('interval: -5'), '2:21 window.interval must be at least 1ms, is -5'],
  [
    'an endless duration',
    window('interval: .inf'),
    '2:21 window.interval must be a duration such as 500ms, 30s, 5m, 2h or 7d, is Infinity',
  ],
  [
    'an interval beside bars',
    window('grid: 5m, interval: 3m'),
    '2:31 window.interval: interval 3m differs from grid 5m: leave it out',
  ],
  ['a slide that does not divide', window('grid: 5m, slide: 2m'), '2:28 window.slide: slide 2m must divide grid 5m'],
  ['a slide longer than the bar', window('grid: 5m, slide: 10m'), '2:28 window.slide: slide 10m must divide grid 5m'],
  [
    'a slide without bars',
    window('interval: 5m, slide: 1m'),
    '2:32 window.slide: slide 1m needs a duration as grid, such as 1m; grid is rows',
  ],
  [
    'bars without a grid',
    window('interval: 5m, bars: { c: last x }'),
    '2:31 window.bars: bars need a duration as grid, such as 1m; grid is rows',
  ],
  [
    'an unknown way to make a bar',
    window('grid: 5m, bars: { c: final x }'),
    '2:32 window.bars.c must be how a bar is made and of which channel, such as "last price" (open, high, low, close, mean, sum, count, last), is "final x"',
  ],
  ['a grid that is neither', window('grid: row'), '2:17 window.grid must be `rows` or a duration such as 5m, is "row"'],
  [
    'an unknown time zone',
    window('interval: 1m, time_zone: Europe/Berln'),
    '2:36 window.time_zone must be a time zone such as UTC or America/New_York, is "Europe/Berln"',
  ],
  [
    'an hour without its zero',
    window('interval: 1m, session: { open: 9:30, close: "16:00" }'),
    '2:42 window.session.open must be a time of day such as "09:30", in quotes, is "9:30"',
  ],
  [
    'a day that is none',
    window('interval: 1m, session: { days: mon-fry, open: "09:30", close: "16:00" }'),
    '2:42 window.session.days must name days, such as mon-fri or [mon, wed, sat-sun], is "mon-fry"',
  ],
  [
    'a date that is none',
    window('interval: 1m, session: { open: "09:30", close: "16:00", holidays: [2024-02-30] }'),
    '2:78 window.session.holidays[0] must be a date such as "2024-12-25", is "2024-02-30"',
  ],
  [
    'a policy that is none',
    window('interval: 1m, gaps: { policy: forwardfill }'),
    '2:41 window.gaps.policy must be one of forward-fill, mask, reset (did you mean "forward-fill"?), is "forwardfill"',
  ],
  ['a ring of a billion', window('interval: 1m, ring: 1000000000'), '2:31 window.ring must be at most 1000000, is 1000000000'],
  ['lanes without end', '~state: { max_lanes: 100000000 }\n', '3:21 state.max_lanes must be at most 10000000, is 100000000'],
  [
    'a lag as long as the period',
    '~retrain: { every: 1d, lag: 24h }\n',
    '3:28 retrain.lag: lag 1d must be shorter than every 1d',
  ],
  [
    'more rows than the ring',
    '~retrain: { every: 1d, rows: 9000 }\n',
    '3:29 retrain.rows: must be at most window.ring, is 9000 with a ring of 8192',
  ],
  [
    'sequences longer than the rows',
    '~retrain: { every: 1d, rows: 90 }\n',
    '3:1 retrain.steps: burn_in 48 + steps 48 = 96 must be less than retrain.rows, is 90',
  ],
  [
    'a batch that fills the memory',
    '~retrain: { every: 1d, steps: 900, batch: 4096 }\n',
    '3:42 retrain.batch: batch 4096 x (burn_in 48 + steps 900) = 3883008 rows; at most 1000000',
  ],
  [
    'a loss that is none',
    '~retrain: { every: 1d, loss: hubber }\n',
    '3:29 retrain.loss must be one of huber, absolute, squared (did you mean "huber"?), is "hubber"',
  ],
  [
    'a learning rate of zero',
    '~retrain: { every: 1d, learning_rate: 0 }\n',
    '3:38 retrain.learning_rate must be greater than 0, is 0',
  ],
  [
    'training at a word',
    '~retrain: { every: often }\n',
    '3:19 retrain.every must be a duration such as 500ms, 30s, 5m, 2h or 7d, or never, is "often"',
  ],
  ['sinks as a map', '~sinks: { type: console }\n', '3:8 sinks must be a list, is a map'],
  ['a sink as a word', '~sinks: [console]\n', '3:9 sinks[0] must be a map with `type`, one of arrow, console'],
  ['a sink of a wrong type', '~sinks: [{ type: console, every: often }]\n', '3:33 sinks[0].every must be a number, is "often"'],
  [
    'a port that is none',
    '~service: { http: 70000 }\n',
    '3:18 service.http must be host:port such as 127.0.0.1:9464, or a port, is 70000',
  ],
  [
    'an address with a path',
    '~service: { http: "http://x:1/" }\n',
    '3:18 service.http must be host:port such as 127.0.0.1:9464, or a port, is "http://x:1/"',
  ],
  [
    'no port',
    '~service: { http: localhost }\n',
    '3:18 service.http must be host:port such as 127.0.0.1:9464, or a port, is "localhost"',
  ],
  ['no time to stop', '~service: { stop_within: 0s }\n', '3:25 service.stop_within must be at least 100ms, is "0s"'],
  [
    'a log of everything',
    '~service: { log: trace }\n',
    '3:17 service.log must be one of off, error, warn, info, debug, is "trace"',
  ],
  ['no pace', '~replay: { rows_per_second: 0 }\n', '3:28 replay.rows_per_second must be greater than 0, is 0'],
  ['a switch for a number', '~clean: { jump_patience: yes }\n', '3:25 clean.jump_patience must be a number, is "yes"'],
  ['an empty value', '~clean:\n', '3:7 clean must be a map, is empty'],
  [
    'a control character',
    '~forecast: { output: "a\\u0007" }\n',
    '3:21 forecast.output must not hold control characters, is "a\\u0007"',
  ],
];

describe('a wrong pipeline file is refused at the right place', () => {
  it.each(CASES.map(([what, text, ...messages]) => ({ what, text, messages })))('$what', ({ text, messages }) => {
    expect(complaints(text)).toEqual(messages.map((message) => `case.yaml:${message}`));
  });

  it('there are more than 60 of them', () => {
    expect(CASES.length).toBeGreaterThan(60);
  });

  it('every fault at once, in the order of the file', () => {
    const text =
      'name: A\nsource: { type: arrow }\nwindow: { interval: 0s, rng: 3 }\nforecast:\n  horizon: 0\n  quantiles: [2]\nretrain: { every: 1h, lag: 2h }\nx: 1\n';
    expect(complaints(text).map((line) => line.split(' ')[0])).toEqual(
      ['1:7', '2:1', '3:21', '3:25', '5:12', '6:15', '7:28', '8:1'].map((at) => `case.yaml:${at}`),
    );
  });

  it('a file above 1 MB is not read', () => {
    expect(complaints(`# ${'x'.repeat(1_100_000)}\n`)).toEqual(['case.yaml:1:1 the file is larger than 1000000 bytes']);
  });

  it.each(['/nowhere/pipeline.yaml', '/tmp'])('a file that cannot be read, %s, is told with its reason', (file) => {
    expect(() => loadPipeline(file, { ...TEST_COMPONENTS, env: {} })).toThrow(
      expect.objectContaining({ code: 'SPEC_UNREADABLE', exit: 66 }),
    );
  });

  it('a bomb of half a million brackets is refused in under a second', () => {
    const start = performance.now();
    expect(complaints('['.repeat(500_000))).toHaveLength(1);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('nothing was added to any prototype', () => {
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('the environment', () => {
  it.each([
    [
      'an unset variable',
      source('token: "${TOKEN}"'),
      {},
      '1:40 the environment variable TOKEN is not set; set it, or give a default: ${TOKEN:-default}',
    ],
    [
      'a reference left open',
      '~name: a${B\n',
      {},
      '3:7 a reference to the environment is written ${NAME} or ${NAME:-default}; for the two characters themselves write $${',
    ],
    [
      'a reference to no name',
      '~name: a${1x}\n',
      {},
      '3:7 a reference to the environment is written ${NAME} or ${NAME:-default}; for the two characters themselves write $${',
    ],
    ['a value of the wrong kind', '~seed: ${SEED}\n', { SEED: 'hunter2' }, '3:7 seed must be a number, is ${SEED}'],
    [
      'a secret from the environment',
      source('token: "${TOKEN}"'),
      { TOKEN: 'hunter2' },
      '1:40 source.token must have at least 8 characters, is ${TOKEN}',
    ],
    ['a secret in the file', source('token: "hunter2-hunter2"'), {}, '1:40 source.token must match /^[a-f0-9]+$/, is a secret'],
  ])('%s', (_, text, env, message) => {
    const said = complaints(text, env as Record<string, string>);
    expect(said.join('\n')).not.toContain('hunter2');
    expect(said[0]).toBe(`case.yaml:${message}`);
  });
});
