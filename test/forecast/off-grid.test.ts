/** What models see of rows that do not lie on the grid: seasons and clock by time, found here by plain search. */
import { describe, expect, it } from 'vitest';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { Features } from '../../src/forecast/features.ts';
import { CHANGE, DEVIATION, SCALER_SIZE } from '../../src/forecast/scaler.ts';
import { SeasonRows } from '../../src/forecast/season-rows.ts';
import { Tabular } from '../../src/forecast/tabular.ts';
import { calendar } from '../../src/window/calendar.ts';
import { Ring } from '../../src/window/ring.ts';
import { replay } from '../support/replay.ts';

const INTERVAL = 30 * 60_000;
const START = Date.UTC(2024, 0, 1);
const clock = calendar({ interval: INTERVAL });

const PLACES = Array.from({ length: 300 }, (_, i) => i);

/** A row of noise for every place of the grid; each comes up to a share of an interval late. */
function rowsAt(places: readonly number[], late = 0) {
  const random = new Random(7);
  return {
    times: Float64Array.from(places, (place) => START + (place + late * random.uniform()) * INTERVAL),
    values: Float64Array.from(places, () => random.normal(log)),
  };
}

/** Those of which a share is missing by chance. */
function missing(places: readonly number[], share: number): number[] {
  const random = new Random(1);
  return places.filter(() => random.uniform() >= share);
}

const SERIES = [
  ['every third row is missing', rowsAt(missing(PLACES, 1 / 3))],
  ['every third row is missing, the others are late', rowsAt(missing(PLACES, 1 / 3), 0.4)],
  [
    'rows are missing within the season, the last 24 are even',
    rowsAt([...missing(PLACES.slice(0, 272), 0.3), ...PLACES.slice(272)]),
  ],
  ['five rows are missing three seasons of 48 ago', rowsAt(PLACES.filter((place) => place < 146 || place >= 151))],
  [
    'rows are missing, and later as many come twice',
    rowsAt([...PLACES.filter((place) => place < 250 || place >= 253), 284.0001, 285.0001, 286.0001].sort((a, b) => a - b)),
  ],
] as const;

/** The last `capacity` rows of a series, and where a season ago lies among them. */
function held(series: { times: Float64Array; values: Float64Array }, capacity: number, channels = 1) {
  const { lanes } = new State();
  const ring = new Ring(lanes, { capacity, channels });
  lanes.lane('one');
  const row = new Float64Array(channels);
  series.times.forEach((time, i) => {
    for (let c = 0; c < channels; c++) row[c] = series.values[i]! * (c + 1);
    ring.push(0, time, row, 0);
  });
  const own = new SeasonRows(ring, clock);
  const times = [...series.times].reverse().slice(0, capacity);
  const values = [...series.values].reverse().slice(0, capacity);

  /** The row nearest to a time, by looking at all from one on, the older of two; -1 where none is within a 24th of the season or the first is later. */
  const nearest = (back: number, wanted: number, season: number): number => {
    const off = times.map((time, i) => (i < back ? Infinity : Math.abs(time - wanted)));
    const least = Math.min(...off);
    return wanted >= times.at(-1)! && least <= (season * INTERVAL) / 24 ? off.lastIndexOf(least) : -1;
  };
  /** Whole seasons before the row `step` rows on that lead to a row that is known. */
  const seasonsOf = (back: number, step: number, season: number) =>
    Math.max(1, Math.ceil((step * own.pace(0, back)) / season)) * season;
  const due = (back: number, step: number) => own.due(0, back, step, own.pace(0, back));
  const phase = (back: number, step: number, season: number, more = 0) =>
    nearest(back, due(back, step) - (seasonsOf(back, step, season) + more * season) * INTERVAL, season);
  const clockAt = (time: number) => {
    const into = new Float64Array(4);
    clock.phases(time, into, 0);
    return [...into];
  };
  return { ring, own, times, values, nearest, seasonsOf, due, phase, clockAt };
}

const close = (said: ArrayLike<number>, wanted: readonly number[], what: string) => {
  wanted.forEach((value, i) => expect(said[i], `${what}, number ${i}`).toBeCloseTo(value, 4));
};

