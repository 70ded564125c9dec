import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BANK, type Setting } from '../../src/forecast/holt-winters.ts';
import { replay } from '../support/replay.ts';
import { SYNTHETIC, synthesize } from '../support/synthetic.ts';

const factor = (x: number) => Math.max(0.02, Math.min(50, x));
const next = (value: number, error: number) => value + 0.01 * (error === Infinity ? 100 * value : error - value);

/** The textbook's recursions, one setting at a time over the whole series: one-step errors and forecasts of every row. */
function plain(y: Float64Array, { alpha, beta, phi, gamma, rho }: Setting, season: number, horizon: number, multiplies = false) {
  const join = (level: number, factor: number) => (multiplies ? level * factor : level + factor);
  const start = season > 0 ? season - 1 : 0;
  const s: number[] = [];
  let l = y[0]!;
  let b = 0;
  let u = 0;
  const errors: number[] = [];
  const forecasts: number[][] = [];
  for (let t = start; t < y.length; t++) {
    if (t === start && season > 0) {
      l = y.slice(0, season).reduce((sum, value) => sum + value, 0) / season;
      for (let i = 0; i < season; i++) s[i] = multiplies ? (l > 0 ? factor(y[i]! / l) : 1) : y[i]! - l;
    } else if (t > start) {
      const before = l + phi * b;
      const old = season > 0 ? s[t - season]! : Number(multiplies);
      const f = join(before, old);
      const e = y[t]! - f - rho * u;
      const moved = multiplies ? e / old : e;
      l = before + alpha * moved;
      b = phi * b + alpha * beta * moved;
      u = y[t]! - f;
      if (season > 0) s[t] = !multiplies ? old + gamma * e : before > 0 ? factor(old + (gamma * e) / before) : old;
      // what multiplies has no business below 0
      errors[t] = multiplies && !(y[t]! > 0) ? Infinity : Math.abs(e);
    }
    forecasts[t] = Array.from({ length: horizon }, (_, i) => {
      let level = l;
      for (let k = 1; k <= i + 1; k++) level += phi ** k * b;
      const phase = season > 0 ? s[t + i + 1 - season * Math.ceil((i + 1) / season)]! : Number(multiplies);
      return join(level, phase) + u * rho ** (i + 1);
    });
  }
  return { errors, forecasts };
}

