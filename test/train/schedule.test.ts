import fc from 'fast-check';
import { expect, it } from 'vitest';
import { firstTrigger, lookBefore, nextTrigger } from '../../src/train/schedule.ts';

const every = fc.integer({ min: 1000, max: 30 * 86_400_000 });
const time = fc.integer({ min: -1e12, max: 4e12 });

it('the first trigger is the first whole multiple after a time', () => {
  fc.assert(
    fc.property(time, every, (at, step) => {
      const trigger = firstTrigger(at, step);
      expect(trigger % step === 0).toBe(true);
      expect(trigger).toBeGreaterThan(at);
      expect(trigger - step).toBeLessThanOrEqual(at);
    }),
  );
});

it('the next trigger is a later multiple, and passes over those without a row before them', () => {
  fc.assert(
    fc.property(time, every, fc.integer({ min: 0, max: 1e11 }), (at, step, ahead) => {
      const trigger = firstTrigger(at, step);
      const next = trigger + ahead;
      const following = nextTrigger(trigger, next, step);
      expect(following % step === 0).toBe(true);
      expect(following).toBeGreaterThan(trigger);
      // none without a new row at or before it is kept
      if (next > trigger + step) expect(following).toBeGreaterThanOrEqual(next);
      // no trigger with a new row at or before it is passed over
      expect(following).toBeLessThan(Math.max(next, trigger + 1) + step);
    }),
  );
  expect(nextTrigger(100, Infinity, 10)).toBe(110);
  expect(nextTrigger(100, -Infinity, 10)).toBe(110);
});

/** The moments that are met when rows come at these times, each known to come `ahead` before it does. */
function met(times: readonly number[], step: number, looks: number, ahead: (i: number) => number): number[] {
  const found: number[] = [];
  let trigger = firstTrigger(times[0]! - 1, step);
  for (let i = 0; i < times.length; i++) {
    // every row before i went through, and none before `next` is to come
    while (times[i]! > trigger) {
      const next = Math.max(trigger + 1, times[i]! - ahead(i));
      found.push(trigger);
      trigger = nextTrigger(trigger, next, step, looks, times[i - 1]);
    }
  }
  return found;
}

it('with looks: moments ascend, and no whole multiple, and no look, with a new row since the one before is passed over', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1000, max: 100_000 }),
      fc.integer({ min: 1, max: 16 }),
      fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 2, maxLength: 60 }),
      fc.integer({ min: 0, max: 400_000 }),
      (step, looks, gaps, ahead) => {
        const times = gaps.reduce<number[]>((all, gap) => [...all, all.at(-1)! + gap], [1_700_000_000_000]);
        // a row can be known to come no sooner than the one before it went through
        const moments = met(times, step, looks, (i) => (ahead * (i % 3)) / 2);
        const all = new Set(moments);
        for (let m = 1; m < moments.length; m++) {
          expect(moments[m]!).toBeGreaterThan(moments[m - 1]!);
          if (looks > 1) expect(lookBefore(moments[m]!, step, looks)).toBeGreaterThanOrEqual(moments[m - 1]!);
        }
        const end = times.at(-1)!;
        for (let whole = firstTrigger(moments[0]!, step); whole < end; whole += step) {
          if (times.some((time) => time > whole - step && time <= whole)) expect(all.has(whole)).toBe(true);
        }
        for (const time of times) {
          // the look at or after a row is met
          let look = firstTrigger(time - 1, step);
          for (let before = look; before >= time; before = lookBefore(before, step, looks)) look = before;
          if (look > moments[0]! && look < end) expect(all.has(look)).toBe(true);
        }
      },
    ),
    { seed: 16, numRuns: 100 },
  );
});
