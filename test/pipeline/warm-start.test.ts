/** A line that begins with a model: as if it had been trained there; known again; or refused before anything is done. */
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backtest } from '../../src/backtest/replay.ts';
import { trainModel } from '../../src/backtest/train-model.ts';
import type { ForecastBatch } from '../../src/core/batch.ts';
import { EventBus, type Events } from '../../src/core/events.ts';
import { loadModel, saveModel } from '../../src/nn/files.ts';
import { networkWeights } from '../../src/nn/shape.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { COMPONENTS, HOUR, START, writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-warm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ROWS = 700;
const RECURRENT = '{ type: recurrent, hidden: 4, lags: 3, rebuild: 24 }';
const MODELS = `[naive, linear, ridge, boosted, ${RECURRENT}]`;
const EVERY = 240 * HOUR;
/** The first trigger with rows enough before it. */
const UNTIL = (Math.floor(START / EVERY) + 1) * EVERY;
const RETRAIN = 'retrain: { every: 10d, epochs: 1, steps: 24, burn_in: 8 }';
const NEVER = 'retrain: { every: never }';

writeData(folder, ROWS);
const [header, ...lines] = readFileSync(join(folder, 'data.csv'), 'utf8').split('\n');
const part = (name: string, of: (time: number) => boolean) =>
  writeFileSync(join(folder, name), [header, ...lines.filter((line) => of(Date.parse(line.split(',')[0]!)))].join('\n'));
part('past.csv', (time) => time <= UNTIL);
part('rest.csv', (time) => time > UNTIL);

const csv = (path: string) => `{ type: csv, path: ${path}, time: time, series: series, values: [value] }`;

let count = 0;
function pipeline({
  source = 'rest.csv',
  history = '',
  forecast = `horizon: 3, season: 24, models: ${MODELS}`,
  weights = '',
  rest = RETRAIN,
  window = 'grid: rows, interval: 1h, ring: 300',
} = {}): LoadedSpec {
  const name = `warm-${++count}`;
  const file = join(folder, `${name}.yaml`);
  writeFileSync(
    file,
    `
source: ${csv(source)}
${history && `history: ${csv(history)}`}
window: { ${window} }
forecast: { ${forecast}${weights && `, weights: ${weights}`} }
state: { path: state-${name}, checkpoint: 20 }
${rest}`,
  );
  return loadPipeline(file, { env: {}, ...COMPONENTS });
}

interface Ran {
  /** By series and event time of the origin: every number of the forecast, and the hash of its weights. */
  readonly said: Map<string, string>;
  readonly naive: Map<string, boolean>;
  readonly events: (readonly [string, Record<string, unknown>])[];
  readonly stateHash: string;
}

/** Runs to the end, or until so many rows were forecast. */
async function run(spec: LoadedSpec, how: 'run' | 'backtest' = 'run', most = Infinity): Promise<Ran> {
  const [said, naive] = [new Map<string, string>(), new Map<string, boolean>()];
  const events = new EventBus();
  const told: Ran['events'] = [];
  for (const name of ['weights.given', 'weights.swapped', 'training.started', 'training.skipped', 'seasons.found'] as const)
    events.on(name, (payload: Events[typeof name]) => void told.push([name, { ...payload }]));
  const stop = new AbortController();
  const watch = (batch: ForecastBatch) => {
    const { length, lanes, issued, horizon, targets, quantiles } = batch as ForecastBatch & { quantiles: Float64Array };
    const [cells, levels] = [horizon * targets, quantiles.length / (length * horizon * targets)];
    for (let row = 0; row < length; row++) {
      const mean = batch.mean.slice(row * cells, (row + 1) * cells);
      const id = `${lanes[row]} ${new Date(issued[row]!).toISOString()}`;
      said.set(id, [...mean, ...quantiles.slice(row * cells * levels, (row + 1) * cells * levels)].join(' '));
      naive.set(
        id,
        mean.every((value, i) => value === batch.naive[row * cells + i]),
      );
    }
    if (said.size >= most) stop.abort();
  };
  const options = { ...COMPONENTS, events, signal: stop.signal, watch };
  const { stateHash } =
    how === 'backtest' ? await backtest(spec, options) : await runPipeline(spec, { ...options, fast: true, fresh: false });
  return { said, naive, events: told, stateHash };
}

