import fc from 'fast-check';
import { expect, it } from 'vitest';
import { firstTrigger, nextTrigger } from '../../src/train/schedule.ts';

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
