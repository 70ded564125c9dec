/** Defects that a review found, each with the smallest run that shows it. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { lastValueFrom } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import type { ForecastBatch, Reject } from '../../src/core/batch.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { Random } from '../../src/core/random.ts';
import { EventBus } from '../../src/core/events.ts';
import { Lanes, type Spill } from '../../src/core/lanes.ts';
import { State, type StateSnapshot } from '../../src/core/state.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { buildLine, type LineParts } from '../../src/pipeline/build.ts';
import { FolderStore } from '../../src/pipeline/state-store.ts';
import { SwapLog } from '../../src/pipeline/swap-log.ts';
import type { Spec } from '../../src/pipeline/spec.ts';
import { Delivery } from '../../src/stream/deliver.ts';
import { train } from '../../src/train/train.ts';
import type { TrainingRunner } from '../../src/train/worker.ts';
import { configOf, memorySource, QUICK_RETRAIN, type Row, runLine, specOf } from '../support/whole-line.ts';

const MINUTE = 60_000;
/** A whole hour, so that triggers every 10 minutes lie at 10, 20 ... after it. */
const START = 1_700_002_800_000;
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'tidecast-review-'));
  folders.push(made);
  return made;
}

const models = ['naive', 'recurrent'].map((type) => ({ type, config: configOf(type) }));

function row(series: string, minute: number, value = 10 * (minute % 6) + (series.charCodeAt(0) % 7)): Row {
  return { series, time: START + minute * MINUTE, values: [value] };
}

function every(series: string, from: number, to: number, step = 1): Row[] {
  return Array.from({ length: Math.floor((to - from) / step) }, (_, i) => row(series, from + i * step));
}

function byTime(rows: readonly Row[]): Row[] {
  return [...rows].sort((x, y) => x.time - y.time || (x.series < y.series ? -1 : 1));
}

interface Stretch {
  readonly snapshot?: StateSnapshot | undefined;
  readonly folder?: string;
  readonly exact?: boolean;
  readonly batches?: readonly number[];
  /** Stops after the rows, as Ctrl-C does, instead of ending. */
  readonly stop?: boolean;
  readonly runner?: TrainingRunner;
  readonly spill?: Spill;
  readonly parts?: Partial<LineParts>;
}

interface Ran {
  readonly snapshot: StateSnapshot;
  readonly hash: string;
  readonly forecasts: Map<string, string>;
  readonly rejects: Reject[];
  readonly events: [string, number][];
  readonly version: number;
}

/** A part of a run: from a snapshot to the end of the rows. */
async function stretch(spec: Spec, rows: readonly Row[], options: Stretch = {}): Promise<Ran> {
  const state = new State({ maxLanes: spec.state.max_lanes });
  if (options.snapshot) state.restore(options.snapshot);
  if (options.spill) state.lanes.spillTo(options.spill);
  const stop = new AbortController();
  const forecasts = new Map<string, string>();
  const rejects: Reject[] = [];
  const bus = new EventBus();
  const events: [string, number][] = [];
  for (const name of ['training.started', 'training.skipped', 'training.failed', 'weights.swapped'] as const)
    bus.on(name, ({ trigger }) => void events.push([name, (trigger - START) / MINUTE]));
  const write = ({ length, keys, lanes, issued, validTimes, horizon, mean, model, models: hashes }: ForecastBatch) => {
    for (let i = 0; i < length; i++) {
      const said = Array.from(mean.subarray(i * horizon, (i + 1) * horizon)).join(' ');
      forecasts.set(
        `${keys[lanes[i]!]} ${(issued[i]! - START) / MINUTE}`,
        `${said} ${hashes[model[i]!]} ${validTimes[i * horizon]}`,
      );
    }
  };
  const line = buildLine(spec, {
    state,
    source: memorySource(rows, options.batches ?? [64], () => options.stop && stop.abort()),
    sinks: [
      {
        open: async () => undefined,
        write,
        reject: (some) => void rejects.push(...some),
        flush: async () => undefined,
        close: async () => undefined,
      },
    ],
    forecasters: FORECASTERS,
    clock: new ManualClock(),
    events: bus,
    signal: stop.signal,
    exact: options.exact ?? true,
    paced: false,
    training: { runner: options.runner ?? (async (job) => train(job)), log: new SwapLog(options.folder ?? folder()) },
    ...options.parts,
  });
  await lastValueFrom(line.forecasts$, { defaultValue: undefined });
  await line.delivery.room();
  return {
    snapshot: structuredClone(state.snapshot()),
    hash: state.hash(),
    forecasts,
    rejects,
    events,
    version: line.recurrent?.box.current.version ?? 0,
  };
}