const timeOf = (id: string) => Date.parse(id.split(' ')[1]!);
const after = (said: ReadonlyMap<string, unknown>, time: number) => [...said].filter(([id]) => timeOf(id) > time);

/** The models that an unbroken line trained, and what it said. */
let whole: Ran;
let models: string[];
beforeAll(async () => {
  const spec = pipeline({ source: 'data.csv' });
  whole = await run(spec);
  const weights = join(spec.state.path, 'weights');
  models = readdirSync(weights)
    .sort()
    .map((name) => join(weights, name));
});

describe('a line that begins with a model', () => {
  it('goes on, over its history, to the bit like the line that was trained there, later trainings included', async () => {
    expect(whole.events.filter(([name]) => name === 'weights.swapped').length).toBe(3);
    const warm = await run(pipeline({ history: 'past.csv', weights: models[0]! }));
    expect(warm.events[0]).toEqual(['weights.given', { trigger: UNTIL, hash: models[0]!.split('-').at(-1) }]);
    expect(warm.events.filter(([name]) => name === 'training.started').length).toBe(2);
    const [wanted, found] = [after(whole.said, UNTIL), after(warm.said, UNTIL)];
    expect(found.length).toBeGreaterThan(1000);
    expect(found).toEqual(wanted);
    expect(warm.stateHash).toBe(whole.stateHash);
  });

  it('without a model it trains where its history ends, as if the live rows had followed', async () => {
    const learned = await run(pipeline({ history: 'past.csv' }));
    expect(learned.said).toEqual(whole.said);
    expect(learned.stateHash).toBe(whole.stateHash);
  });

  it('the same where series say when it is time to train', async () => {
    const rest = 'retrain: { epochs: 1, steps: 24, burn_in: 8 }';
    const spec = pipeline({ source: 'data.csv', rest });
    const grown = await run(spec);
    const [first] = readdirSync(join(spec.state.path, 'weights')).sort();
    const model = join(spec.state.path, 'weights', first!);
    const { trigger } = loadModel(model).meta as { trigger: number };
    part('grown-past.csv', (time) => time <= trigger);
    part('grown-rest.csv', (time) => time > trigger);
    const warm = await run(pipeline({ source: 'grown-rest.csv', history: 'grown-past.csv', weights: model, rest }));
    expect(grown.events.filter(([name]) => name === 'training.started').length).toBeGreaterThanOrEqual(2);
    expect(after(warm.said, trigger)).toEqual(after(grown.said, trigger));
    expect(warm.stateHash).toBe(grown.stateHash);
  });

  it('says nothing that it learned of the rows that it learned from', async () => {
    const warm = await run(pipeline({ source: 'data.csv', rest: NEVER, weights: models[0]! }), 'backtest');
    const without = await run(pipeline({ source: 'data.csv', rest: NEVER }), 'backtest');
    for (const [id, said] of without.said) {
      if (timeOf(id) <= UNTIL) expect(warm.said.get(id), id).toBe(said);
      else expect(warm.said.get(id), id).not.toBe(said);
    }
  });

  it('is in force from the first row where there is no history, and makes way for a training on as many rows only', async () => {
    const forecast = `horizon: 3, season: 24, models: [naive, ridge, ${RECURRENT}], output: ridge`;
    const spec = pipeline({ source: 'data.csv', forecast });
    await run(spec);
    const [first] = readdirSync(join(spec.state.path, 'weights')).sort();
    const rest = 'retrain: { every: 2d, epochs: 1, steps: 24, burn_in: 8 }';
    const warm = await run(pipeline({ forecast, rest, weights: join(spec.state.path, 'weights', first!) }));
    // a series that has not moved yet has no unit
    expect([...warm.naive].filter(([, same]) => same).length).toBeLessThanOrEqual(4);
    const started = warm.events.filter(([name]) => name === 'training.started').map(([, { trigger }]) => Number(trigger));
    const learned = (UNTIL - START) / HOUR + 1;
    expect(started.length).toBeGreaterThan(0);
    expect((started[0]! - UNTIL) / HOUR).toBeGreaterThanOrEqual(learned);
    expect(warm.events.find(([name]) => name === 'training.skipped')?.[1]['reason']).toMatch(/too few rows/);
  });

  it('takes its seasons where they are not given', async () => {
    const warm = await run(
      pipeline({ forecast: `horizon: 3, season: auto, models: ${MODELS}`, weights: models[0]!, rest: NEVER }),
    );
    const given = await run(pipeline({ weights: models[0]!, rest: NEVER }));
    expect(warm.events).toContainEqual(['seasons.found', { seasons: [24], rows: 0, time: -Infinity }]);
    expect(warm.said).toEqual(given.said);
  });
});

