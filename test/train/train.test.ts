/** No peeking: what is held out to judge the challenger does not teach it. */
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { Features } from '../../src/forecast/features.ts';
import { SCALER_SIZE } from '../../src/forecast/scaler.ts';
import { initialWeights } from '../../src/nn/initial.ts';
import type { TrainingJob } from '../../src/train/job.ts';
import { train } from '../../src/train/train.ts';
import { calendar } from '../../src/window/calendar.ts';
import { Ring } from '../../src/window/ring.ts';

const ROWS = 100;
const HORIZON = 4;

/** A seeded series whose values from row `from` on are something else. */
function job(from: number, other: (value: number) => number): TrainingJob {
  const random = new Random(3);
  const sizes = { channels: 1, targets: 1, horizon: HORIZON, seasons: [], lags: 2 };
  const days = { interval: 60_000 };
  const { count } = new Features(
    new Ring(new State().lanes, { capacity: 1, channels: 1 }),
    calendar(days),
    sizes,
    () => undefined,
  );
  const values = Float64Array.from({ length: ROWS }, (_, i) => 10 + (i % 5) + random.uniform());
  for (let i = from; i < ROWS; i++) values[i] = other(values[i]!);
  const shape = { cell: 'gru', reset: 'after', inputs: count, hidden: 4, layers: 1, outputs: HORIZON * 2, skip: true } as const;
  const options = {
    rows: ROWS,
    maxRows: 1e6,
    holdout: 0.2,
    epochs: 2,
    batch: 4,
    steps: 8,
    burnIn: 4,
    learningRate: 0.01,
    weightDecay: 0,
    clip: 1,
  };
  const first = {
    name: 'a',
    first: 1,
    times: Float64Array.from(values, (_, i) => i * 60_000),
    values,
    flags: new Uint8Array(ROWS),
  };
  const scaler = new Float64Array(SCALER_SIZE);
  // as it stands after the first row: mean, levels and last value are that value, deviations are 0
  for (const at of [0, 3, 4, 5]) scaler[at] = values[0]!;
  return {
    trigger: ROWS * 60_000,
    seed: 1,
    shape,
    fitted: [],
    sizes,
    quantiles: [0.5],
    calendar: days,
    weights: initialWeights(shape, 1),
    first: true,
    options: { ...options, loss: 'huber' },
    series: [{ ...first, scaler }],
  };
}

it('changing the held-out rows changes how weights are judged and not what the epochs learned', () => {
  const losses = (of: TrainingJob) => {
    const each: number[] = [];
    const { champion } = train(of, (_, loss) => void each.push(loss));
    return { each, champion };
  };
  const plain = losses(job(ROWS, (value) => value));
  // inputs are complete from here on: four fifths of those rows are trained on, the others held out
  const begin = Features.lookback({ seasons: [], lags: 2 });
  const split = begin + Math.floor((ROWS - begin) * 0.8);
  const changed = losses(job(split, (value) => -7 * value));
  expect(changed.each).toEqual(plain.each);
  expect(changed.champion).not.toBe(plain.champion);
  const earlier = losses(job(split - 1, (value) => -7 * value));
  expect(earlier.each).not.toEqual(plain.each);
});

it('the same job gives the same bits', () => {
  const [a, b] = [train(job(ROWS, (value) => value)), train(job(ROWS, (value) => value))];
  expect([...a.weights].map(([name, data]) => [name, [...data]])).toEqual(
    [...b.weights].map(([name, data]) => [name, [...data]]),
  );
  expect(a.accepted).toBe(true);
});

it('a later training on fewer than 500 rows in all is a first one; on more it learns at half the rate', () => {
  const of = (first: boolean, rows: number) => {
    const whole = job(ROWS, (value) => value);
    const [one] = whole.series;
    const series = Array.from({ length: Math.ceil(rows / ROWS) }, (_, s) => {
      const held = Math.min(ROWS, rows - s * ROWS);
      const cut = { times: one!.times.slice(0, held), values: one!.values.slice(0, held), flags: one!.flags.slice(0, held) };
      return { ...one!, ...cut, name: `series ${s}` };
    });
    const losses: number[] = [];
    train({ ...whole, first, series }, (_, loss) => void losses.push(loss));
    return losses;
  };
  const [few, more] = [of(true, 499), of(true, 500)];
  expect([few.length, more.length]).toEqual([8, 8]);
  expect(of(false, 499)).toEqual(few);
  const later = of(false, 500);
  expect(later).toHaveLength(8);
  expect(later).not.toEqual(more);
});

it('weights decay less where more rows are trained on', () => {
  const whole = job(ROWS, (value) => value);
  const series = Array.from({ length: 100 }, (_, s) => ({ ...whole.series[0]!, name: `series ${s}` }));
  const size = (weightDecay: number) => {
    const { weights, accepted } = train({ ...whole, first: true, series, options: { ...whole.options, weightDecay } });
    expect(accepted).toBe(true);
    return [...weights.values()].flatMap((data) => [...data]).reduce((sum, each) => sum + Math.abs(each), 0);
  };
  // 8,000 rows: a quarter
  expect(size(1) / size(0)).toBeGreaterThan(0.68);
});
