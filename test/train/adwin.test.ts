import fc from 'fast-check';
import { expect, it } from 'vitest';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { Adwin } from '../../src/train/adwin.ts';

const SEED = 20070426;

function fresh(draws = 1): { adwin: Adwin; state: State; lane: number } {
  const state = new State();
  const adwin = new Adwin(state.lanes, { name: 'test', cells: 2, draws });
  return { adwin, state, lane: state.lanes.lane('a') };
}

it('the window is always the newest values, however buckets were merged and dropped', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ length: fc.integer({ min: 1, max: 900 }), level: fc.double({ min: 0, max: 1, noNaN: true }) }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.integer(),
      (parts, seed) => {
        const random = new Random(seed);
        const { adwin, lane } = fresh();
        const values: number[] = [];
        for (const { length, level } of parts)
          for (let i = 0; i < length; i++) {
            values.push(0.5 * level + 0.5 * random.uniform());
            adwin.add(lane, 1, values.at(-1)!);
          }
        const { length, mean } = adwin.window(lane, 1);
        expect(length).toBeGreaterThan(0);
        expect(length).toBeLessThanOrEqual(Math.min(values.length, 1533));
        const newest = values.slice(-length);
        expect(mean).toBeCloseTo(newest.reduce((sum, value) => sum + value, 0) / length, 9);
        expect(adwin.window(lane, 0).length).toBe(0);
      },
    ),
    { seed: SEED, numRuns: 100 },
  );
});

it('a mean that stays is taken for one that moves in fewer than one of 20 streams of 5000 values', () => {
  const random = new Random(SEED);
  let alarms = 0;
  for (let stream = 0; stream < 100; stream++) {
    const { adwin, lane } = fresh(stream % 2 ? 1 : 32);
    const spread = stream % 2 ? 0.5 : 0.05;
    let moved = 0;
    for (let i = 0; i < 5000; i++) moved += Math.abs(adwin.add(lane, 0, 0.5 + spread * (2 * random.uniform() - 1)));
    alarms += moved > 0 ? 1 : 0;
  }
  expect(alarms).toBeLessThan(5);
});

it('a mean that moves is found, with its direction, and the values from before are dropped', () => {
  for (const [before, after, direction] of [
    [0.3, 0.7, 1],
    [0.7, 0.3, -1],
  ] as const) {
    const random = new Random(SEED);
    const { adwin, lane } = fresh();
    const moved: number[] = [];
    for (let i = 0; i < 1500; i++) {
      const told = adwin.add(lane, 0, (i < 1000 ? before : after) + 0.2 * (random.uniform() - 0.5));
      if (told !== 0) moved.push(i, told);
    }
    expect(moved[0]).toBeGreaterThanOrEqual(1000);
    expect(moved[0]).toBeLessThan(1060);
    expect(moved[1]).toBe(direction);
    const { length, mean } = adwin.window(lane, 0);
    expect(length).toBeLessThan(560);
    expect(mean).toBeCloseTo(after, 1);
  }
});

it('a restart at any value gives the same bits', () => {
  const random = new Random(SEED);
  const values = Array.from({ length: 400 }, (_, i) => Math.min(1, Math.abs((i < 200 ? 0.2 : 0.5) + 0.1 * random.normal(log))));
  const whole = fresh();
  const told = values.map((value) => whole.adwin.add(whole.lane, 0, value));
  expect(told.some((each) => each !== 0)).toBe(true);
  for (let cut = 1; cut < values.length; cut += 37) {
    const first = fresh();
    const again = values.slice(0, cut).map((value) => first.adwin.add(first.lane, 0, value));
    const second = fresh();
    second.state.restore(structuredClone(first.state.snapshot()));
    again.push(...values.slice(cut).map((value) => second.adwin.add(second.lane, 0, value)));
    expect(again).toEqual(told);
    expect(second.state.hash()).toBe(whole.state.hash());
  }
});
