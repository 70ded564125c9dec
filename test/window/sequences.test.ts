import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/core/lanes.ts';
import { Ring } from '../../src/window/ring.ts';
import { cutSequences, planSequences, readRing, seriesNames } from '../../src/window/sequences.ts';

const SEED = 20_240_504;

/** A ring of two channels; `evict` names the series that are spilled in the end. */
function rings(rows: readonly [key: string, time: number][], capacity: number, evict: readonly string[] = []) {
  const lanes = new Lanes();
  const store = new Map<string, Uint8Array>();
  lanes.spillTo({
    put: (key, bytes) => void store.set(key, new Uint8Array(bytes)),
    take: (key) => store.get(key),
    peek: (key) => store.get(key),
    keys: () => store.keys(),
  });
  const ring = new Ring(lanes, { capacity, channels: 2 });
  lanes.f64('another', 3);
  for (const [key, time] of rows) ring.push(lanes.lane(key), time, Float64Array.of(time * 2, time * 3), 0, time % 3);
  for (const key of evict) lanes.evict(lanes.find(key));
  return { lanes, ring };
}

describe('readRing', () => {
  const rows = [1, 2, 3, 4, 5, 6, 7].flatMap((time): [string, number][] => [
    ['a', time],
    ['b', time * 10],
  ]);

  it.each([[[]], [['a']], [['a', 'b']]])('gives rows up to T in order of time, live or spilled (%j)', (evict) => {
    const { lanes, ring } = rings(rows, 4, evict);
    expect(readRing(lanes, ring, 'a', 6)).toEqual({
      times: Float64Array.of(4, 5, 6),
      values: Float64Array.of(8, 12, 10, 15, 12, 18),
      flags: Uint8Array.of(1, 2, 0),
    });
    expect([...readRing(lanes, ring, 'b', 1e9).times]).toEqual([40, 50, 60, 70]);
    expect([...readRing(lanes, ring, 'b', 5).times]).toEqual([]);
    expect([...readRing(lanes, ring, 'unknown', 5).times]).toEqual([]);
  });

  it('gives copies', () => {
    const { lanes, ring } = rings(rows, 4);
    readRing(lanes, ring, 'a', 9).times.fill(0);
    expect(ring.time(lanes.find('a'), 0)).toBe(7);
  });
});

describe('cutSequences', () => {
  it('ends with the newest row and goes back by the stride', () => {
    expect(cutSequences(10, { length: 4, stride: 3 })).toEqual([0, 3, 6].map((first) => ({ first, burnIn: 0, length: 4 })));
    expect(cutSequences(10, { length: 4, stride: 4, burnIn: 3 })).toEqual([
      { first: 0, burnIn: 2, length: 4 },
      { first: 3, burnIn: 3, length: 4 },
    ]);
  });

  it('a series that is too short has none', () => {
    for (const rows of [0, 1, 3]) expect(cutSequences(rows, { length: 4, stride: 2 })).toEqual([]);
    expect(cutSequences(4, { length: 4, stride: 2, burnIn: 9 })).toEqual([{ first: 0, burnIn: 0, length: 4 }]);
  });

  it(`lies inside the rows, whole strides apart (seed ${SEED})`, () => {
    const n = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(fc.nat(100), n, n, fc.nat(20), (rows, length, stride, burnIn) => {
        const cut = cutSequences(rows, { length, stride, burnIn });
        expect(cut).toHaveLength(rows < length ? 0 : Math.floor((rows - length) / stride) + 1);
        cut.forEach((one, i) => {
          expect(one.first + one.burnIn).toBe(rows - length - (cut.length - 1 - i) * stride);
          expect(one.burnIn).toBe(Math.min(burnIn, one.first + one.burnIn));
        });
      }),
      { seed: SEED },
    );
  });
});

describe('planSequences', () => {
  it(`finds the same rows, live or spilled, in name order (seed ${SEED})`, () => {
    const pushes = fc.array(fc.constantFrom('b', 'a', '__proto__', '🌊', 'B'), { maxLength: 80 });
    fc.assert(
      fc.property(pushes, fc.integer({ min: 1, max: 9 }), fc.nat(90), fc.nat(31), (keys, capacity, until, mask) => {
        const rows = keys.map((key, i): [string, number] => [key, i]);
        const names = [...new Set(keys)].sort();
        const evict = names.filter((_, i) => (mask >> i) & 1);
        const options = { until, length: 3, stride: 2, burnIn: 1 };
        const live = rings(rows, capacity);
        const spilled = rings(rows, capacity, evict);
        expect(seriesNames(spilled.lanes)).toEqual(names);
        const plan = planSequences(live.lanes, live.ring, options);
        const other = planSequences(spilled.lanes, spilled.ring, options);
        expect(other.map((one) => ({ ...one, lane: 0 }))).toEqual(plan.map((one) => ({ ...one, lane: 0 })));
        for (const { key, lane, first, firstBack, burnIn, length } of plan) {
          const { times } = readRing(spilled.lanes, spilled.ring, key, until);
          for (let i = 0; i < burnIn + length; i++) {
            expect(times[first + i]).toBe(live.ring.time(lane, firstBack - i));
            expect(times[first + i]).toBeLessThanOrEqual(until);
          }
        }
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});
