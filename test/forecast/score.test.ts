import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/core/lanes.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { Scores } from '../../src/forecast/score.ts';
import { compareLosses, LossDifferences } from '../../src/forecast/skill.ts';

const LEVELS = [0.1, 0.5, 0.9];
const MODELS = ['naive', 'other', 'output'];

function scoresOf(lanes: Lanes, extra: object = {}) {
  const options = { models: MODELS, baselines: ['naive'], targets: 2, horizon: 3, levels: LEVELS, warmup: 5 };
  return new Scores(lanes, { ...options, ...extra });
}

/** Rows of a series: what the models said, the quantiles, the truth. */
function rows(count: number, seed: number) {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const truth = random.normal(log);
    const said = Float64Array.from({ length: 3 }, (_, m) => truth + random.normal(log) / (m + 1));
    return { truth, said, quantiles: Float64Array.of(said[2]! - 1, said[2]!, said[2]! + 1) };
  });
}

/** Newey and West (1987) with Bartlett weights: the long-run variance of d. */
function neweyWest(d: readonly number[], lag: number): number {
  const n = d.length;
  const mean = d.reduce((sum, value) => sum + value, 0) / n;
  const gamma = (k: number) => d.reduce((sum, value, t) => (t < k ? sum : sum + (value - mean) * (d[t - k]! - mean)), 0) / n;
  let sum = gamma(0);
  for (let k = 1; k <= lag; k++) sum += 2 * (1 - k / (lag + 1)) * gamma(k);
  return sum;
}

/** The comparison of two loss series, through the accumulators. */
function compare(ours: readonly number[], theirs: readonly number[], steps = 1) {
  const lanes = new Lanes();
  const differences = new LossDifferences(lanes, { cells: 1, baselines: 1 });
  const lane = lanes.lane('a');
  ours.forEach((loss, t) => differences.add(lane, 0, steps, t + 1, Float64Array.of(loss - theirs[t]!)));
  const sums = { lengths: 0, squaredLengths: 0, squares: new Float64Array(1), products: new Float64Array(1) };
  differences.gather(differences.columns.block.data, differences.columns.sums.data, 0, sums);
  const total = (losses: readonly number[]) => losses.reduce((sum, loss) => sum + loss, 0);
  return compareLosses(ours.length, total(ours), total(theirs), sums, 0, steps);
}

describe('a comparison of few rows', () => {
  it('has the correction of Harvey, Leybourne and Newbold, and the quantiles of Student', () => {
    const random = new Random(31);
    const ours = Array.from({ length: 40 }, () => random.uniform());
    const theirs = ours.map((loss) => loss + random.uniform() - 0.3);
    const [n, h] = [40, 3];
    const { low, high, difference, statistic } = compare(ours, theirs, h);
    const error = difference / statistic;
    // from a table: 39 degrees of freedom, 97.5 %
    expect((high - low) / 2 / error).toBeCloseTo(2.02269, 4);
    const d = ours.map((loss, t) => loss - theirs[t]!);
    const blocks = { length: 0, sum: 0 };
    let [squares, lengths] = [0, 0];
    // blocks of 18 rows: six steps for each of three
    for (const each of d) {
      if (blocks.length === 18) Object.assign(blocks, { length: 0, sum: 0 });
      blocks.length++;
      blocks.sum += each;
      squares += (blocks.sum - blocks.length * difference) ** 2;
      lengths += blocks.length;
    }
    expect(error ** 2).toBeCloseTo(squares / lengths / n / ((n + 1 - 2 * h + (h * (h - 1)) / n) / n), 12);
  });

  it('says nothing of steps so far ahead that no row tells of another', () => {
    const ours = Array.from({ length: 40 }, (_, t) => 1 + (t % 3));
    const theirs = ours.map((loss, t) => loss + 5 + (t % 2));
    expect(compare(ours, theirs, 40)).toMatchObject({ low: NaN, verdict: 'no skill' });
    expect(compare(ours, theirs, 3).verdict).toBe('better');
  });
});

