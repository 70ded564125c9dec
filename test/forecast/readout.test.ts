/** The read-out beside the network: what it learns, when it starts anew, and that it is fitted again over the rows of a rebuilt state. */
import { describe, expect, it } from 'vitest';
import { ROW_IMPUTED, ROW_RESET } from '../../src/core/batch.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { buildEnsemble } from '../../src/forecast/build-ensemble.ts';
import { learnRow } from '../../src/forecast/row-scaler.ts';
import { Network } from '../../src/nn/network.ts';
import type { Weights } from '../../src/nn/shape.ts';
import { calendar } from '../../src/window/calendar.ts';
import { solve } from '../support/solve.ts';

const MINUTE = 60_000;
const HORIZON = 3;
const TARGETS = 2;
const LEVELS = 3;
const PRIOR = 0.3;
/** Without forgetting and without cutting of errors it is ridge regression, which has a solution in one go. */
const PLAIN = { units: 3, half_life: 1e9, robust: 1e9 };

interface Row {
  readonly values: readonly number[];
  readonly flags?: number;
}

/** A network and the read-out beside it over one series of two targets; what the named model says of each row that is fed. */
function line(config: object = PLAIN, cell: object = {}, output = 'readout') {
  const state = new State();
  const network = { cell: 'gru', reset: 'after', hidden: 4, layers: 1, lags: 2, rebuild: 20, ...cell };
  const { ensemble, recurrent, inputs, ring } = buildEnsemble(state, {
    clock: calendar({ interval: MINUTE }),
    models: ['naive', { type: 'recurrent', config: network }, { type: 'readout', config }],
    seasons: [5],
    targets: TARGETS,
    horizon: HORIZON,
    quantiles: [0.1, 0.5, 0.9],
    ring: 64,
    output,
  });
  const lane = state.lanes.lane('a');
  let n = 0;
  const feed = ({ values, flags = 0 }: Row): number[] => {
    const cells = () => new Float64Array(TARGETS * HORIZON);
    const out = {
      index: new Int32Array(1),
      mean: cells(),
      quantiles: new Float64Array(TARGETS * HORIZON * LEVELS),
      naive: cells(),
      validTimes: new Float64Array(HORIZON),
      actual: new Float64Array(TARGETS),
      scoredTimes: new Float64Array(HORIZON),
      errors: cells(),
    };
    const wave = {
      rows: 1,
      lanes: Int32Array.of(lane),
      times: Float64Array.of(n * MINUTE),
      values: Float64Array.from(values),
      channels: TARGETS,
      elapsed: Float64Array.of(n === 0 ? 0 : MINUTE),
      flags: Uint8Array.of(flags),
    };
    n++;
    ensemble.step(wave, Int32Array.of(1), out);
    return [...out.mean];
  };
  const column = (name: string) => [
    ...state.lanes.column(`readout.${name}`)!.data.slice(0, state.lanes.column(`readout.${name}`)!.stride),
  ];
  return { state, recurrent: recurrent!, inputs, ring, lane, feed, column };
}

function drawn(random: Random, rows: number): Row[] {
  let [a, b] = [50, -3];
  return Array.from({ length: rows }, (_, i) => {
    a += random.normal(log) + (i % 5 === 0 ? 3 : 0) - 0.6;
    b = 0.7 * b + random.normal(log) - 0.1 * (a - 50);
    return { values: [a, b] };
  });
}

function weightsOf(random: Random, weights: Weights): Weights {
  return new Map([...weights].map(([name, data]) => [name, data.map(() => 0.6 * (random.uniform() - 0.5))]));
}

/** What is known of a row: the inputs of each target, what the network said, and the raw worth of a unit. */
interface Seen {
  readonly x: readonly (readonly number[])[];
  readonly said: readonly (readonly number[])[];
  readonly unit: readonly number[];
}

