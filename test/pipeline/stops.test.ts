/** What a run that does not end needs: to stop in time, to save while nothing comes, and to be warm before its first live row. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { SourceBatch } from '../../src/core/batch.ts';
import { defineSink, defineSource } from '../../src/core/component.ts';
import type { Sink, Source } from '../../src/core/connector.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { EventBus } from '../../src/core/events.ts';
import type { Position } from '../../src/core/position.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import type { LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline, type RunResult } from '../../src/pipeline/run.ts';
import { configOf, memorySource, QUICK_RETRAIN, record, type Row, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, steadyRows } from '../support/whole-run.ts';

afterAll(removeFolders);

const component = { status: 'stable', summary: '', config: z.unknown(), example: '', guarantees: [] } as const;
const models = ['naive', 'linear', 'recurrent'].map((type) => ({ type, config: configOf(type) }));

/** Rows, and then nothing until it is stopped. */
function liveSource(rows: readonly Row[], told: { from?: Position | undefined; committed?: Position } = {}): Source {
  const source = memorySource(rows, [16]);
  return {
    ...source,
    bounded: false,
    async *read(from, signal): AsyncGenerator<SourceBatch> {
      told.from = from;
      yield* source.read(from, signal);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
    commit: async (position) => void (told.committed = position),
  };
}

interface Setup {
  readonly folder: string;
  readonly source: Source;
  readonly history?: Source;
  readonly sink?: Partial<Sink>;
  readonly outputs?: Map<string, string>;
  readonly stopWithin?: number;
  readonly events?: EventBus;
  readonly retrain?: typeof QUICK_RETRAIN;
  /** Folder of a model. */
  readonly weights?: string;
  readonly output?: string;
}

function start({
  folder,
  source,
  history,
  sink,
  outputs = new Map(),
  stopWithin = 20_000,
  events = new EventBus(),
  retrain,
  weights,
  output = 'mixture',
}: Setup): {
  stop(): void;
  ended: Promise<RunResult>;
} {
  const spec = specOf({
    forecast: { models, weights, output },
    ...(retrain ? { retrain } : {}),
    state: { path: join(folder, 'state'), checkpoint: 30 },
  });
  const loaded: LoadedSpec = {
    ...spec,
    service: { ...spec.service, stop_within: stopWithin },
    source: { type: 'live', config: {} },
    history: history && { type: 'history', config: {} },
    sinks: [{ type: 'map', config: {} }],
    file: join(folder, 'case.yaml'),
    folder,
  };
  const stop = new AbortController();
  const ended = runPipeline(loaded, {
    sources: [
      defineSource({ ...component, name: 'live', build: () => source }),
      ...(history ? [defineSource({ ...component, name: 'history', build: () => history })] : []),
    ],
    sinks: [
      defineSink({
        ...component,
        name: 'map',
        build: () => ({
          open: async () => undefined,
          write: (batch) => record(batch, outputs),
          flush: async () => undefined,
          close: async () => undefined,
          ...sink,
        }),
      }),
    ],
    forecasters: FORECASTERS,
    events,
    signal: stop.signal,
    fast: false,
    fresh: false,
  });
  ended.catch(() => undefined);
  return { stop: () => stop.abort(), ended };
}

async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; !condition(); n++) {
    if (n > 3000) throw new Error('it did not come to that in 30 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('row 32: a stop', () => {
  it.each(['flush', 'write', 'close'] as const)(
    'ends in the stated time when the sink hangs in %s, and says that it was not clean',
    async (place) => {
      const outputs = new Map<string, string>();
      const folder = newFolder();
      let hangs = false;
      const hang = () => {
        hangs = true;
        return new Promise<never>(() => undefined);
      };
      const events = new EventBus();
      const clean: boolean[] = [];
      events.on('run.stopped', (event) => void clean.push(event.clean));
      const run = start({
        folder,
        outputs,
        events,
        source: liveSource(steadyRows(2, 40)),
        stopWithin: 200,
        sink: { [place]: hang },
      });
      if (place !== 'close') await until(() => hangs);
      else await until(() => outputs.size > 100);
      run.stop();
      await expect(run.ended).rejects.toMatchObject({ code: 'RUN_STOPPED_UNCLEAN' });
      expect(clean.at(-1)).toBe(false);
      // the lock is free: the next run goes on
      const more = new Map<string, string>();
      const told: { from?: Position | undefined; committed?: Position } = {};
      const again = start({ folder, outputs: more, source: liveSource(steadyRows(2, 40), told) });
      // a sink that hung in `close` had everything saved and committed
      await until(() => told.committed?.['0'] === 80 || told.from?.['0'] === 80);
      again.stop();
      expect((await again.ended).total).toBe(80);
    },
  );
});

