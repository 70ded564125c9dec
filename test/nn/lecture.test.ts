/** The lecture's equations as it writes them, over concatenated vectors, beside the kernel's cells. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { initialWeights } from '../../src/nn/initial.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkShape, Weights } from '../../src/nn/shape.ts';
import { drawnWeights, fill } from './cases.ts';

const [I, H, T] = [5, 12, 40];
const SIZES = { inputs: I, hidden: H, layers: 1, outputs: H, skip: false };
const s = (value: number): number => 1 / (1 + Math.exp(-value));
type Vector = number[];

const bits = (values: ArrayLike<number>): Int32Array => new Int32Array(Float32Array.from(values).buffer);

/** A network of one lane. */
function ready(shape: NetworkShape, weights: Weights): Network {
  const network = new Network(shape);
  network.setWeights(0, weights);
  network.reserve(1);
  network.lanes[0] = 0;
  return network;
}

/** h after each of T seeded rows. */
function states(network: Network, seen?: (x: Float32Array, before: Float32Array) => void): Float32Array[] {
  const random = new Random(8);
  return Array.from({ length: T }, () => {
    const before = network.state.slice(0, H);
    fill(network.x, random);
    seen?.(network.x.slice(0, I), before);
    network.step(0, 1);
    return network.state.slice(0, H);
  });
}

/** W_g [h, x] + b_g of a gate, with the gate's row of both matrices concatenated; `sign` -1 negates weights and bias. */
function gate(weights: Weights, g: number, h: Vector, x: Vector, sign = 1): Vector {
  const [w, u, b] = ['w', 'u', 'b'].map((name) => weights.get(`layers.0.${name}`)!) as [Float32Array, Float32Array, Float32Array];
  return Array.from({ length: H }, (_, j) => {
    const row = g * H + j;
    const joined = [...u.subarray(row * H, (row + 1) * H), ...w.subarray(row * I, (row + 1) * I)];
    return [...h, ...x].reduce((sum, value, k) => sum + sign * joined[k]! * value, sign * b[row]!);
  });
}

describe('concatenated = split', () => {
  test('tanh(W [x, h] + b) in one product gives the bits of tanh(W x + U h + b) in two', () => {
    const shape: NetworkShape = { cell: 'rnn', ...SIZES };
    const weights = drawnWeights(shape, 1);
    const wide: NetworkShape = { ...shape, cell: 'none', inputs: I + H };
    const [w, u] = [weights.get('layers.0.w')!, weights.get('layers.0.u')!];
    const rows = Array.from({ length: H }, (_, j) => [...w.subarray(j * I, (j + 1) * I), ...u.subarray(j * H, (j + 1) * H)]);
    const joined = new Map(initialWeights(wide, 0));
    joined.set('layers.0.w', Float32Array.from(rows.flat())).set('layers.0.b', weights.get('layers.0.b')!);
    const one = ready(wide, joined);
    const found: Float32Array[] = [];
    const expected = states(ready(shape, weights), (x, before) => {
      one.x.set([...x, ...before]);
      one.step(0, 1);
      found.push(one.state.slice(0, H));
    });
    expect(found.map(bits)).toEqual(expected.map(bits));
  });

  test('without a cell the state is never read', () => {
    const shape: NetworkShape = { cell: 'none', ...SIZES, layers: 2 };
    const network = ready(shape, drawnWeights(shape, 2));
    network.x.fill(0.3);
    network.step(0, 1);
    const before = bits(network.y);
    network.state.fill(5);
    network.step(0, 1);
    expect(bits(network.y)).toEqual(before);
  });
});

/** One step of the lecture: a and c before, x, to a and c after. */
type Step = (weights: Weights, a: Vector, c: Vector, x: Vector) => { a: Vector; c: Vector };

const vanilla: Step = (weights, a, c, x) => ({ a: gate(weights, 0, a, x).map(Math.tanh), c });

/** G_u of the lecture is 1 - z of the kernel: s(-v) = 1 - s(v), so its weights and bias are the kernel's negated. */
const gru: Step = (weights, a, c, x) => {
  const r = gate(weights, 0, a, x).map(s);
  const u = gate(weights, 1, a, x, -1).map(s);
  const candidate = gate(
    weights,
    2,
    a.map((value, j) => r[j]! * value),
    x,
  ).map(Math.tanh);
  const after = c.map((value, j) => u[j]! * candidate[j]! + (1 - u[j]!) * value);
  return { a: after, c: after };
};

const lstm: Step = (weights, a, c, x) => {
  const [r, u, f, o] = [0, 1, 2, 3].map((g) => gate(weights, g, a, x).map(s)) as [Vector, Vector, Vector, Vector];
  const candidate = gate(
    weights,
    4,
    a.map((value, j) => r[j]! * value),
    x,
  ).map(Math.tanh);
  const after = c.map((value, j) => u[j]! * candidate[j]! + f[j]! * value);
  return { a: after.map((value, j) => o[j]! * value), c: after };
};

describe('kernel = lecture', () => {
  const cells: [string, Pick<NetworkShape, 'cell' | 'reset' | 'variant'>, Step][] = [
    ['vanilla', { cell: 'rnn' }, vanilla],
    ['GRU', { cell: 'gru', reset: 'before' }, gru],
    ['LSTM with relevance gate', { cell: 'lstm', variant: 'relevance' }, lstm],
  ];
  test.each(cells)('%s', (_name, cell, step) => {
    const shape: NetworkShape = { ...cell, ...SIZES };
    const weights = drawnWeights(shape, 3);
    let [a, c] = [0, 0].map(() => new Array<number>(H).fill(0)) as [Vector, Vector];
    const expected: Vector[] = [];
    const found = states(ready(shape, weights), (x) => {
      ({ a, c } = step(weights, a, c, [...x]));
      expected.push(a);
    });
    const largest = Math.max(...found.flatMap((row, t) => [...row].map((value, j) => Math.abs(value - expected[t]![j]!))));
    expect(largest).toBeLessThan(1e-5);
  });
});