/** Evicted lanes in memory. */
function memorySpill(): Spill {
  const kept = new Map<string, Uint8Array>();
  return {
    put: (key, bytes) => void kept.set(key, bytes.slice()),
    take: (key) => {
      const bytes = kept.get(key);
      kept.delete(key);
      return bytes;
    },
    peek: (key) => kept.get(key),
    keys: () => kept.keys(),
  };
}

/** Every training is accepted: what it trained on then shows in every later forecast. */
const eager: TrainingRunner = async (job) => ({ ...train(job), accepted: true });

describe('retraining is defined in event time', () => {
  const retrain = { ...QUICK_RETRAIN, every: 10 * MINUTE };
  const spec = specOf({ retrain, clean: { lateness: 5 * MINUTE }, forecast: { models } });

  it('a gap over several triggers trains the same whichever row ends it', async () => {
    const before = byTime([...every('a', 1, 38), ...every('b', 1, 38)]);
    const after = byTime([...every('a', 77, 90), ...every('b', 77, 90)]);
    const one = await stretch(spec, [...before, row('a', 71), row('b', 76), ...after], { runner: eager });
    const other = await stretch(spec, [...before, row('b', 76), row('a', 71), ...after], { runner: eager });
    expect(other.forecasts).toEqual(one.forecasts);
    expect(other.events.filter(([name]) => name === 'training.started')).toEqual(
      one.events.filter(([name]) => name === 'training.started'),
    );
    expect(other.hash).toBe(one.hash);
  });

  it('a copy of a row that had waited for weights is refused, and does not end the line', async () => {
    // 41 to 45 wait until 46 comes; then `a` is silent
    const rows = byTime([...every('a', 1, 46), ...every('b', 1, 60)]);
    const ran = await stretch(spec, [...rows, row('a', 45), ...every('b', 60, 80)]);
    expect(ran.rejects.map(({ reason }) => reason)).toEqual(['duplicate']);
  });

  it('a row that waited leaves the same state as one that did not', async () => {
    const before = byTime([...every('a', 1, 46), ...every('b', 1, 45)]);
    const one = await stretch(spec, [...before, row('b', 45), ...every('a', 46, 60)]);
    const other = await stretch(spec, [...before, row('a', 46), row('b', 45), ...every('a', 47, 60)]);
    expect(other.hash).toBe(one.hash);
  });

  it('training at the end of the input is not repeated when the input has grown', async () => {
    const first = byTime([...every('a', 1, 42), ...every('b', 1, 36)]);
    const more = [...every('b', 36, 41), ...byTime([...every('a', 42, 60), ...every('b', 42, 60)])];
    const whole = await stretch(spec, [...first, ...more], { runner: eager });
    const kept = folder();
    let cut: StateSnapshot | undefined;
    const state = new State();
    const between: LineParts['between'] = ({ last }) => {
      if (last) cut = structuredClone(state.snapshot());
      return undefined;
    };
    const short = await stretch(spec, first, { folder: kept, runner: eager, parts: { between, state } });
    const grown = await stretch(spec, [...first, ...more], { folder: kept, snapshot: cut, runner: eager });
    // the end of the shorter input did let a training see fewer rows
    expect(short.forecasts.get('a 41')).not.toBe(whole.forecasts.get('a 41'));
    expect(grown.hash).toBe(whole.hash);
    for (const [id, said] of grown.forecasts) expect(said, id).toBe(whole.forecasts.get(id));
  });

  it('the draw of series does not depend on those that have no rows yet', async () => {
    const { collectRows } = await import('../../src/train/job.ts');
    const { Ring } = await import('../../src/window/ring.ts');
    const drawn = (names: readonly string[]) => {
      const lanes = new Lanes();
      const ring = new Ring(lanes, { capacity: 8, channels: 1 });
      const column = lanes.f64('tail');
      for (const name of names) {
        const lane = lanes.lane(name);
        if (name !== 'new') for (let i = 0; i < 8; i++) ring.push(lane, i, Float64Array.of(i), 0);
      }
      const recurrent = { tailOf: () => new Float64Array(1), tail: column } as never;
      return collectRows(lanes, ring, recurrent, 100, 1, { maxRows: 16 } as never).map(({ name }) => name);
    };
    const names = Array.from({ length: 20 }, (_, i) => `s${i}`);
    expect(drawn([...names, 'new'])).toEqual(drawn(names));
  });
});