describe('scores', () => {
  it('are what the plain sums over the rows give, warm-up left out', () => {
    const lanes = new Lanes();
    const scores = scoresOf(lanes);
    const lane = lanes.lane('a');
    const all = rows(200, 1);
    all.forEach(({ truth, said, quantiles }, i) => scores.add(lane, 1, 0, said, 0, 1, quantiles, 0, truth, i + 1));
    const summary = scores.summary(lane, 1, 0);
    const scored = all.slice(5);
    const mean = (of: (row: (typeof all)[number]) => number, over = scored) =>
      over.reduce((sum, row) => sum + of(row), 0) / over.length;
    expect(summary.n).toBe(195);
    MODELS.forEach((name, m) => {
      const error = (row: (typeof all)[number]) => Math.abs(row.truth - row.said[m]!);
      const scale = mean((row) => Math.abs(row.truth - row.said[0]!), all.slice(0, 5));
      expect(summary.models[name]!.mae).toBeCloseTo(mean(error), 10);
      expect(summary.models[name]!.rmse).toBeCloseTo(Math.sqrt(mean((row) => error(row) ** 2)), 10);
      expect(summary.models[name]!.smape).toBeCloseTo(
        mean((row) => (200 * error(row)) / (Math.abs(row.truth) + Math.abs(row.said[m]!))),
        10,
      );
      expect(summary.models[name]!.mase).toBeCloseTo(mean(error) / scale, 10);
    });
    LEVELS.forEach((tau, i) => {
      const pinball = mean(({ truth, quantiles }) =>
        Math.max(tau * (truth - quantiles[i]!), (tau - 1) * (truth - quantiles[i]!)),
      );
      expect(summary.pinball[i]).toBeCloseTo(pinball, 10);
    });
    expect(summary.intervals).toHaveLength(1);
    expect(summary.intervals[0]!.nominal).toBeCloseTo(0.8, 12);
    expect(summary.intervals[0]!.coverage).toBeCloseTo(
      mean(({ truth, said }) => (Math.abs(truth - said[2]!) <= 1 ? 1 : 0)),
      10,
    );
    expect(summary.intervals[0]!.width).toBeCloseTo(2, 10);
    expect(summary.skill.naive!.skill).toBeCloseTo(1 - summary.models.output!.mae / summary.models.naive!.mae, 10);
    expect(scores.summary(lane, 0, 0).n).toBe(0);
    expect(scores.summary(lane, 1, 1).n).toBe(0);
  });

  it('pool over series, evicted ones included, in the same bits whatever the order', () => {
    const build = (order: readonly string[], evict: boolean) => {
      const lanes = new Lanes();
      const spilled = new Map<string, Uint8Array>();
      lanes.spillTo({
        put: (k, b) => void spilled.set(k, Uint8Array.from(b)),
        take: (k) => spilled.get(k),
        peek: (k) => spilled.get(k),
        keys: () => spilled.keys(),
      });
      const scores = scoresOf(lanes);
      for (const key of order) {
        const lane = lanes.lane(key);
        rows(50, key.length).forEach(({ truth, said, quantiles }, i) =>
          scores.add(lane, 0, 0, said, 0, 1, quantiles, 0, truth, i + 1),
        );
      }
      lanes.lane('never scored');
      if (evict) lanes.evict(lanes.find('bb'));
      return { total: scores.total(0, 0), each: order.map((key) => scores.summary(Math.max(0, lanes.find(key)), 0, 0)) };
    };
    const { total, each } = build(['a', 'bb', 'ccc'], false);
    expect(build(['ccc', 'bb', 'a'], true).total).toEqual(total);
    expect(total.n).toBe(135);
    expect(total.models.output!.mae).toBeCloseTo(
      each.reduce((sum, one) => sum + one.models.output!.mae / 3, 0),
      10,
    );
    expect(total.models.output!.mase).toBeCloseTo(
      each.reduce((sum, one) => sum + one.models.output!.mase / 3, 0),
      10,
    );
  });

  it('keep squares and sMAPE of the output only when lean, in less than 200 bytes with 3 models and levels', () => {
    const lanes = new Lanes();
    const scores = scoresOf(lanes, { full: false, targets: 1, horizon: 1, baselines: ['naive', 'other'] });
    const lane = lanes.lane('a');
    rows(50, 1).forEach(({ truth, said, quantiles }, i) => scores.add(lane, 0, 0, said, 0, 1, quantiles, 0, truth, i + 1));
    expect(scores.summary(lane, 0, 0).models.naive!.rmse).toBeNaN();
    expect(scores.summary(lane, 0, 0).models.output!.rmse).toBeGreaterThan(0);
    expect(lanes.snapshot().columns.reduce((sum, { data }) => sum + data.byteLength, 0)).toBeLessThan(200);
  });
});