/** Steps a network of its own over the last `rows` rows of a line's ring, from a state of zeros: in plain doubles what the read-out is given. */
function stepped({ recurrent, inputs, ring, lane }: ReturnType<typeof line>, weights: Weights, rows: number): Seen[] {
  const { shape, features } = recurrent;
  const network = new Network(shape, { slots: 1 });
  network.setWeights(0, weights);
  network.reserve(1);
  network.reserveWave(1);
  const scaler = inputs.scaler().tailOf(lane);
  const held = ring.held(lane);
  const seen: Seen[] = [];
  for (let back = held - 1; back >= 0; back--) {
    if (back < held - 1) learnRow(ring, lane, back, ring.total(lane) - back, scaler, 0);
    if (back >= rows) continue;
    features.write(lane, back, scaler, 0, network.x, 0);
    network.step(0, 1);
    const { hidden, layers, cell } = shape;
    const last = (layers - 1) * hidden * (cell === 'lstm' ? 2 : 1);
    const each = Array.from({ length: TARGETS }, (_, t) => t);
    const unit = each.map((t) => features.unit(scaler, 0, t));
    const clock = TARGETS * features.own;
    seen.push({
      unit,
      x: each.map((t) => [
        1,
        ...network.state.slice(last, last + PLAIN.units),
        ...network.x.slice(t * features.own, (t + 1) * features.own),
        ...network.x.slice(clock, clock + 4),
      ]),
      said: each.map((t) =>
        Array.from(
          { length: HORIZON },
          (_, h) => ring.value(lane, back, t) + unit[t]! * network.y[(t * HORIZON + h) * (1 + LEVELS)]!,
        ),
      ),
    });
  }
  return seen;
}

/** What ridge regression over the residuals whose truths are there says of the last row; `value(row, target)` is what came in that row. */
function ridge(seen: readonly Seen[], value: (row: number, target: number) => number): number[] {
  const last = seen.length - 1;
  const { x, said, unit } = seen[last]!;
  return x.flatMap((inputs, t) =>
    Array.from({ length: HORIZON }, (_, h) => {
      const known = seen.flatMap((row, i) =>
        i + h + 1 <= last && row.unit[t]! > 0
          ? [{ x: row.x[t]!, residual: (value(i + h + 1, t) - row.said[t]![h]!) / row.unit[t]! }]
          : [],
      );
      const normal = inputs.map((_, i) =>
        inputs.map((_, j) => known.reduce((sum, row) => sum + row.x[i]! * row.x[j]!, i === j ? 1 / PRIOR : 0)),
      );
      const w = solve(
        normal,
        inputs.map((_, i) => known.reduce((sum, row) => sum + row.x[i]! * row.residual, 0)),
      );
      return said[t]![h]! + unit[t]! * inputs.reduce((sum, each, i) => sum + each * w[i]!, 0);
    }),
  );
}

/** Whether two lists of forecasts are the same but for the single precision of the covariance. */
function close(found: readonly number[], wanted: readonly number[]): void {
  found.forEach((value, i) => expect(Math.abs(value - wanted[i]!), `cell ${i}: ${value} for ${wanted[i]}`).toBeLessThan(2e-4));
}

const CELLS = { gru: {}, 'lstm, two layers': { cell: 'lstm', reset: undefined, layers: 2 } };

describe.each(Object.entries(CELLS))('readout over %s', (_, cell) => {
  it('is ridge regression over the residuals of the network, each step with all rows whose truth is there (seed 3)', () => {
    const random = new Random(3);
    const under = line(PLAIN, cell);
    const weights = weightsOf(random, under.recurrent.box.current.weights);
    under.recurrent.box.swap(-Infinity, weights);
    drawn(random, 60).forEach((row, i) => {
      const found = under.feed(row);
      if (i < 1 || i % 7 > 0) return;
      const seen = stepped(under, weights, i + 1);
      close(
        found,
        ridge(seen, (at, t) => under.ring.value(under.lane, i - at, t)),
      );
    });
  });

  it('after a swap it is that over the rows that rebuilt the state, and over no others (seed 4)', () => {
    const random = new Random(4);
    const under = line(PLAIN, cell);
    const rows = drawn(random, 59);
    for (const row of rows.slice(0, 55)) under.feed(row);
    const weights = weightsOf(random, under.recurrent.box.current.weights);
    under.recurrent.box.swap(-Infinity, weights);
    rows.slice(55).forEach((row, i) => {
      const found = under.feed(row);
      const seen = stepped(under, weights, 21 + i);
      close(
        found,
        ridge(seen, (at, t) => under.ring.value(under.lane, seen.length - 1 - at, t)),
      );
    });
  });
});

