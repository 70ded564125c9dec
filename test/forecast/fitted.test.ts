/** What `ridge` and `boosted` make of weights that are given to them, by hand. */
import { expect, it } from 'vitest';
import { State } from '../../src/core/state.ts';
import boosted, { centreName, treesName } from '../../src/forecast/boosted.ts';
import type { ForecasterContext } from '../../src/forecast/forecaster.ts';
import { Inputs } from '../../src/forecast/inputs.ts';
import ridge, { RIDGE, ridgeSize } from '../../src/forecast/ridge.ts';
import { Tabular } from '../../src/forecast/tabular.ts';
import { calendar } from '../../src/window/calendar.ts';
import { Ring } from '../../src/window/ring.ts';

const [TARGETS, HORIZON] = [2, 3];
const MINUTE = 60_000;

/** A model over one series of two targets: the first goes up by 2 a row, the second down by 10. */
function modelOf(component: typeof ridge) {
  const state = new State();
  const { lanes } = state;
  const clock = calendar({ interval: MINUTE });
  const sizes = { channels: TARGETS, targets: TARGETS, horizon: HORIZON, seasons: [] };
  const ring = new Ring(lanes, { capacity: 40, channels: TARGETS });
  const inputs = new Inputs(lanes, ring, clock, sizes);
  const context: ForecasterContext = {
    ...{ state, lanes, ring, inputs, clock },
    ...sizes,
    season: undefined,
    quantiles: [],
    seed: 1,
  };
  const model = component.build({}, context);
  const { count } = new Tabular(ring, clock, sizes, () => undefined);
  const lane = lanes.lane('a');
  let row = 0;
  /** The next row; what the model says, less the row's own value and in units of its mean change. */
  const next = (): number[] => {
    const values = Float64Array.of(2 * row, -10 * row);
    const wave = {
      ...{ rows: 1, lanes: Int32Array.of(lane), times: Float64Array.of(row * MINUTE), values, channels: TARGETS },
      ...{ elapsed: Float64Array.of(row === 0 ? 0 : MINUTE), flags: new Uint8Array(1) },
    };
    ring.push(lane, row * MINUTE, values, 0);
    inputs.follow(wave);
    const outlook = { mean: new Float64Array(TARGETS * HORIZON), quantiles: new Float64Array(0) };
    model.step(wave, outlook);
    row++;
    return [...outlook.mean].map((mean, cell) => (cell < HORIZON ? (mean - values[0]!) / 2 : (mean - values[1]!) / 10));
  };
  return { box: inputs.box, next, count, rows: inputs.rowsFor(component.name) };
}

/** Coefficients by target and step: `of` gives the constant, and what the first lag counts; changes within 500 units. */
function ridgeOf(count: number, of: (cell: number) => readonly [constant: number, lag: number]): Float32Array {
  const w = new Float32Array(TARGETS * HORIZON * ridgeSize(count));
  for (let cell = 0; cell < TARGETS * HORIZON; cell++) {
    const [constant, lag] = of(cell);
    w.set([constant, -500, 500], cell * ridgeSize(count) + count);
    w[cell * ridgeSize(count)] = lag;
  }
  return w;
}

it('ridge: before the first weights it is naive; then a map of its own for every target and step', () => {
  const { box, next, count } = modelOf(ridge);
  next();
  expect(next()).toEqual([0, 0, 0, 0, 0, 0]);
  box.swap(-Infinity, new Map([[RIDGE, ridgeOf(count, (cell) => [cell + 1, cell])]]));
  // the row before lies one unit below the first target, and one above the second
  const said = next();
  [1, 2 - 1, 3 - 2, 4 + 3, 5 + 4, 6 + 5].forEach((wanted, cell) => expect(said[cell]).toBeCloseTo(wanted, 5));
});

it('ridge: rows up to a swap keep the weights before it, and no forecast goes beyond the changes that are known or is no number', () => {
  const { box, next, count } = modelOf(ridge);
  next();
  box.swap(-Infinity, new Map([[RIDGE, ridgeOf(count, () => [1, 0])]]));
  box.swap(2 * MINUTE, new Map([[RIDGE, ridgeOf(count, (cell) => [cell === 0 ? 1e9 : cell === 1 ? NaN : -1e9, 0])]]));
  for (let row = 1; row <= 2; row++) for (const each of next()) expect(each).toBeCloseTo(1, 5);
  expect(next()).toEqual([500, 0, -500, -500, -500, -500]);
});