describe('a restart', () => {
  const copy = (name: string, of = models[0]!) => {
    const to = join(folder, name);
    rmSync(to, { recursive: true, force: true });
    cpSync(of, to, { recursive: true });
    return to;
  };

  it('of a line that is retrained goes on with the weights of its state: the folder may be gone', async () => {
    const setup = { history: 'past.csv', weights: 'gone' };
    copy('gone');
    const spec = pipeline(setup);
    const begun = await run(spec, 'run', 700);
    expect(begun.said.size).toBeLessThan(1000);
    rmSync(join(folder, 'gone'), { recursive: true });
    const ended = await run(spec);
    expect(ended.events.map(([name]) => name)).not.toContain('weights.given');
    expect(new Map([...begun.said, ...ended.said])).toEqual((await run(pipeline({ ...setup, weights: models[0]! }))).said);
    expect(ended.stateHash).toBe(whole.stateHash);
    // another one there is not looked at
    copy('gone', models[1]!);
    expect((await run(spec)).stateHash).toBe(whole.stateHash);
    // nor is it needed for an earlier version
    expect(existsSync(join(spec.state.path, 'weights', models[0]!.split('/').at(-1)!))).toBe(true);
  });

  it('of a line that is not retrained needs the folder, and says so', async () => {
    copy('still');
    const spec = pipeline({ weights: 'still', rest: NEVER });
    const begun = await run(spec, 'run', 200);
    rmSync(join(folder, 'still'), { recursive: true });
    await expect(run(spec)).rejects.toMatchObject({ code: 'NN_MODEL_MISSING' });
    copy('still');
    const ended = await run(spec);
    const unbroken = await run(pipeline({ weights: models[0]!, rest: NEVER }));
    expect(new Map([...begun.said, ...ended.said])).toEqual(unbroken.said);
    expect(ended.stateHash).toBe(unbroken.stateHash);
  });
});