describe('readout', () => {
  it('says what the network says until a truth has come, whatever the weights (seed 5)', () => {
    const random = new Random(5);
    const rows = drawn(random, 2);
    const [own, network] = ['readout', 'recurrent'].map((output) => {
      const { recurrent, feed } = line({ ...PLAIN, half_life: 250, robust: 3 }, {}, output);
      recurrent.box.swap(-Infinity, weightsOf(new Random(6), recurrent.box.current.weights));
      return rows.map(feed);
    });
    expect(own![0]).toEqual(network![0]);
    // one truth has come, of one step
    const later = (said: readonly number[]) => said.filter((_, i) => i % HORIZON > 0);
    expect(later(own![1]!)).toEqual(later(network![1]!));
  });

  it('keeps what it learned where a training left the network as it was (seed 7)', () => {
    const random = new Random(7);
    const rows = drawn(random, 41);
    const [kept, swapped] = [false, true].map((swap) => {
      const { recurrent, feed } = line();
      rows.slice(0, 40).forEach(feed);
      if (swap) recurrent.box.swap(-Infinity, new Map(recurrent.box.current.weights));
      return feed(rows[40]!);
    });
    expect(swapped).toEqual(kept);
  });

  it('learns nothing from a row that was filled in, nor about one (seed 8)', () => {
    const random = new Random(8);
    const rows = drawn(random, 30);
    const learned = [0, 1e6].map((value) => {
      const { feed, column } = line();
      rows.forEach(feed);
      feed({ values: [value, value], flags: ROW_IMPUTED });
      return ['rows', 'weights', 'errors', 'covariance'].map(column);
    });
    expect(learned[1]).toEqual(learned[0]);
    const { feed, column } = line();
    rows.forEach(feed);
    expect(column('rows')).toEqual([30, 28, 29]);
    feed({ values: [1, 1], flags: ROW_IMPUTED });
    expect(column('rows')).toEqual([30, 0, 29]);
  });

  it('starts anew at a reset (seed 9)', () => {
    const random = new Random(9);
    const [row, ...rows] = drawn(random, 30);
    const { feed, column } = line();
    rows.forEach(feed);
    expect(column('weights').some((w) => w !== 0)).toBe(true);
    feed({ ...row!, flags: ROW_RESET });
    expect(column('weights').every((w) => w === 0)).toBe(true);
    expect(column('rows').filter((n) => n > 0)).toEqual([30]);
  });

  it('one wild value moves it no more than a few usual ones (seed 10)', () => {
    const random = new Random(10);
    const rows = drawn(random, 200);
    const moved = [3, 1e9].map((robust) => {
      const { feed, column } = line({ ...PLAIN, robust });
      rows.forEach(feed);
      const before = column('weights');
      feed({ values: [1e5, 0] });
      return column('weights').reduce((sum, w, i) => sum + Math.abs(w - before[i]!), 0);
    });
    expect(moved[0]).toBeLessThan(moved[1]! / 5);
  });

  it('cannot stand before the network that it is built on, nor without it', () => {
    const build = (models: string[]) => () =>
      buildEnsemble(new State(), { clock: calendar({ interval: MINUTE }), models, ring: 512 });
    for (const models of [
      ['naive', 'readout'],
      ['naive', 'readout', 'recurrent'],
    ])
      expect(build(models)).toThrow(expect.objectContaining({ code: 'FORECAST_ORDER' }));
    expect(build(['naive', 'recurrent', 'readout'])).not.toThrow();
  });
});
