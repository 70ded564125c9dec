import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/core/lanes.ts';
import { Ring } from '../../src/window/ring.ts';
import { readRing } from '../../src/window/sequences.ts';

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
      first: 4,
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
