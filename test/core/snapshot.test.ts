/** A checkpoint's copy may be made into the memory of an older one, and says the same as a fresh one. */
import { expect, it } from 'vitest';
import { Lanes } from '../../src/core/lanes.ts';

function lanesOf(series: number): { lanes: Lanes; write(by: number): void } {
  const lanes = new Lanes();
  const level = lanes.f64('level', 2);
  const seen = lanes.u8('seen');
  for (let i = 0; i < series; i++) lanes.lane(`series ${i}`);
  const write = (by: number): void => {
    for (let lane = 0; lane < lanes.size; lane++) {
      level.data[lane * 2] = lane * by;
      seen.data[lane] = by;
    }
  };
  return { lanes, write };
}

it('uses the memory of a spare copy, and shares none with the lanes', () => {
  const { lanes, write } = lanesOf(20);
  write(1);
  const spare = lanes.snapshot();
  write(2);
  const second = lanes.snapshot(spare);
  expect(second).toEqual(lanes.snapshot());
  second.columns.forEach(({ data }, i) => expect(data.buffer).toBe(spare.columns[i]!.data.buffer));
  const before = structuredClone(second);
  write(3);
  expect(second).toEqual(before);
});

it('takes new memory where a spare copy is too small, and less where it is too large', () => {
  const { lanes, write } = lanesOf(3);
  const small = lanes.snapshot();
  for (let i = 3; i < 50; i++) lanes.lane(`series ${i}`);
  write(1);
  const large = lanes.snapshot(small);
  expect(large).toEqual(lanes.snapshot());
  const few = lanesOf(2).lanes;
  expect(few.snapshot(large)).toEqual(few.snapshot());
});

it('tells what each column takes a lane', () => {
  expect(lanesOf(1).lanes.columns).toEqual([
    { name: 'level', bytes: 16 },
    { name: 'seen', bytes: 1 },
  ]);
});
