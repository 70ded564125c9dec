import { expect, it } from 'vitest';
import { ROW_IMPUTED } from '../../src/core/batch.ts';
import { EventBus, type Events } from '../../src/core/events.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import type { Wave } from '../../src/forecast/forecaster.ts';
import { Drift, type DriftOptions } from '../../src/train/drift.ts';

type Found = Events['drift.detected'];

function watched(options: Partial<DriftOptions> = {}) {
  const state = new State();
  const events = new EventBus();
  const found: Found[] = [];
  events.on('drift.detected', (event) => void found.push(event));
  const drift = new Drift(state, {
    channels: ['value'],
    targets: 1,
    horizon: 1,
    season: undefined,
    error: true,
    inputs: true,
    share: 0.1,
    coolDown: 0,
    events,
    ...options,
  });
  const row = (series: string, time: number, value: number, error: number, flags = 0) => {
    const wave: Wave = {
      rows: 1,
      lanes: Int32Array.of(state.lanes.lane(series)),
      times: Float64Array.of(time),
      values: Float64Array.of(value),
      channels: 1,
      elapsed: Float64Array.of(1),
      flags: Uint8Array.of(flags),
    };
    drift.step(wave, Int32Array.of(0), Float64Array.of(error));
  };
  return { state, drift, found, row };
}

/** Feeds a series: `next` gives value and error of a row. */
function feed(
  { row }: Pick<ReturnType<typeof watched>, 'row'>,
  series: string,
  rows: readonly [from: number, to: number],
  next: (t: number, draw: () => number) => readonly [number, number],
): void {
  const random = new Random(rows[0] + 1);
  for (let t = rows[0]; t < rows[1]; t++) row(series, t, ...next(t, () => random.normal(log)));
}

const noise = (_: number, draw: () => number) => {
  const e = draw();
  return [100 + e, e] as const;
};

it('stationary noise, an autoregression, a season and a noisy half of each day: at most one alarm in 20,000 rows', () => {
  const kinds: Record<string, (t: number, draw: () => number, before: number) => readonly [number, number]> = {
    noise,
    autoregression: (_, draw, before) => {
      const e = draw();
      return [0.9 * before + e, e];
    },
    season: (t, draw) => {
      const e = draw();
      return [10 * Math.sin((2 * Math.PI * t) / 48) + e, e];
    },
    'noisy half': (t, draw) => {
      const e = draw() * (t % 48 < 24 ? 3 : 1);
      return [e, e];
    },
  };
  for (const [name, next] of Object.entries(kinds)) {
    const line = watched({ season: 48 });
    for (let series = 0; series < 6; series++) {
      let before = 0;
      feed(line, `s${series}`, [series * 10_000, series * 10_000 + 10_000], (t, draw) => {
        const [value, error] = next(t, draw, before);
        before = value;
        return [value, error];
      });
    }
    expect(line.found.length, name).toBeLessThanOrEqual(3);
  }
});

it('each detector finds what is its own, names it, and an error that shrinks is no drift', () => {
  const cases: Record<string, { next: (t: number, draw: () => number) => readonly [number, number]; of: string[] }> = {
    'forecasts lose their skill': {
      next: (t, draw) => {
        const e = draw();
        return [100 + e, t < 3000 ? e : 3 * e];
      },
      of: ['adwin'],
    },
    'the level moves, forecasts stay as good': {
      next: (t, draw) => [t < 3000 ? draw() : 8 + draw(), draw()],
      of: ['page-hinkley'],
    },
    'forecasts become better': {
      next: (t, draw) => {
        const e = draw();
        return [100 + e, t < 3000 ? e : e / 4];
      },
      of: [],
    },
    nothing: { next: noise, of: [] },
  };
  for (const [name, { next, of }] of Object.entries(cases)) {
    const line = watched();
    feed(line, 'a', [0, 4000], next);
    expect([...new Set(line.found.map(({ detector }) => detector))], name).toEqual(of);
    for (const { time, series, of: channel } of line.found) {
      expect([series, channel]).toEqual(['a', 'value']);
      expect(time).toBeGreaterThanOrEqual(3000);
    }
    if (of.length > 0) expect(line.found[0]!.time).toBeLessThan(3400);
  }
});

it('a training is due when the share of series with rows since the last has drifted, and after the cool-down', () => {
  const line = watched({ share: 0.5, coolDown: 1000, inputs: false });
  const lost = (t: number, draw: () => number) => [draw(), draw() * (t < 2000 ? 1 : 5)] as const;
  for (const series of ['a', 'b', 'c', 'd']) feed(line, series, [0, 2000], noise);
  feed(line, 'a', [2000, 3000], lost);
  expect(line.found.length).toBeGreaterThan(0);
  expect(line.drift.due(3000)).toBe(false);
  feed(line, 'b', [2000, 3000], lost);
  expect(line.drift.due(3000)).toBe(true);
  line.drift.restart(3000, 3000);
  expect(line.drift.due(9000)).toBe(false);
  // series that have no rows any more do not count
  feed(line, 'c', [3001, 4001], lost);
  expect(line.drift.due(3999)).toBe(false);
  expect(line.drift.due(4000)).toBe(true);
  const again = watched({ share: 0.5, coolDown: 1000, inputs: false });
  again.state.restore(structuredClone(line.state.snapshot()));
  expect([again.drift.due(3999), again.drift.due(4000)]).toEqual([false, true]);
});

it('imputed rows, missing and huge values are no drift and leave nothing that is not a number', () => {
  const line = watched();
  feed(line, 'a', [0, 3000], (t, draw) => [t % 7 === 0 ? NaN : draw(), t % 5 === 0 ? NaN : draw()]);
  for (let t = 3000; t < 4000; t++) line.row('a', t, 1e9, 1e9, ROW_IMPUTED);
  expect(line.found).toEqual([]);
  for (let t = 4000; t < 5000; t++) line.row('b', t, t % 2 ? 1e308 : -1e308, Infinity);
  for (let t = 5000; t < 6000; t++) line.row('c', t, 5, 0);
  expect(line.found).toEqual([]);
});
