import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lanes } from '../../src/core/lanes.ts';
import { exp, log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { QUANTILE_RATE, QUANTILE_SHARE, QuantileMixture, sorted } from '../../src/forecast/quantile-mixture.ts';

const LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975];
const L = LEVELS.length;
/** Of a standard normal distribution. */
const NORMAL = [-1.959964, -1.281552, 0, 1.281552, 1.959964];

/** What is said for a row: the means of all experts, the mixture's last; the quantiles of each owner. */
interface Said {
  readonly means: readonly number[];
  readonly own?: readonly (readonly number[])[];
}

interface Options {
  readonly experts: number;
  readonly owners?: readonly number[];
  readonly step?: number;
}

function build(lanes: Lanes, { experts, owners = [], step = 1 }: Options): QuantileMixture {
  return new QuantileMixture(lanes, { experts, owners, cells: step, horizon: step, levels: LEVELS });
}

/** Issued quantiles, in order, each truth coming right after its forecast. */
function run(said: readonly Said[], y: ArrayLike<number>, options: Options, lanes = new Lanes(), name = 'a'): number[][] {
  const mixture = build(lanes, options);
  const lane = lanes.lane(name);
  const raw = new Float64Array(L);
  const issued = new Float64Array(L);
  return said.map(({ means, own = [] }, t) => {
    const given = [Float64Array.from(means), Float64Array.from(own.flat())] as const;
    mixture.apply(lane, (options.step ?? 1) - 1, given[0], 0, given[1], 0, raw, 0);
    mixture.update(lane, (options.step ?? 1) - 1, given[0], 0, given[1], 0, raw, 0, y[t]!);
    sorted(raw, 0, L, issued, 0);
    return [...issued];
  });
}

const pinball = (tau: number, error: number) => Math.max(tau * error, (tau - 1) * error);

function loss(issued: readonly (readonly number[])[], y: ArrayLike<number>, from: number, to = y.length): number {
  let sum = 0;
  for (let t = from; t < to; t++) LEVELS.forEach((tau, i) => (sum += pinball(tau, y[t]! - issued[t]![i]!)));
  return sum;
}

function coverage(issued: readonly (readonly number[])[], y: ArrayLike<number>, i: number, from: number, to: number): number {
  let inside = 0;
  for (let t = from; t < to; t++) if (y[t]! >= issued[t]![i]! && y[t]! <= issued[t]![L - 1 - i]!) inside++;
  return inside / (to - from);
}

const draws = (n: number, seed: number) => {
  const random = new Random(seed);
  return Float64Array.from({ length: n }, () => random.normal(log));
};

const followed = (before: number, value: number, rate: number, count: number) =>
  before > 0 ? before + Math.max(rate, 1 / count) * (Math.min(value, 30 * before) - before) : value;

/**
 * The rules of the docstring, one formula a line; gives what was issued, and how far the loss of the combination at each level stayed
 * under what the regret bound allows beside the best sequence of experts that changes only at `changes`.
 */
function oracle(
  said: readonly Said[],
  y: ArrayLike<number>,
  { experts, owners = [], step = 1 }: Options,
  changes: number[] = [],
) {
  const all = Array.from({ length: experts }, (_, e) => e);
  const k = all.map(() => LEVELS.map(() => 0));
  const start = LEVELS.map((tau) => (tau < 0.5 ? log(2 * tau) : -log(2 * (1 - tau))));
  const correction = LEVELS.map(() => 0);
  const unit = LEVELS.map(() => 0);
  let p = LEVELS.map(() => all.map((e) => (e === experts - 1 ? 0.9 : 0.1 / (experts - 1))));
  let [slow, fast] = [0, 0];
  const c = QUANTILE_RATE / step ** 0.25;
  const learned = LEVELS.map((): number[][] => []);
  const issued = said.map(({ means, own: ownOf = [] }, t) => {
    const far = 40 * Math.max(slow, fast);
    const x = all.map((e) =>
      LEVELS.map((_, i) => {
        const own = ownOf[owners.indexOf(e)]?.[i];
        const quantile = own ?? means[e]! + (e === experts - 1 ? fast : slow) * (start[i]! + k[e]![i]!);
        return Math.max(means[experts - 1]! - far, Math.min(means[experts - 1]! + far, quantile));
      }),
    );
    const f = LEVELS.map((_, i) => all.reduce((sum, e) => sum + p[i]![e]! * x[e]![i]!, 0));
    const said = f.map((quantile, i) => quantile + slow * correction[i]!);
    const n = t + 1;
    p = p.map((weights, i) => {
      const own = pinball(LEVELS[i]!, y[t]! - f[i]!);
      unit[i] = followed(unit[i]!, own, 0.01, n);
      if (unit[i] === 0) return weights;
      const z = all.map((e) => Math.max(-30, Math.min(30, (pinball(LEVELS[i]!, y[t]! - x[e]![i]!) - own) / unit[i]!)));
      learned[i]!.push(z);
      const v = all.map((e) => weights[e]! * exp(-c * z[e]!));
      const sum = v.reduce((total, each) => total + each, 0);
      return v.map((each) => ((1 - QUANTILE_SHARE) * each) / sum + QUANTILE_SHARE / experts);
    });
    if (slow > 0)
      LEVELS.forEach((tau, i) => {
        const moved = (quantile: number, most: number, least: number) =>
          (Math.max(least, most / Math.sqrt(n)) / Math.sqrt(step)) * (tau - (y[t]! < quantile ? 1 : 0));
        for (const e of all) k[e]![i]! += moved(x[e]![i]!, 0.5, 0.05);
        correction[i]! += moved(said[i]!, 0.2, 0.02);
      });
    const error = Math.abs(y[t]! - means[experts - 1]!);
    [slow, fast] = [followed(slow, error, 0.01, n), followed(fast, error, 0.1, n)];
    return said.sort((a, b) => a - b);
  });
  const spare = learned.map((rounds) => {
    const borders = [0, ...changes.filter((at) => at < rounds.length), rounds.length];
    const parts = borders.slice(1).map((to, b) => rounds.slice(borders[b], to));
    const regret = parts.reduce((sum, part) => sum + Math.max(...all.map((e) => part.reduce((own, z) => own - z[e]!, 0))), 0);
    const m = parts.length - 1;
    const first = Math.log((experts - 1) / 0.1);
    const forgetting = m * Math.log(experts / QUANTILE_SHARE) - (rounds.length - 1 - m) * Math.log(1 - QUANTILE_SHARE);
    const ranges = rounds.reduce((sum, z) => sum + (Math.max(...z) - Math.min(...z)) ** 2, 0);
    return (first + forgetting) / c + (c / 8) * ranges - regret;
  });
  return { issued, spare };
}

