/** When a series has grown enough to be trained on again. */
import { expect, it } from 'vitest';
import { State } from '../../src/core/state.ts';
import { Growth } from '../../src/train/growth.ts';
import { hasGrown } from '../../src/train/schedule.ts';
import { Ring } from '../../src/window/ring.ts';

it('first 120 rows, then a quarter more, but no fewer than 250 rows and no more than 1,000', () => {
  expect([0, 119, 120].map((rows) => hasGrown(rows, 0))).toEqual([false, false, true]);
  expect([369, 370].map((rows) => hasGrown(rows, 120))).toEqual([false, true]);
  expect([2499, 2500].map((rows) => hasGrown(rows, 2000))).toEqual([false, true]);
  expect([20_999, 21_000].map((rows) => hasGrown(rows, 20_000))).toEqual([false, true]);
});

it('the longest series decides, by its rows up to the moment, whatever the ring still holds', () => {
  const { lanes } = new State();
  const ring = new Ring(lanes, { capacity: 64, channels: 1 });
  const growth = new Growth(lanes, ring);
  const push = (name: string, from: number, to: number) => {
    const lane = lanes.lane(name);
    for (let time = from; time < to; time++) ring.push(lane, time, Float64Array.of(0), 0);
  };
  push('long', 0, 130);
  push('short', 0, 20);
  expect([118, 119, 1000].map((time) => growth.enough(time))).toEqual([false, true, true]);
  growth.trained(119);
  expect(growth.trainedAt).toBe(120);
  push('long', 130, 380);
  expect([368, 369].map((time) => growth.enough(time))).toEqual([false, true]);
});

it('a series that was evicted no longer counts', () => {
  const { lanes } = new State();
  const spilled = new Map<string, Uint8Array>();
  lanes.spillTo({
    put: (key, bytes) => void spilled.set(key, Uint8Array.from(bytes)),
    take: (key) => spilled.get(key),
    peek: (key) => spilled.get(key),
    keys: () => spilled.keys(),
  });
  const ring = new Ring(lanes, { capacity: 8, channels: 1 });
  const growth = new Growth(lanes, ring);
  const lane = lanes.lane('gone');
  for (let time = 0; time < 300; time++) ring.push(lane, time, Float64Array.of(0), 0);
  lanes.lane('stays');
  expect(growth.enough(1000)).toBe(true);
  lanes.evict(lane);
  expect(growth.enough(1000)).toBe(false);
});