describe('a source that has nothing more for now', () => {
  it('is saved and committed all the same', async () => {
    const told: { committed?: Position } = {};
    const run = start({ folder: newFolder(), source: liveSource(steadyRows(1, 25), told) });
    await until(() => told.committed?.['0'] === 25);
    run.stop();
    expect((await run.ended).total).toBe(25);
  });
  it('row 42: ends the run when what came before cannot be delivered, although nothing more comes', async () => {
    const told: { committed?: Position } = {};
    const failing = async () => {
      throw new TidecastError('SINK_WRITE_FAILED', { path: 'x' });
    };
    const run = start({ folder: newFolder(), source: liveSource(steadyRows(1, 25), told), sink: { flush: failing } });
    await expect(run.ended).rejects.toMatchObject({ code: 'SINK_WRITE_FAILED' });
    expect(told.committed).toBeUndefined();
  });
});

describe('a history', () => {
  const rows = steadyRows(2, 120);
  const [past, present] = [rows.slice(0, 160), rows.slice(160)];

  it('teaches the line and delivers nothing; the live rows are forecast as if they had followed it', async () => {
    const whole = new Map<string, string>();
    const told: { from?: Position | undefined; committed?: Position } = {};
    const one = start({ folder: newFolder(), source: liveSource(rows, told), outputs: whole });
    await until(() => told.committed?.['0'] === rows.length);
    one.stop();
    await one.ended;
    const folder = newFolder();
    const outputs = new Map<string, string>();
    told.committed = {};
    const run = start({ folder, source: liveSource(present, told), history: memorySource(past, [16]), outputs });
    await until(() => told.committed?.['0'] === present.length);
    run.stop();
    const { total } = await run.ended;
    expect(total).toBe(rows.length);
    const issued = [...outputs].filter(([id]) => !id.endsWith('score'));
    expect(issued.length).toBe(present.length * 2);
    for (const [id, bits] of outputs) expect(bits, id).toBe(whole.get(id));
    // a restart does not read it again
    told.from = undefined;
    const again = start({ folder, source: liveSource(present, told), history: failing(), outputs });
    await until(() => told.from !== undefined);
    again.stop();
    expect((await again.ended).total).toBe(rows.length);
    expect(told.from).toEqual({ 0: present.length });
  });

  it('must have the channels of the source', async () => {
    const other: Source = { ...memorySource(past, [16]), channels: ['another'] };
    await expect(start({ folder: newFolder(), source: liveSource(present), history: other }).ended).rejects.toMatchObject({
      code: 'SPEC_CHANNEL',
    });
  });
});

function failing(): Source {
  return {
    ...memorySource(steadyRows(1, 2), [1]),

    async *read() {
      throw new Error('the history was read again');
    },
  };
}

describe('weights from a folder', () => {
  it('are in force after the rows that they learned from; a saved state takes those of another folder up and rebuilds every series', async () => {
    const taught = newFolder();
    await start({ folder: taught, source: memorySource(steadyRows(2, 120), [16]), retrain: QUICK_RETRAIN }).ended;
    const folders = readdirSync(join(taught, 'state', 'weights')).map((name) => join(taught, 'state', 'weights', name));
    expect(folders.length).toBeGreaterThanOrEqual(2);
    const [first, second] = [folders[0]!, folders.at(-1)!];
    const rows = steadyRows(2, 150).slice(240);
    const hashOf = (path: string) => path.slice(path.lastIndexOf('-') + 1);
    const forecasts = (outputs: Map<string, string>) => [...outputs].filter(([id]) => !id.endsWith('score'));
    const run = async (folder: string, some: typeof rows, weights: string) => {
      const outputs = new Map<string, string>();
      await start({ folder, source: memorySource(some, [16]), outputs, weights, output: 'recurrent' }).ended;
      expect(forecasts(outputs).every(([, bits]) => bits.endsWith(hashOf(weights)))).toBe(true);
      return outputs;
    };
    const folder = newFolder();
    // no more rows of a series than a state is rebuilt from: rebuilt, it is as if it had never been another
    await run(folder, rows.slice(0, 20), first);
    const later = await run(folder, rows, second);
    expect(forecasts(later).length).toBe(80);
    const whole = await run(newFolder(), rows, second);
    for (const [id, bits] of forecasts(later)) expect(bits.slice(0, 16), id).toBe(whole.get(id)!.slice(0, 16));
    await expect(
      start({ folder: newFolder(), source: memorySource(rows, [16]), weights: '/nowhere' }).ended,
    ).rejects.toMatchObject({
      code: 'NN_MODEL_MISSING',
    });
  });
});
