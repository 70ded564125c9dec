import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/core/lanes.ts';
import { exp, log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { Mixture, QUICK_RATE, QUICK_SHARE, RATE, SHARE } from '../../src/forecast/mixture.ts';
import { SYNTHETIC } from '../support/synthetic.ts';
import { replay } from '../support/replay.ts';

/** Runs the mixture over `experts[e][t]` for the truths y(t); its forecasts. */
function run(experts: readonly ArrayLike<number>[], y: ArrayLike<number>): Float64Array {
  const lanes = new Lanes();
  const mixture = new Mixture(lanes, { experts: experts.length, cells: 1 });
  const lane = lanes.lane('a');
  const said = new Float64Array(experts.length);
  return Float64Array.from(y, (truth, t) => {
    experts.forEach((expert, e) => (said[e] = expert[t]!));
    const mixed = mixture.combine(lane, 0, said, 0, 1);
    mixture.update(lane, 0, said, 0, 1, truth);
    return mixed;
  });
}

const loss = (said: ArrayLike<number>, y: ArrayLike<number>, from = 0) =>
  Array.from(y).reduce((sum, truth, t) => (t < from ? sum : sum + Math.abs(truth - said[t]!)), 0);

/**
 * The bound of its docstring, measured: losses over the best sequence of experts that changes only at `changes`, less what the
 * bound allows. The blend and the quick rule are two experts more; their errors lie between 0 and the largest of the others'.
 */
function excess(experts: readonly ArrayLike<number>[], y: ArrayLike<number>, changes: readonly number[]): number {
  const mixed = run(experts, y);
  const n = experts.length + 2;
  const rounds = y.length;
  let scale = 0;
  let allowed = (Math.log(n) + changes.length * Math.log(n / SHARE) - (rounds - 1 - changes.length) * Math.log(1 - SHARE)) / RATE;
  const learned: number[][] = [];
  for (let t = 0; t < rounds; t++) {
    const own = Math.abs(mixed[t]! - y[t]!);
    scale += Math.max(0.01, 1 / (t + 1)) * (Math.min(own, scale > 0 ? 30 * scale : own) - scale);
    const losses = experts.map((expert) =>
      scale > 0 ? Math.max(-30, Math.min(30, (Math.abs(expert[t]! - y[t]!) - own) / scale)) : 0,
    );
    learned.push(losses);
    allowed += (RATE / 8) * (Math.max(...losses) - (scale > 0 ? Math.max(-30, -own / scale) : 0)) ** 2;
  }
  const borders = [0, ...changes, rounds];
  let sum = 0;
  for (let b = 0; b + 1 < borders.length; b++) {
    const part = learned.slice(borders[b], borders[b + 1]);
    sum += Math.max(...experts.map((_, e) => part.reduce((total, row) => total - row[e]!, 0)));
  }
  return sum - allowed;
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
const dot = (a: readonly number[], b: readonly number[]) => total(a.map((value, i) => value * b[i]!));
const within = (most: number, x: number) => Math.max(-most, Math.min(most, x));

/** The three rules of the docstring, a formula a line: what is said for every row, and what each expert counts after it. */
function oracle(rows: readonly (readonly number[])[], y: readonly number[], step: number, reference?: number) {
  const all = rows[0]!.map((_, e) => e);
  const n = all.length;
  const startOf = (m: number) =>
    Array.from({ length: m }, (_, e) => (reference === undefined ? 1 / m : e === reference ? 0.9 : 0.1 / (m - 1)));
  let [p, v] = [startOf(n + 2), startOf(n)];
  const [r, squares] = [all.map(() => 0), all.map(() => 0)];
  let s = 0;
  const blendOf = () => {
    const q = all.map((e) => (r[e]! > 0 ? r[e]! / squares[e]! : 0));
    return total(q) > 0 ? q.map((each) => each / total(q)) : startOf(n);
  };
  const shared = (weights: number[], z: number[], c: number, a: number) => {
    const learned = weights.map((each, e) => each * exp(-c * within(30, z[e]!)));
    return learned.map((each) => ((1 - a) * each) / total(learned) + a / weights.length);
  };
  return rows.map((x, t) => {
    const [b, quick] = [dot(blendOf(), x), dot(v, x)];
    const f = dot(p, [...x, b, quick]);
    const off = (said: number) => Math.abs(said - y[t]!);
    s += Math.max(0.01, 1 / (t + 1)) * ((s > 0 ? Math.min(off(f), 30 * s) : off(f)) - s);
    if (s > 0) {
      const z = [...x, b, quick].map((said) => (off(said) - off(f)) / s);
      for (const e of all) {
        const regret = within(30, (Math.sign(b - y[t]!) * (b - x[e]!)) / s);
        r[e] = r[e]! + regret;
        squares[e] = squares[e]! + regret ** 2;
      }
      p = shared(p, z, RATE / step ** 0.25, SHARE);
      v = shared(v, z, QUICK_RATE / step, QUICK_SHARE / step);
    }
    const q = blendOf();
    return { said: f, counts: all.map((e) => p[e]! + p[n]! * q[e]! + p[n + 1]! * v[e]!) };
  });
}

describe('mixture', () => {
  it.each([1, 4, 12])('is its three rules, written plainly, %i steps ahead', (step) => {
    const random = new Random(step);
    // now and then far outside: losses and regrets are cut
    const draw = () => (random.uniform() < 0.03 ? 300 : 1) * random.normal(log);
    for (const reference of [undefined, 0, 2])
      for (let run = 0; run < 10; run++) {
        const y = Array.from({ length: 200 }, () => random.normal(log));
        // one expert is good, after half of the rows another
        const experts = y.map((truth, t) => [0, 1, 2].map((e) => (e === Math.floor(t / 100) ? 0.8 * truth : 0) + draw()));
        const lanes = new Lanes();
        const mixture = new Mixture(lanes, { experts: 3, cells: 12, ...(reference === undefined ? {} : { reference }) });
        const lane = lanes.lane('a');
        const counts = new Float64Array(3);
        oracle(experts, y, step, reference).forEach((wanted, t) => {
          const said = Float64Array.from(experts[t]!);
          expect(mixture.combine(lane, step - 1, said, 0, 1)).toBeCloseTo(wanted.said, 8);
          mixture.update(lane, step - 1, said, 0, 1, y[t]!);
          mixture.weights(lane, step - 1, counts);
          wanted.counts.forEach((count, e) => expect(counts[e]).toBeCloseTo(count, 8));
        });
      }
  });

  it('keeps its regret bound on any sequence, against the best expert and the best that changes', () => {
    const value = fc.integer({ min: -50, max: 50 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, value, value), { minLength: 20, maxLength: 300 }), (rows) => {
        const y = rows.map((row) => row[0]);
        const experts = [1, 2, 3].map((e) => rows.map((row) => row[e as 1]));
        expect(excess(experts, y, [])).toBeLessThan(0);
        expect(excess(experts, y, [Math.floor(rows.length / 2)])).toBeLessThan(0);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it('keeps it against an adversary who puts the truth where the mixture is worst', () => {
    const lanes = new Lanes();
    const mixture = new Mixture(lanes, { experts: 3, cells: 1 });
    const lane = lanes.lane('a');
    const experts = [[], [], []] as number[][];
    const y: number[] = [];
    const random = new Random(2);
    for (let t = 0; t < 2000; t++) {
      const said = Float64Array.from({ length: 3 }, () => random.normal(log));
      y.push(mixture.combine(lane, 0, said, 0, 1) > 0 ? -1 : 1);
      said.forEach((forecast, e) => experts[e]!.push(forecast));
      mixture.update(lane, 0, said, 0, 1, y[t]!);
    }
    expect(excess(experts, y, [])).toBeLessThan(0);
    expect(excess(experts, y, [500, 1500])).toBeLessThan(0);
  });

  it('finds the mean of experts whose errors cancel, where the best of them alone is far off', () => {
    const random = new Random(5);
    const [y, off, own] = [0, 1, 2].map(() => Float64Array.from({ length: 3000 }, () => random.normal(log)));
    const experts = [1, -1.5, 2].map((share) => y!.map((truth, t) => truth + share * off![t]! + 0.1 * own![t]!));
    expect(loss(run(experts, y!), y!, 500)).toBeLessThan(0.25 * loss(experts[0]!, y!, 500));
  });

  it('moves more slowly further ahead', () => {
    const weightAfter = (cell: number) => {
      const lanes = new Lanes();
      const mixture = new Mixture(lanes, { experts: 2, cells: 32, horizon: 16, reference: 0 });
      const lane = lanes.lane('a');
      const into = new Float64Array(2);
      for (let t = 0; t < 20; t++) mixture.update(lane, cell, Float64Array.of(1, 0.5), 0, 1, 0);
      mixture.weights(lane, cell, into);
      return into[0]!;
    };
    expect(weightAfter(15)).toBeGreaterThan(weightAfter(0));
    expect(weightAfter(16)).toBe(weightAfter(0));
  });

  it('follows a change of the best expert within 100 rows', () => {
    const random = new Random(1);
    const y = Array.from({ length: 2000 }, () => random.normal(log));
    const good = (t: number) => y[t]! + 0.5 * Math.sin(t);
    const bad = (t: number) => y[t]! + 3 + Math.cos(t);
    const experts = [0, 1].map((e) => y.map((_, t) => (t < 1000 === (e === 0) ? good(t) : bad(t))));
    const mixed = run(experts, y);
    expect(loss(mixed, y, 1100)).toBeLessThan(
      1.05 * y.reduce((sum, truth, t) => (t < 1100 ? sum : sum + Math.abs(truth - good(t))), 0),
    );
  });

  it('follows changes that come again and again: the quick rule', () => {
    const random = new Random(9);
    const y = Array.from({ length: 3000 }, () => random.normal(log));
    const turn = (t: number) => Math.floor(t / 150) % 2;
    const experts = [0, 1].map((e) => y.map((truth, t) => truth + (turn(t) === e ? 0.3 : 1) * random.normal(log)));
    const best = y.map((_, t) => experts[turn(t)]![t]!);
    expect(loss(run(experts, y), y, 500) / loss(best, y, 500)).toBeLessThan(1.15);
  });

  it('costs less than 1 % over naive on a random walk, among experts that know nothing', () => {
    const { values } = SYNTHETIC[0]!();
    const y = values.slice(1);
    const experts = ['naive', 'seasonal-naive', 'holt-winters', 'linear'].map(
      (name) => replay(name, { values, seasons: [48] }).mean,
    );
    expect(loss(run(experts, y), y, 500)).toBeLessThan(1.01 * loss(experts[0]!, y, 500));
  });

  it('stays a number where experts differ by next to nothing', () => {
    const mixed = run([new Float64Array(6).fill(1e-170), new Float64Array(6)], new Float64Array(6).fill(-1));
    expect(mixed.every((value) => Number.isFinite(value))).toBe(true);
  });

  it('does not let one broken forecast decide for long', () => {
    const random = new Random(8);
    const y = Array.from({ length: 600 }, () => random.normal(log));
    const good = y.map((truth, t) => (t === 500 ? 1e9 : truth + 0.1 * random.normal(log)));
    const mixed = run([good, y.map((truth) => truth + 2 + random.normal(log))], y);
    expect(loss(mixed, y, 520) / 80).toBeLessThan(0.2);
  });

  it('gives weights that are positive, sum to one, and do not care for units', () => {
    const random = new Random(4);
    const y = Array.from({ length: 300 }, () => random.normal(log));
    const experts = [0, 1, 2].map((e) => y.map((truth) => truth + e + random.normal(log)));
    const mixed = run(experts, y);
    const scaled = run(
      experts.map((expert) => expert.map((value) => 1024 * value)),
      y.map((value) => 1024 * value),
    );
    mixed.forEach((value, t) => expect(scaled[t]).toBe(1024 * value));
    const lanes = new Lanes();
    const mixture = new Mixture(lanes, { experts: 3, cells: 2 });
    const lane = lanes.lane('a');
    const into = new Float64Array(3);
    mixture.weights(lane, 1, into);
    expect([...into]).toEqual([1 / 3, 1 / 3, 1 / 3]);
    for (const truth of [0, 1e308, -1e308, 5, NaN, 5e-324, 7]) {
      mixture.update(lane, 1, Float64Array.of(0, 1e308, 3), 0, 1, truth);
      mixture.weights(lane, 1, into);
      expect(into.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
      for (const weight of into) expect(weight).toBeGreaterThan(0);
    }
    mixture.weights(lane, 0, into);
    expect([...into]).toEqual([1 / 3, 1 / 3, 1 / 3]);
  });
});
