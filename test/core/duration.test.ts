import fc from 'fast-check';
import { expect, it } from 'vitest';
import { duration, milliseconds } from '../../src/core/duration.ts';

it('reads durations as people write them', () => {
  const written: Record<string, number> = {
    '500ms': 500,
    '30s': 30_000,
    '5m': 300_000,
    '2h': 7_200_000,
    '1d': 86_400_000,
    '1w': 604_800_000,
    '1.5h': 5_400_000,
    ' 5m ': 300_000,
  };
  for (const [text, ms] of Object.entries(written)) expect(milliseconds(text), text).toBe(ms);
  expect(milliseconds(7)).toBe(7);
});

it('anything else is no duration', () => {
  for (const text of ['', '5', 'm', '-5m', '5 m', '5M', '1e3s', '5m5s', '.5h', '5.h', 'Infinity', '５m'])
    expect(milliseconds(text), text).toBeNaN();
});

it('writes the shortest exact form, which reads back', () => {
  expect(duration(90_000)).toBe('90s');
  expect(duration(3_600_000)).toBe('1h');
  expect(duration(0)).toBe('0ms');
  fc.assert(fc.property(fc.nat(2 ** 40), (ms) => milliseconds(duration(ms)) === ms));
});