describe.each(SERIES)('%s', (_, series) => {
  it('fitted models see the rows one season and more before the moment at which a row is expected, and that moment’s clock', () => {
    const sizes = { channels: 1, targets: 1, horizon: 14, seasons: [12, 48] };
    const rows = held(series, 180);
    const { times, values, own } = rows;
    const tabular = new Tabular(rows.ring, clock, sizes, () => undefined);
    const scaler = Float64Array.of(0.1, 0.9, 0.7, 0.2, -0.3, 0);
    const x = new Float32Array(tabular.count);
    let seen = 0;
    for (let back = 0; back < 40; back++) {
      const per = 1 / scaler[CHANGE]!;
      const distance = (row: number, from = values[back]!) => (row < 0 ? 0 : (values[row]! - from) * per);
      tabular.writeFixed(0, back, 0, scaler, 0, x, 0);
      for (const step of [1, 2, 7, 10, 12, 14]) {
        tabular.writeStep(0, back, 0, step, scaler[CHANGE]!, new Float64Array(0), 0, x, 0);
        close(x.subarray(tabular.clock), [...rows.clockAt(rows.due(back, step)), step], `${back} back, clock of step ${step}`);
        sizes.seasons.forEach((season, s) => {
          if (own.isEven(0, back, 4 * season + 1)) return;
          seen++;
          const what = `${back} back, season ${season}`;
          close(x.subarray(tabular.late - sizes.seasons.length + s), [-distance(rows.phase(back, 0, season))], what);
          const [near, ...others] = [0, 1, 2, 3].map((k) => rows.phase(back, step, season, k)) as [number, ...number[]];
          const phases = others.reduce<number[]>(
            (known, row) => [...known, row < 0 ? known.at(-1)! : distance(row)],
            [distance(near)],
          );
          const origin = rows.nearest(back, times[back]! - rows.seasonsOf(back, step, season) * INTERVAL, season);
          const around = [
            near >= 0 && near + 1 < times.length ? distance(near + 1) : 0,
            near > back ? distance(near - 1) : 0,
            near >= 0 && origin >= 0 ? distance(near, values[origin]!) : 0,
          ];
          close(x.subarray(tabular.phases[s]), [...phases, ...around], `${what}, step ${step}`);
        });
      }
    }
    expect(seen).toBeGreaterThan(100);
  });

  it('the network sees what followed one season before, and the clock of the moment at which a row is expected', () => {
    const sizes = { channels: 2, targets: 1, horizon: 10, seasons: [12, 48], lags: 3 };
    const rows = held(series, 180, sizes.channels);
    const { values, own } = rows;
    const features = new Features(rows.ring, clock, sizes, () => undefined);
    const scaler = Float64Array.from({ length: sizes.channels * SCALER_SIZE }, (_, i) => 1 + i / 10);
    const x = new Float32Array(features.count);
    const ahead = [1, 2, 5, 10];
    let seen = 0;
    for (let back = 0; back < 130; back++) {
      features.write(0, back, scaler, 0, x, 0);
      close(x.subarray(sizes.channels * features.own), rows.clockAt(rows.due(back, 1)), `${back} back, clock`);
      for (let c = 0; c < sizes.channels; c++) {
        const [perChange, perDeviation] = [CHANGE, DEVIATION].map((i) => 1 / scaler[c * SCALER_SIZE + i]!) as [number, number];
        const value = (row: number) => (row < 0 ? NaN : values[row]! * (c + 1));
        sizes.seasons.forEach((season, s) => {
          if (back + season >= values.length || own.isEven(0, back, season)) return;
          seen++;
          const then = value(rows.phase(back, 0, season));
          const followed = ahead.map((step) => (value(rows.phase(back, step, season)) - then) * perChange);
          const wanted = [(value(back) - then) * perDeviation, ...followed].map((each) => (each === each ? each : 0));
          const at = c * features.own + 4 + sizes.lags + s * wanted.length;
          close(x.subarray(at), wanted, `${back} back, season ${season}`);
        });
      }
    }
    expect(seen).toBeGreaterThan(30);
  });

  it('the linear forecaster says the product of its weights and what a row at the expected moment is to see', () => {
    const [horizon, seasons, lags] = [14, [12, 48], 1];
    let seen = 0;
    for (let last = 120; last < series.times.length; last += 3) {
      const [times, values] = [series.times.slice(0, last + 1), series.values.slice(0, last + 1)];
      const { mean, state } = replay('linear', { values, times, horizon, seasons, clock, config: { lags, half_life: 100 } });
      const rows = held({ times, values }, Math.max(...seasons) + 2);
      const uneven = rows.own.pace(0, 0) !== 1 || !rows.own.isEven(0, 0, Math.max(...seasons));
      if (!uneven) continue;
      seen++;
      const { columns } = state.lanes.snapshot();
      const column = (name: string) => columns.find((each) => each.name === `linear.${name}`)!.data as Float64Array;
      const [w, kept] = [column('weights'), column('kept')];
      const [unit, levels] = [kept[3]!, [kept[4]!, kept[5]!]];
      const path = [rows.values[0]!];
      for (let step = 0; step < horizon; step++) {
        const now = path[step]!;
        const distance = (value: number) => (value - now) / unit;
        const known = (row: number) => (row < 0 ? 0 : distance(rows.values[row]!));
        const x = [
          distance(step > 0 ? path[step - 1]! : rows.values[1]!),
          ...levels.map(distance),
          ...seasons.flatMap((season) => {
            const [then, next] = [rows.phase(0, step, season), rows.phase(0, step + 1, season)];
            return [known(then), known(then), known(next), next > 0 ? known(next - 1) : 0];
          }),
          ...rows.clockAt(rows.due(0, step + 1)).slice(0, 2),
          1,
        ];
        path.push(now + unit * x.reduce((sum, each, i) => sum + w[i]! * each, 0));
        [0.15, 0.03].forEach((rate, i) => (levels[i] = (1 - rate) * levels[i]! + rate * path.at(-1)!));
      }
      close(mean.subarray(last * horizon), path.slice(1), `row ${last}`);
    }
    expect(seen).toBeGreaterThan(10);
  });
});