describe('a model that does not fit', () => {
  const refused = async (spec: LoadedSpec, code: string, facts: object = {}) => {
    await expect(run(spec)).rejects.toMatchObject({ code, facts });
    expect(readdirSync(spec.state.path).filter((name) => /weights|swaps/.test(name))).toEqual([]);
  };

  it.each([
    ['horizon', { forecast: `horizon: 2, season: 24, models: ${MODELS}` }, { horizon: '3, now 2' }],
    ['season', { forecast: `horizon: 3, season: 12, models: ${MODELS}` }, { season: '[24], now [12]' }],
    ['quantiles', { forecast: `horizon: 3, season: 24, quantiles: [0.1, 0.9], models: ${MODELS}` }, {}],
    ['models', { forecast: `horizon: 3, season: 24, models: [naive, ridge, ${RECURRENT}]` }, {}],
    [
      'hidden size',
      { forecast: `horizon: 3, season: 24, models: ${MODELS.replace('hidden: 4', 'hidden: 5')}` },
      { 'network.hidden': '4, now 5' },
    ],
    ['lags', { forecast: `horizon: 3, season: 24, models: ${MODELS.replace('lags: 3', 'lags: 4')}` }, {}],
    ['window', { window: 'grid: rows, interval: 30m, ring: 300' }, { 'window.interval': '3600000, now 1800000' }],
  ])('is refused for its %s, and nothing was begun', async (_, over, facts) => {
    await refused(pipeline({ ...over, weights: models[0]! }), 'MODEL_MISFIT', facts);
  });

  it('is refused for its channels', async () => {
    writeFileSync(
      join(folder, 'two.csv'),
      ['time,series,value,price', ...lines.filter((_, i) => i < 100).map((line) => `${line},1`)].join('\n'),
    );
    const spec = pipeline({ weights: models[0]! });
    const source = { ...spec.source, config: { ...(spec.source.config as object), path: 'two.csv', values: ['value', 'price'] } };
    await refused({ ...spec, source }, 'MODEL_MISFIT', { channels: '["value"], now ["value","price"]' });
  });

  it('is refused damaged, and one of another kind; a network alone need not say what it is for', async () => {
    const damaged = join(folder, 'damaged');
    cpSync(models[0]!, damaged, { recursive: true });
    const bytes = readFileSync(join(damaged, 'model.safetensors'));
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(join(damaged, 'model.safetensors'), bytes);
    await refused(pipeline({ weights: 'damaged' }), 'NN_MODEL_DAMAGED');
    const { shape, weights } = loadModel(models[0]!);
    saveModel(join(folder, 'silent'), { shape, weights, meta: {} });
    await refused(pipeline({ weights: 'silent' }), 'MODEL_MISFIT');
    saveModel(join(folder, 'network'), { shape, weights: networkWeights(shape!, weights), meta: {} });
    const { events } = await run(pipeline({ weights: 'network', rest: NEVER }));
    expect(events[0]).toMatchObject(['weights.given', { trigger: -Infinity }]);
  });
});

it('a model stands for a training where it ends: the next one comes when there are rows enough since', async () => {
  const until = START + 498 * HOUR;
  part('most.csv', (time) => time <= until);
  part('little.csv', (time) => time > until);
  const rest = 'retrain: { epochs: 1, steps: 24, burn_in: 8 }';
  const forecast = 'horizon: 3, season: 24, models: [naive, ridge]';
  const options = { ...COMPONENTS, events: new EventBus(), signal: new AbortController().signal };
  await trainModel(pipeline({ source: 'most.csv', forecast, rest }), join(folder, 'newest'), options);
  const warm = await run(pipeline({ source: 'little.csv', history: 'most.csv', weights: 'newest', forecast, rest }));
  // a trigger lies 150 rows after it; 250 are enough
  expect(after(warm.said, until).length).toBeGreaterThan(400);
  expect(warm.events.map(([name]) => name)).toEqual(['weights.given']);
});

it('training from nothing, the last training is that of a line with a trigger there, whatever the pipeline begins with', async () => {
  const options = { ...COMPONENTS, events: new EventBus(), signal: new AbortController().signal };
  const out = join(folder, 'trained');
  // the model of the pipeline may be the one to be written
  const { learned } = await trainModel(pipeline({ source: 'past.csv', weights: 'trained', rest: RETRAIN }), out, options);
  const [mine, theirs] = [loadModel(out), loadModel(models[0]!)];
  expect(mine.weights).toEqual(theirs.weights);
  expect(mine.meta).toMatchObject(theirs.meta);
  expect(learned).toMatchObject({ hash: models[0]!.split('-').at(-1), until: new Date(UNTIL).toISOString(), series: 2 });
  expect(readdirSync(folder).filter((name) => name.startsWith('trained'))).toEqual(['trained']);
});
