/** A field that holds a duration. */
import { z } from 'zod';
import { milliseconds } from '../../src/core/duration.ts';

/** As in `age: 10ms`; milliseconds once parsed. Both bounds are included. Give a default by `.prefault('10ms')`. */
export function durationField(least: number, most: number) {
  return z.union([z.string(), z.number()]).transform((written, context) => {
    const ms = milliseconds(written);
    if (!(ms >= least && ms <= most))
      context.issues.push({ code: 'custom', message: `must be a duration from ${least}ms to ${most}ms`, input: written });
    return ms;
  });
}