describe('skill', () => {
  const normal = (n: number, seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: n }, () => random.normal(log));
  };

  it('is the block sum formula, computed directly', () => {
    const d = normal(500, 1).map((value) => value + 0.1);
    const mean = d.reduce((sum, value) => sum + value, 0) / d.length;
    let squares = 0;
    let lengths = 0;
    let start = 0;
    for (let t = 0; t < d.length; t++) {
      const length = t - start;
      if (length >= 6 * 2 && length ** 3 >= 3.375 * (t + 1)) start = t;
      const block = d.slice(start, t + 1);
      squares += block.reduce((sum, value) => sum + value - mean, 0) ** 2;
      lengths += block.length;
    }
    const { statistic, low, high } = compare(
      d,
      d.map(() => 0),
      2,
    );
    const n = d.length;
    // two steps ahead; and 499 degrees of freedom have this 97.5 % point
    const correction = (n + 1 - 4 + 2 / n) / n;
    const reach = 1.964729;
    const error = Math.sqrt(squares / lengths / n / correction);
    expect(statistic).toBeCloseTo(mean / error, 9);
    expect(low).toBeCloseTo(mean - reach * error, 6);
    expect(high).toBeCloseTo(mean + reach * error, 6);
  });

  it('has the variance of the Newey-West sum, within a third, on correlated losses', () => {
    const e = normal(5000, 2);
    const d: number[] = [];
    e.forEach((value, t) => d.push(0.5 * (d[t - 1] ?? 0) + value));
    const { high, low } = compare(
      d,
      d.map(() => 0),
    );
    const variance = ((high - low) / 2 / 1.959963984540054) ** 2 * d.length;
    expect(variance / neweyWest(d, 30)).toBeGreaterThan(0.67);
    expect(variance / neweyWest(d, 30)).toBeLessThan(1.5);
  });

  it('has an interval that includes 0 where there is no skill, about 95 times in 100, though errors twelve steps ahead overlap', () => {
    let none = 0;
    for (let seed = 0; seed < 200; seed++) {
      const e = normal(1012, 100 + seed);
      const d = Array.from({ length: 1000 }, (_, t) => e.slice(t, t + 12).reduce((sum, value) => sum + value, 0));
      const { low, high } = compare(
        d,
        d.map(() => 0),
        12,
      );
      if (low <= 0 && high >= 0) none++;
    }
    expect(none / 200).toBeGreaterThan(0.88);
    expect(none / 200).toBeLessThanOrEqual(0.99);
  });

  it('says better, worse, or nothing before there are enough rows', () => {
    const base = normal(400, 5).map(Math.abs);
    const good = base.map((value) => value * 0.8);
    expect(compare(good, base).verdict).toBe('better');
    expect(compare(base, good).verdict).toBe('worse');
    expect(compare(good.slice(0, 20), base.slice(0, 20)).verdict).toBe('no skill');
    // sure, and too little to matter
    expect(
      compare(
        base.map((value) => value * 0.997),
        base,
      ),
    ).toMatchObject({ verdict: 'no skill', statistic: expect.toSatisfy((z: number) => z < -5) as number });
    expect(compare(base, base)).toMatchObject({ skill: 0, difference: 0, verdict: 'no skill' });
  });
});
