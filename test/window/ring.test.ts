import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Lanes } from '../../src/core/lanes.ts';
import { Ring } from '../../src/window/ring.ts';

it('holds the last rows of every lane, however many were pushed', () => {
  const row = fc.record({ lane: fc.nat(2), values: fc.tuple(fc.double(), fc.double()), flags: fc.nat(3) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.array(row, { maxLength: 40 }), (capacity, rows) => {
      const lanes = new Lanes();
      const ring = new Ring(lanes, { capacity, channels: 2 });
      const numbers = ['a', 'b', 'c'].map((key) => lanes.lane(key));
      rows.forEach(({ lane, values, flags }, i) => ring.push(numbers[lane]!, i, Float64Array.of(9, 9, ...values), 1, flags));
      for (const lane of [0, 1, 2]) {
        const own = rows.map((each, i) => ({ ...each, time: i })).filter((each) => each.lane === lane);
        expect(ring.total(numbers[lane]!)).toBe(own.length);
        expect(ring.held(numbers[lane]!)).toBe(Math.min(own.length, capacity));
        expect(ring.slot(numbers[lane]!)).toBe(own.length === 0 ? -1 : (own.length - 1) % capacity);
        for (let back = -1; back <= own.length + 1; back++) {
          const there = back >= 0 && back < Math.min(own.length, capacity) ? own.at(-1 - back) : undefined;
          expect(ring.time(numbers[lane]!, back)).toBe(there?.time ?? NaN);
          expect(ring.flag(numbers[lane]!, back)).toBe(there?.flags ?? 0);
          for (const c of [0, 1]) expect(ring.value(numbers[lane]!, back, c)).toBe(there?.values[c] ?? NaN);
        }
      }
    }),
  );
});

it('forgets a lane and no other', () => {
  const lanes = new Lanes();
  const ring = new Ring(lanes, { capacity: 3, channels: 1 });
  for (const key of ['a', 'b']) ring.push(lanes.lane(key), 1, Float64Array.of(5), 0);
  ring.clear(lanes.find('a'));
  expect(ring.held(lanes.find('a'))).toBe(0);
  expect(ring.value(lanes.find('a'), 0, 0)).toBeNaN();
  expect(ring.value(lanes.find('b'), 0, 0)).toBe(5);
});