describe('swap: asap', () => {
  const retrain = { ...QUICK_RETRAIN, every: 10 * MINUTE };
  const spec = specOf({ retrain, forecast: { models } });

  it('swaps recorded before the first checkpoint are repeated by a run that starts over', async () => {
    const kept = folder();
    const rows = every('a', 1, 60);
    const first = await stretch(spec, rows, { folder: kept, exact: false, batches: [1], runner: eager });
    expect(first.version).toBeGreaterThan(0);
    const again = await stretch(spec, rows, { folder: kept, exact: false, batches: [7], runner: eager });
    expect(again.forecasts).toEqual(first.forecasts);
  });

  it('a trigger that was skipped while a training ran is skipped again after a restart', async () => {
    const kept = folder();
    const rows = every('a', 1, 60);
    let finish: (() => void) | undefined;
    let trainings = 0;
    // the training at 20 takes until row 38; the trigger at 30 falls into it
    const slow: TrainingRunner = (job) =>
      new Promise((resolve) =>
        ++trainings === 1
          ? (finish = () => resolve({ ...train(job), accepted: true }))
          : resolve({ ...train(job), accepted: true }),
      );
    let cut: StateSnapshot | undefined;
    const state = new State();
    const between: LineParts['between'] = async ({ rows: n }) => {
      if (n === 15) cut = structuredClone(state.snapshot());
      if (n === 38) finish?.();
      await new Promise((resolve) => setImmediate(resolve));
    };
    const whole = await stretch(spec, rows, {
      folder: kept,
      exact: false,
      batches: [1],
      runner: slow,
      parts: { between, state },
    });
    const yielding: LineParts['between'] = () => new Promise((resolve) => setImmediate(resolve));
    const again = await stretch(spec, rows, {
      folder: kept,
      snapshot: cut,
      exact: false,
      batches: [1],
      runner: eager,
      parts: { between: yielding },
    });
    for (const [id, said] of again.forecasts) expect(said, id).toBe(whole.forecasts.get(id));
  });

  it('rows that waited under `exact` are not lost when the next run does not wait', async () => {
    const late = specOf({ retrain, clean: { lateness: 5 * MINUTE }, forecast: { models } });
    const rows = every('a', 1, 80);
    const first = await stretch(late, rows.slice(0, 44), { stop: true });
    const then = await stretch(late, rows, { snapshot: first.snapshot, exact: false });
    expect(then.rejects).toEqual([]);
    expect(first.forecasts.size + then.forecasts.size).toBe(rows.length);
  });

  it('rows that cannot be collected stop the run, not the process', async () => {
    const unhandled: unknown[] = [];
    const note = (cause: unknown) => void unhandled.push(cause);
    process.on('unhandledRejection', note);
    try {
      const broken: Spill = {
        ...memorySpill(),
        keys: () => ['gone'],
        peek: () => {
          throw new Error('damaged');
        },
      };
      const yielding: LineParts['between'] = () => new Promise((resolve) => setImmediate(resolve));
      await expect(
        stretch(spec, every('a', 1, 60), { exact: false, batches: [1], spill: broken, parts: { between: yielding } }),
      ).rejects.toThrow('damaged');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(unhandled).toEqual([]);
    } finally {
      process.off('unhandledRejection', note);
    }
  });
});

