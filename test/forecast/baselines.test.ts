import { describe, expect, it } from 'vitest';
import { ROW_RESET } from '../../src/core/batch.ts';
import { replay } from '../support/replay.ts';

const values = Float64Array.from({ length: 40 }, (_, i) => i * i);

describe('naive', () => {
  it('says the last value for every step', () => {
    const { mean } = replay('naive', { values, horizon: 3 });
    mean.forEach((value, i) => expect(value).toBe(values[Math.floor(i / 3)]));
  });
});

describe('seasonal-naive', () => {
  it('says the value one season before the row forecast for, further seasons back beyond a season, the last value before one', () => {
    const season = 5;
    const horizon = 12;
    const { mean } = replay('seasonal-naive', { values, horizon, seasons: [season, 7] });
    for (let row = 0; row < values.length; row++) {
      for (let step = 1; step <= horizon; step++) {
        let source = row + step - season;
        while (source > row) source -= season;
        expect(mean[row * horizon + step - 1]).toBe(values[row + 1 < season ? row : source]);
      }
    }
  });

  it('takes the season that the configuration names', () => {
    const { mean } = replay('seasonal-naive', { values, seasons: [5], config: { season: 7 } });
    expect(mean[20]).toBe(values[14]);
  });

  it('begins again after a reset', () => {
    const flags = new Uint8Array(40);
    flags[20] = ROW_RESET;
    const { mean } = replay('seasonal-naive', { values, flags, seasons: [5] });
    for (let row = 20; row < 24; row++) expect(mean[row]).toBe(values[row]);
    expect(mean[24]).toBe(values[20]);
  });
});