describe('holt-winters', () => {
  const wave = (t: number) => 10 * Math.sin((2 * Math.PI * t) / 12);
  const plainSeason = synthesize('season of 12', 400, [12], (t, draw) => wave(t) + draw()).values;
  const correlated = synthesize(
    'season of 12, errors that last',
    400,
    [12],
    (t, draw, before) => wave(t) + 0.8 * (before(1) - wave(t - 1)) + draw(),
  );

  const growing = synthesize(
    'season of 12 about a level that grows',
    400,
    [12],
    (t, draw) => (50 + t) * (1 + wave(t) / 20) + draw(),
  ).values;

  it.each([
    ['season, without one', 0, plainSeason],
    ['season', 12, plainSeason],
    ['season, errors that last', 12, correlated.values],
    ['season that multiplies', 12, growing],
  ])('says what the best setting of the bank says, run one by one: %s', (_, season, y) => {
    const horizon = 15;
    const settings = [...BANK.level, ...BANK.damped];
    const runs = settings.map((setting) => plain(y, setting, 0, horizon));
    if (season > 0) {
      runs.push(...BANK.seasonal.map((setting) => plain(y, setting, season, horizon)));
      runs.push(...BANK.multiplicative.map((setting) => plain(y, setting, season, horizon, true)));
    }
    const score = settings.map(() => 0);
    const { mean } = replay('holt-winters', { values: y, horizon, config: { season } });
    for (let t = 0; t < y.length; t++) {
      if (season > 0 && t === season - 1) {
        score.forEach((value, i) => t > 0 && (score[i] = next(value, runs[i]!.errors[t]!)));
        const best = Math.min(...score);
        score.push(best, best, best, best);
      } else if (t > 0) score.forEach((value, i) => (score[i] = next(value, runs[i]!.errors[t]!)));
      const best = score.indexOf(Math.min(...score));
      runs[best]!.forecasts[t]!.forEach((value, i) => expect(mean[t * horizon + i]).toBeCloseTo(value, 8));
    }
  });

  it('finds a season: less than half the naive error on a seasonal series', () => {
    const { values } = SYNTHETIC[4]!();
    const mae = (name: string) => {
      const { mean } = replay(name, { values, seasons: [48], horizon: 12 });
      let sum = 0;
      for (let t = 2000; t + 12 < values.length; t++) sum += Math.abs(values[t + 12]! - mean[t * 12 + 11]!);
      return sum;
    };
    expect(mae('holt-winters')).toBeLessThan(mae('naive') / 2);
  });

  it('takes the season that multiplies where it grows with the level: less error than those that are added', () => {
    const horizon = 12;
    const { mean } = replay('holt-winters', { values: growing, horizon, seasons: [12] });
    const added = BANK.seasonal.map((setting) => plain(growing, setting, 12, horizon).forecasts);
    const errors = [0, 0, 0];
    for (let t = 200; t + horizon < growing.length; t++) {
      const truth = growing[t + horizon]!;
      [mean[t * horizon + horizon - 1]!, ...added.map((each) => each[t]![horizon - 1]!)].forEach(
        (said, i) => (errors[i]! += Math.abs(truth - said)),
      );
    }
    expect(errors[0]! / Math.min(errors[1]!, errors[2]!)).toBeLessThan(0.8);
  });

  it('over holes in the first season it starts on the line between the rows beside them', () => {
    const [season, hour] = [24, 3_600_000];
    fc.assert(
      fc.property(
        fc.subarray(Array.from({ length: season - 1 }, (_, i) => i + 1)),
        // the season may be full only by a row that comes later
        fc.integer({ min: season, max: season + 5 }),
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: season + 1, maxLength: season + 1 }),
        (some, last, drawn) => {
          const places = [0, ...some.filter((place) => place < season - 1), last - 1];
          const values = places.map((_, i) => drawn[i]!);
          const { state } = replay('holt-winters', { values, times: places.map((place) => place * hour), config: { season } });
          const seasons = state.lanes.snapshot().columns.find(({ name }) => name === 'holt-winters.seasons')!.data;
          const from = places.findIndex((place) => place >= last - season);
          const known = places.slice(from);
          const mean = values.slice(from).reduce((sum, value) => sum + value, 0) / known.length;
          for (let place = last - season; place < last; place++) {
            const after = known.findIndex((each) => each >= place);
            const [right, left] = [known[after]!, known[after - 1]!];
            const [value, before] = [values[from + after]!, values[from + after - 1]!];
            const between = right === place ? value : before + ((value - before) * (place - left)) / (right - left);
            // before its first row a season says nothing
            const [added, multiplied] = between === between ? [between - mean, factor(between / mean)] : [0, 1];
            [added, added, multiplied, multiplied].forEach((wanted, i) =>
              expect(seasons[i * season + (place % season)], `place ${place}, setting ${i}`).toBeCloseTo(wanted, 8),
            );
          }
        },
      ),
      { seed: 4 },
    );
  });

  it('leaves out a season that is too long to afford, unless the configuration names it', () => {
    const bytes = (config: object) =>
      replay('holt-winters', { values: [1], seasons: [48, 336, 2016], config }).state.lanes.snapshot().columns;
    const length = (config: object) => bytes(config).find(({ name }) => name === 'holt-winters.seasons')!.stride;
    expect(length({})).toBe(4 * 336);
    expect(length({ season: 2016 })).toBe(4 * 2016);
    expect(length({ season: 0 })).toBe(0);
  });
});