it('boosted: half of each ensemble, the first step ahead and the last by their own trees, targets by theirs', () => {
  const { box, next, count } = modelOf(boosted);
  next();
  expect(next()).toEqual([0, 0, 0, 0, 0, 0]);
  /** A tree with one split on the first lag: below the row (the first target) and above it. */
  const tree = (below: number, above: number) => Float32Array.of(0, 0, 1, 2, -1, below, -1, -1, -1, above, -1, -1);
  const weights = (by: number) =>
    new Map([
      [RIDGE, ridgeOf(count, (cell) => [10 * by * cell, 0])],
      [treesName(0, 0, 'centre'), tree(1 * by, 900)],
      [treesName(0, 0, 'ridge'), tree(2 * by, 900)],
      [treesName(0, 1, 'centre'), tree(3 * by, 900)],
      [treesName(0, 1, 'ridge'), tree(4 * by, 900)],
      [treesName(0, 2, 'centre'), tree(11 * by, 900)],
      [treesName(0, 2, 'ridge'), tree(12 * by, 900)],
      [treesName(1, 0, 'centre'), tree(900, 5 * by)],
      [treesName(1, 0, 'ridge'), tree(900, 6 * by)],
      [treesName(1, 1, 'centre'), tree(900, 7 * by)],
      [treesName(1, 1, 'ridge'), tree(900, 8 * by)],
      [treesName(1, 2, 'centre'), tree(900, 13 * by)],
      [treesName(1, 2, 'ridge'), tree(900, 14 * by)],
    ]);
  box.swap(-Infinity, weights(1));
  box.swap(2 * MINUTE, weights(2));
  // the step between the first and the last has the third trees
  const wanted = [3, 23 + 10, 7 + 20, 11 + 30, 27 + 40, 15 + 50].map((sum) => sum / 2);
  const [before, after] = [next(), next()];
  wanted.forEach((each, cell) => {
    expect(before[cell]).toBeCloseTo(each, 5);
    expect(after[cell]).toBeCloseTo(2 * each, 5);
  });
});

it('boosted: trees of a block with a centre begin there, and see the values around it; the others do not', () => {
  const { box, next, count, rows } = modelOf(boosted);
  const { level } = rows.tabular;
  for (let row = 0; row < 5; row++) next();
  /** Three units more where the last value lies above the level: in the level's own place stands the last value. */
  const tree = Float32Array.of(level, 0, 1, 2, -1, 900, -1, -1, -1, 3, -1, -1);
  box.swap(
    -Infinity,
    new Map([
      [RIDGE, ridgeOf(count, () => [0, 0])],
      [centreName(0, 1), Float32Array.of(level)],
      [treesName(0, 1, 'centre'), tree],
      // over the ridge regression the level itself is seen, below the last value
      [treesName(0, 1, 'ridge'), Float32Array.of(level, 0, 1, 2, -1, 7, -1, -1, -1, 900, -1, -1)],
    ]),
  );
  const said = next();
  const off = rows.x[rows.at(0, HORIZON - 1) + level]!;
  expect(off).toBeLessThan(-1);
  expect(said[HORIZON - 1]).toBeCloseTo((off + 3 + 7) / 2, 5);
  expect(said[0]).toBe(0);
});

it('boosted: with a second centre both ensembles are around theirs, in units of the series’ mean', () => {
  const { box, next, count, rows } = modelOf(boosted);
  const { level } = rows.tabular;
  for (let row = 0; row < 30; row++) next();
  const leaf = (value: number) => Float32Array.of(-1, value, -1, -1);
  const both = [0, 1].flatMap((target): [string, Float32Array][] => [
    [centreName(target, 1), Float32Array.of(level, level - 1, 1)],
    [treesName(target, 1, 'centre'), leaf(0.25)],
    [treesName(target, 1, 'second'), leaf(0.5)],
    [treesName(target, 1, 'ridge'), leaf(900)],
  ]);
  box.swap(-Infinity, new Map([[RIDGE, ridgeOf(count, () => [900, 0])], ...both]));
  const said = next();
  const centres = (target: number) => {
    const at = rows.at(0, target * HORIZON + HORIZON - 1);
    return (rows.x[at + level]! + rows.x[at + level - 1]!) / 2;
  };
  // the first target's mean over rows 0 to 30 is 15 changes; the second's lies below 0: one change is its unit
  expect(said[HORIZON - 1]).toBeCloseTo(centres(0) + (15 * 0.75) / 2, 3);
  expect(said[2 * HORIZON - 1]).toBeCloseTo(centres(1) + 0.75 / 2, 3);
});

it('inputs around a centre: distances of values from it, everything else as it was', () => {
  const { box, next, count, rows } = modelOf(boosted);
  box.swap(-Infinity, new Map([[RIDGE, ridgeOf(count, () => [0, 0])]]));
  for (let row = 0; row < 30; row++) next();
  const { tabular, x } = rows;
  const [at, into] = [rows.at(0, 2), new Float32Array(tabular.count)];
  tabular.recentre(x, at, tabular.level, 1, into, 0);
  const shift = x[at + tabular.level]!;
  const values = tabular.level + 2;
  for (let i = 0; i < tabular.count; i++)
    expect(into[i]).toBe(i === tabular.level ? -shift : i < values ? Math.fround(x[at + i]! - shift) : x[at + i]!);
});