const value = fc.integer({ min: -50, max: 50 });
const row = fc.record({ y: value, means: fc.tuple(value, value, value), own: fc.tuple(value, value, value, value, value) });
const rows = fc.array(row, { minLength: 5, maxLength: 200 });

describe('quantile mixture', () => {
  it('is what its formulas say, on any sequence and at any step', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(1, 4, 12), (given, step) => {
        const said = given.map(({ means, own }) => ({ means, own: [[...own].sort((a, b) => a - b)] }));
        const y = given.map((each) => each.y);
        const options = { experts: 3, owners: [1], step };
        const wanted = oracle(said, y, options).issued;
        run(said, y, options).forEach((issued, t) =>
          // trackers are kept in 32 bits
          issued.forEach((quantile, i) => expect(Math.abs(quantile - wanted[t]![i]!)).toBeLessThan(1e-3)),
        );
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('keeps its regret bound at every level, against the best expert and the best that changes', () => {
    fc.assert(
      fc.property(rows, (given) => {
        const said = given.map(({ means, own }) => ({ means, own: [[...own].sort((a, b) => a - b)] }));
        const y = given.map((each) => each.y);
        for (const changes of [[], [Math.floor(given.length / 2)]])
          for (const spare of oracle(said, y, { experts: 3, owners: [1] }, changes).spare) expect(spare).toBeGreaterThan(0);
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  // an owner whose quantiles are right, one whose are three times too wide, a third of the way through or not at all the other way round
  const noise = draws(3000, 7);
  const widths = noise.map((_, t) => 1 + 4 * Number(t % 7 === 0));
  const y = noise.map((draw, t) => draw * widths[t]!);
  const right = (t: number) => NORMAL.map((quantile) => quantile * widths[t]!);
  const wide = (t: number) => right(t).map((quantile) => 3 * quantile);
  const owned = (first: (t: number) => number[], second: (t: number) => number[]) =>
    Array.from(y, (_, t) => ({ means: [0, 0, 0], own: [first(t), second(t)] }));
  const best = Array.from(y, (_, t) => right(t));

  it('comes near the expert whose quantiles are right', () => {
    const issued = run(owned(wide, right), y, { experts: 3, owners: [0, 1] });
    expect(loss(issued, y, 500)).toBeLessThan(1.02 * loss(best, y, 500));
    // the mixture's own quantiles do not know the width
    expect(loss(run(owned(wide, wide), y, { experts: 3, owners: [0, 1] }), y, 500)).toBeGreaterThan(1.1 * loss(best, y, 500));
  });

  it('follows a change of the right expert within 100 rows', () => {
    const said = owned(wide, right).map(({ means, own }, t) => ({ means, own: t < 1500 ? own : [own[1]!, own[0]!] }));
    const issued = run(said, y, { experts: 3, owners: [0, 1] });
    expect(loss(issued, y, 1000, 1500)).toBeLessThan(1.03 * loss(best, y, 1000, 1500));
    expect(loss(issued, y, 1600, 2100)).toBeLessThan(1.05 * loss(best, y, 1600, 2100));
  });

  it('trusts other experts below than above', () => {
    const low = (t: number) => right(t).map((quantile) => (quantile > 0 ? 4 * quantile : quantile));
    const high = (t: number) => right(t).map((quantile) => (quantile < 0 ? 4 * quantile : quantile));
    const lanes = new Lanes();
    const issued = run(owned(low, high), y, { experts: 3, owners: [0, 1] }, lanes);
    expect(loss(issued, y, 500)).toBeLessThan(1.03 * loss(best, y, 500));
    const weights = lanes.column('quantiles.weights')!.data;
    expect(weights[1 * 3]).toBeGreaterThan(0.8);
    expect(weights[3 * 3 + 1]).toBeGreaterThan(0.8);
  });

  const scales: Record<string, Float64Array> = {
    'independent noise': draws(6000, 11),
    'noise whose width swings': draws(6000, 11).map((draw, t) => (2 + Math.sin(t / 100)) * draw),
    'noise that grows a hundredfold': draws(6000, 11).map((draw, t) => (1 + t / 60) * draw),
    'noise that drifts away from the mean': draws(6000, 11).map((draw, t) => t / 1500 + draw),
    'skewed noise': draws(6000, 11).map((draw) => draw * draw),
    'very small units': draws(6000, 11).map((draw) => 1e-9 * draw),
    'a sudden calm': draws(6000, 11).map((draw, t) => (t < 3000 ? 10 : 0.1) * draw),
  };
  for (const [name, truths] of Object.entries(scales)) {
    it(`covers what it promises: ${name}`, () => {
      const said = Array.from(truths, () => ({ means: [0, 0, 0], own: [NORMAL] }));
      const issued = run(said, truths, { experts: 3, owners: [0] });
      expect(Math.abs(coverage(issued, truths, 1, 1800, 6000) - 0.8)).toBeLessThan(0.02);
      expect(Math.abs(coverage(issued, truths, 0, 1800, 6000) - 0.95)).toBeLessThan(0.02);
      for (let t = 1800; t < 6000; t += 420) expect(Math.abs(coverage(issued, truths, 1, t, t + 420) - 0.8)).toBeLessThan(0.08);
    });
  }

  it('is in order and finite whatever it is told, and exact on a constant series', () => {
    const wild = fc.constantFrom(0, 1, -1, 7.5, 1e-300, 1e308, -1e308, Number.MAX_VALUE, 5e-324);
    const told = fc.array(fc.tuple(wild, wild, wild, wild, wild), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(told, (given) => {
        const said = given.map(([, a, b, low, high]) => ({
          means: [a, b],
          own: [[Math.min(low, high), Math.min(low, high), low, Math.max(low, high), Math.max(low, high)]],
        }));
        const truths = given.map(([truth]) => truth);
        for (const issued of run(said, truths, { experts: 2, owners: [0] })) {
          for (const quantile of issued) expect(Number.isFinite(quantile)).toBe(true);
          for (let i = 1; i < L; i++) expect(issued[i]).toBeGreaterThanOrEqual(issued[i - 1]!);
        }
      }),
      { numRuns: 200, seed: 3 },
    );
    const constant = Array.from({ length: 100 }, () => ({ means: [5, 5, 5] }));
    for (const issued of run(constant, new Float64Array(100).fill(5), { experts: 3 })) expect(issued).toEqual([5, 5, 5, 5, 5]);
  });

  it('learns nothing from a truth or a mean that is no number', () => {
    const said = owned(wide, right).slice(0, 50);
    const plain = run(said, y, { experts: 3, owners: [0, 1] });
    const broken = said.flatMap((each) => [each, each]);
    const truths = Float64Array.from({ length: 100 }, (_, t) => (t % 2 === 1 ? NaN : y[t / 2]!));
    expect(run(broken, truths, { experts: 3, owners: [0, 1] }).filter((_, t) => t % 2 === 0)).toEqual(plain);
  });

  it('does not care for units', () => {
    const options = { experts: 3, owners: [0, 1] };
    const issued = run(owned(wide, right).slice(0, 400), y, options);
    const scaled = run(
      owned(wide, right)
        .slice(0, 400)
        .map(({ means, own }) => ({ means, own: own.map((each) => each.map((quantile) => 1024 * quantile)) })),
      y.map((truth) => 1024 * truth),
      options,
    );
    scaled.forEach((each, t) => expect(each).toEqual(issued[t]!.map((quantile) => 1024 * quantile)));
  });

  it('goes on after a restart as if there had been none, and from series to series by itself', () => {
    const options = { experts: 3, owners: [0, 1] };
    const said = owned(wide, right).slice(0, 300);
    const whole = run(said, y, options);
    const before = new Lanes();
    run(said.slice(0, 130), y, options, before, 'b');
    run(
      said.slice(0, 90),
      y.map((truth) => 3 * truth),
      options,
      new Lanes(),
    );
    const after = new Lanes();
    after.restore(before.snapshot());
    expect(run(said.slice(130), y.subarray(130), options, after, 'b')).toEqual(whole.slice(130));
  });
});
