/** What a right pipeline file becomes. */
import { describe, expect, it } from 'vitest';
import { pipelineSchema } from '../../src/pipeline/spec.ts';
import { nameOf } from '../../src/pipeline/rules.ts';
import { loadText, TEST_COMPONENTS } from '../support/spec-files.ts';

const SOUND = 'source: { type: arrow, path: x.arrow }\nwindow: { interval: 30m }\n';

describe('defaults', () => {
  it('the smallest file', () => {
    const { folder, file, state, ...spec } = loadText(SOUND);
    expect(file).toBe(`${folder}/case.yaml`);
    expect(state).toEqual({
      path: expect.stringMatching(/\/\.tidecast\/case$/),
      shared: false,
      checkpoint: 10_000,
      max_lanes: 1_000_000,
    });
    expect(spec).toEqual({
      name: 'case',
      seed: 1,
      history: undefined,
      source: { type: 'arrow', config: { path: 'x.arrow', values: ['value'], options: { rows: 10 } } },
      clean: { lateness: 0, duplicates: 'first', jump_patience: 3 },
      window: { grid: 'rows', interval: 1_800_000, time_zone: 'UTC', gaps: { policy: 'mask', limit: 12 }, ring: 8192 },
      forecast: {
        horizon: 1,
        quantiles: [0.025, 0.1, 0.5, 0.9, 0.975],
        season: [],
        findSeasons: 'default',
        models: [
          { type: 'naive', config: {} },
          { type: 'seasonal-naive', config: {} },
          { type: 'holt-winters', config: {} },
          { type: 'linear', config: {} },
          { type: 'ridge', config: {} },
          { type: 'boosted', config: {} },
          { type: 'recurrent', config: { cell: 'gru', hidden: 32, layers: 1 } },
          { type: 'readout', config: {} },
        ],
        output: 'mixture',
        baselines: ['naive', 'seasonal-naive'],
        score_every: 100,
        warmup: 0,
      },
      retrain: expect.objectContaining({ every: 250 * 1_800_000, growing: true, rows: 8192, lag: 0 }),
      sinks: [],
      replay: undefined,
      service: { ready_within: 60_000, stop_within: 20_000, log: 'off' },
    });
  });

  it('bars: duplicates are kept, the interval is the bar, the target is the first', () => {
    const spec = loadText(
      'source: { type: arrow, path: x }\nwindow: { grid: 5m, slide: 1m, bars: { close: last price, n: count } }\n',
    );
    expect(spec.clean.duplicates).toBe('keep');
    expect(spec.window.interval).toBe(60_000);
    expect(spec.forecast.targets).toEqual(['close']);
    expect(spec.window.bars).toEqual([
      { name: 'close', aggregate: 'last', channel: 'price' },
      { name: 'n', aggregate: 'count', channel: undefined },
    ]);
  });

  it.each([
    ['9464', { host: '127.0.0.1', port: 9464 }],
    ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
    ['0.0.0.0:9464', { host: '0.0.0.0', port: 9464 }],
    ['"[::1]:9464"', { host: '::1', port: 9464 }],
    ['metrics.local:0', { host: 'metrics.local', port: 0 }],
  ])('health and metrics at %s', (written, address) => {
    expect(loadText(`${SOUND}service: { http: ${written} }\n`).service.http).toEqual(address);
  });

  it.each([
    ['retrain: { every: never }', undefined],
    ['retrain: { every: 1d }', { every: 86_400_000, growing: false }],
    ['', { every: 250 * 60_000, growing: true }],
  ])('training as the file says: %s', (written, retrain) => {
    const spec = loadText(`source: { type: arrow, path: x }\nwindow: { interval: 1m }\n${written}\n`);
    if (retrain) expect(spec.retrain).toMatchObject(retrain);
    else expect(spec.retrain).toBeUndefined();
  });

  it('training uses no more rows than the ring holds', () => {
    expect(
      loadText('source: { type: arrow, path: x }\nwindow: { interval: 1m, ring: 500 }\nretrain: { every: 1d }\n').retrain?.rows,
    ).toBe(500);
  });

  it.each([
    ['', [], 'default'],
    ['season: none', [], undefined],
    ['season: auto, warmup: 9', [], 'asked'],
    ['season: 24', [24], undefined],
    ['season: [24, 168]', [24, 168], undefined],
  ])('seasons: `%s`', (written, season, findSeasons) => {
    const { forecast, shadow } = loadText(`${SOUND}forecast: { ${written} }\nshadow: { forecast: { season: none } }\n`);
    expect([forecast.season, forecast.findSeasons]).toEqual([season, findSeasons]);
    expect([shadow!.forecast.season, shadow!.forecast.findSeasons]).toEqual([[], undefined]);
    expect(loadText(`${SOUND}forecast: { ${written} }\nshadow: {}\n`).shadow!.forecast).toMatchObject(
      findSeasons ? { season, findSeasons } : { season },
    );
  });

  it('baselines are those that are among the models', () => {
    expect(loadText(`${SOUND}forecast: { season: 48, models: [naive, seasonal-naive] }\n`).forecast).toMatchObject({
      season: [48],
      baselines: ['naive', 'seasonal-naive'],
    });
  });

  it.each([
    ['pipelines/NYC taxi.yaml', 'nyc-taxi'],
    ['über.yml', 'ber'],
    ['....yaml', 'pipeline'],
  ])('the name of %s is %s', (file, name) => expect(nameOf(file)).toBe(name));
});