describe('lanes with a time to live', () => {
  it('whether a series finds a lane does not depend on the batches', async () => {
    const spec = specOf({ forecast: { models }, state: { max_lanes: 1, time_to_live: 10 * MINUTE } as never });
    const rows = [row('a', 1), row('b', 20), row('c', 21), row('c', 22), row('a', 40), row('a', 41)];
    const one = await stretch(spec, rows, { batches: [1], spill: memorySpill() });
    const other = await stretch(spec, rows, { batches: [64], spill: memorySpill() });
    expect(other.rejects.map(({ offset }) => offset)).toEqual(one.rejects.map(({ offset }) => offset));
    expect(other.forecasts).toEqual(one.forecasts);
  });

  it('an open bar of an idle series is trained on whatever the batches', async () => {
    const retrain = { ...QUICK_RETRAIN, every: 60 * MINUTE };
    const spec = specOf({
      retrain,
      window: { grid: MINUTE, interval: MINUTE } as never,
      forecast: { models },
      state: { time_to_live: 10 * MINUTE } as never,
    });
    const rows = byTime([...every('a', 1, 35, 0.5), ...every('b', 1, 150, 0.5)]);
    const one = await stretch(spec, rows, { batches: [3], runner: eager, spill: memorySpill() });
    const other = await stretch(spec, rows, { batches: [1000], runner: eager, spill: memorySpill() });
    expect(other.forecasts).toEqual(one.forecasts);
    expect(other.hash).toBe(one.hash);
  });
});

describe('on uneven series', () => {
  const SEED = 3;

  /** Series with gaps of up to an hour and rows off the minute, merged by time. */
  function uneven(series: number, rows: number, seed: number): Row[] {
    const random = new Random(seed);
    return byTime(
      Array.from({ length: series }, (_, s) => {
        let minute = random.below(10);
        return Array.from({ length: rows }, (_, i) => {
          minute += (random.uniform() < 0.08 ? 1 + random.below(60) : 1) * (random.uniform() < 0.1 ? 0.5 : 1);
          return row(String.fromCharCode(97 + s), minute, 100 + 10 * (i % 6) + 3 * random.uniform());
        });
      }).flat(),
    );
  }

  it.each([
    ['rows', 'forward-fill'],
    ['bars', 'mask'],
  ])('with %s and gaps (%s), any interleaving within the lateness gives the same bits', async (grid, policy) => {
    console.log(`seed ${SEED}`);
    const bars = grid === 'bars' ? { grid: 3 * MINUTE, interval: 3 * MINUTE } : {};
    const spec = specOf({
      retrain: { ...QUICK_RETRAIN, every: 20 * MINUTE, lag: 3 * MINUTE },
      clean: { lateness: 5 * MINUTE },
      forecast: { models },
      window: { ...bars, gaps: { policy, limit: 3 } } as never,
    });
    const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        cuts,
        fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 3 }),
        fc.integer(),
        fc.integer(),
        async (series, batches, restarts, a, b) => {
          const rows = uneven(series, 70, a);
          const random = new Random(b);
          const other = rows
            .map((each) => ({ each, at: each.time + 4.9 * MINUTE * random.uniform() }))
            .sort((x, y) => x.at - y.at);
          const one = await runLine(spec, rows);
          const two = await runLine(
            spec,
            other.map(({ each }) => each),
            { batches, restarts },
          );
          expect(two.outputs).toEqual(one.outputs);
          expect(two.hash).toBe(one.hash);
        },
      ),
      { numRuns: 12, seed: SEED },
    );
  });

  it.each([
    ['rows', 0],
    ['bars', 5 * MINUTE],
  ])(
    'with %s, lateness %s, and series that leave, return and find no lane, batches of any size give the same bits',
    async (grid, lateness) => {
      const bars = grid === 'bars' ? { grid: 3 * MINUTE, interval: 3 * MINUTE } : {};
      const spec = specOf({
        retrain: { ...QUICK_RETRAIN, every: 20 * MINUTE },
        clean: { lateness },
        forecast: { models },
        window: bars as never,
        state: { max_lanes: 3, time_to_live: 15 * MINUTE } as never,
      });
      const cuts = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 2, max: 7 }), cuts, fc.integer(), async (series, batches, seed) => {
          const rows = uneven(series, 50, seed);
          const one = await stretch(spec, rows, { batches: [1], spill: memorySpill() });
          const two = await stretch(spec, rows, { batches, spill: memorySpill() });
          expect(two.rejects).toEqual(one.rejects);
          expect(two.forecasts).toEqual(one.forecasts);
          expect(two.hash).toBe(one.hash);
        }),
        { numRuns: 25, seed: SEED },
      );
    },
  );
});