describe('the environment', () => {
  const load = (text: string, env = {}) => loadText(SOUND + text, { env });
  it('numbers stay numbers where they are not quoted', () => {
    expect(load('seed: ${SEED}\n', { SEED: '7' }).seed).toBe(7);
    expect(load('seed: ${SEED:-9}\n').seed).toBe(9);
    expect(load('seed: ${SEED:-9}\n', { SEED: '' }).seed).toBe(9);
    expect(() => load('seed: "${SEED}"\n', { SEED: '7' })).toThrow('seed must be a number, is ${SEED}');
  });
  it('text is put in wherever it stands in a value', () => {
    expect(
      loadText('source: { type: arrow, path: "${A}/b-${C:-c}" }\nwindow: { interval: 1m }\n', { env: { A: '/a' } }).source.config,
    ).toMatchObject({ path: '/a/b-c' });
  });
  it('a value cannot become structure', () => {
    expect(
      loadText('source: { type: arrow, path: "${A}" }\nwindow: { interval: 1m }\n', { env: { A: 'x, __proto__: { a: 1 }\n- b' } })
        .source.config,
    ).toMatchObject({ path: 'x, __proto__: { a: 1 }\n- b' });
  });
  it('keys, comments and what is escaped stay as they are', () => {
    expect(() => load('${A}: 1\n', { A: 'seed' })).toThrow('3:1 ${A} is not a known field');
    expect(load('# ${UNSET}\nseed: 3\n').seed).toBe(3);
    expect(loadText('source: { type: arrow, path: "$${A}" }\nwindow: { interval: 1m }\n').source.config).toMatchObject({
      path: '${A}',
    });
  });
  it('names of prototypes are not variables', () => {
    expect(() => load('name: ${constructor}\n')).toThrow('the environment variable constructor is not set');
  });
});

describe('the JSON Schema', () => {
  const schema = pipelineSchema(TEST_COMPONENTS) as { properties: Record<string, Record<string, unknown>> };
  it('holds every component with its fields', () => {
    const branches = schema.properties['source']!['anyOf'] as {
      properties: Record<string, unknown>;
      additionalProperties: boolean;
      required: string[];
    }[];
    expect(branches.map(({ properties }) => (properties['type'] as { const: string }).const)).toEqual(['arrow', 'csv']);
    expect(branches[0]).toMatchObject({ additionalProperties: false, required: ['type', 'path'] });
  });
  it('every field says what it means', () => {
    const silent: string[] = [];
    const walk = (node: Record<string, unknown>, path: string) => {
      for (const [key, field] of Object.entries(
        (node['properties'] as Record<string, Record<string, unknown>> | undefined) ?? {},
      )) {
        if (!field['description']) silent.push(`${path}.${key}`);
        walk(field, `${path}.${key}`);
      }
    };
    walk(schema, '');
    expect(silent).toEqual([]);
  });
});