describe('what fails has a place', () => {
  it('a forecaster that throws ends the run with its error', async () => {
    const uncaught: unknown[] = [];
    const note = (cause: unknown) => void uncaught.push(cause);
    process.on('uncaughtException', note);
    try {
      const broken = {
        ...FORECASTERS.find(({ name }) => name === 'naive')!,
        build: () => ({
          name: 'naive',
          ownQuantiles: false,
          step: () => {
            throw new Error('broken forecaster');
          },
        }),
      };
      const spec = specOf({ forecast: { models: [models[0]!] } });
      await expect(stretch(spec, every('a', 1, 20), { parts: { forecasters: [broken] } })).rejects.toThrow('broken forecaster');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(uncaught).toEqual([]);
    } finally {
      process.off('uncaughtException', note);
    }
  });

  it('an infinite time is no time: the state can still be saved', async () => {
    const spec = specOf({ forecast: { models: [models[0]!] } });
    const ran = await stretch(
      spec,
      [
        row('a', 1),
        { series: 'a', time: Infinity, values: [1] },
        row('a', 2),
        { series: 'a', time: -Infinity, values: [1] },
        row('a', 3),
        { series: 'a', time: Infinity, values: [1] },
      ],
      { batches: [1], stop: true },
    );
    expect(ran.rejects.map(({ reason }) => reason)).toEqual(['no-time', 'no-time', 'no-time']);
    expect(ran.forecasts.size).toBe(3);
    JSON.stringify(ran.snapshot.parts, (_, value: unknown) => {
      if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
      return ArrayBuffer.isView(value) ? null : value;
    });
  });

  it('ticks of a clock that runs ahead do not pile up while others wait for weights', async () => {
    const spec = specOf({ retrain: { ...QUICK_RETRAIN, every: 10 * MINUTE }, forecast: { models } });
    const year = 366 * 24 * 60;
    const rows = every('a', 1, 200).flatMap((each, i) => [each, ...(i > 20 ? [row('a', 2 * year + i)] : [])]);
    const ran = await stretch(spec, rows, { batches: [5], stop: true });
    const { held } = ran.snapshot.parts['ingest'] as unknown as { held: { times: Float64Array } | null };
    expect(held?.times.length ?? 0).toBe(0);
    expect(ran.rejects.length).toBeGreaterThan(150);
  });

  it('a sink is not called again before its promise resolves', async () => {
    let busy = 0;
    let most = 0;
    let taken = 0;
    const work = async (n: number) => {
      most = Math.max(most, ++busy);
      await new Promise((resolve) => setImmediate(resolve));
      taken += n;
      busy--;
    };
    const delivery = new Delivery([
      {
        open: async () => undefined,
        write: () => work(0),
        reject: (some) => work(some.length),
        flush: async () => undefined,
        close: async () => undefined,
      },
    ]);
    delivery.write({} as ForecastBatch);
    for (let i = 0; i < 5; i++) delivery.reject([{ partition: 0, offset: i, reason: 'late' }]);
    await delivery.room();
    expect({ most, taken }).toEqual({ most: 1, taken: 5 });
  });

  it('a fresh start removes the state and nothing else', () => {
    const place = folder();
    writeFileSync(join(place, 'precious.csv'), 'x');
    mkdirSync(join(place, 'weights'));
    writeFileSync(join(place, 'swaps.jsonl'), '');
    writeFileSync(join(place, 'generation-000000001.state'), '');
    new FolderStore(place, { fresh: true }).close();
    expect(readdirSync(place)).toEqual(['precious.csv']);
  });
});
