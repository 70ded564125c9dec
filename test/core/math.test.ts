/** The deterministic functions are right to 2 ulp, and their bits are the same on every version of Node. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { cos, exp, log, pow, sin, tanh } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';

const random = new Random(20240711);
/** Over all magnitudes, both signs, whole numbers and neighbours of zero and one. */
const xs = Float64Array.from({ length: 4000 }, (_, i) => {
  const u = 2 * random.uniform() - 1;
  return [u, u * 10, u * 700, u * 1e5, u * 1e-8, 1 + u * 1e-6, Math.round(u * 40), u * 2 ** random.below(40)][i % 8]!;
});

/** Units in the last place between two numbers; 0 where both are NaN. */
function ulps(a: number, b: number): number {
  if (Object.is(a, b) || (a !== a && b !== b) || (a === 0 && b === 0)) return 0;
  const [x, y] = new BigInt64Array(Float64Array.of(a, b).buffer) as unknown as [bigint, bigint];
  const order = (bits: bigint) => (bits < 0n ? -(bits & 0x7fffffffffffffffn) : bits);
  const apart = order(x) - order(y);
  return Number(apart < 0n ? -apart : apart);
}

const FUNCTIONS: Record<string, { own: (x: number) => number; engine: (x: number) => number }> = {
  exp: { own: exp, engine: Math.exp },
  log: { own: (x) => log(Math.abs(x)), engine: (x) => Math.log(Math.abs(x)) },
  sin: { own: sin, engine: Math.sin },
  cos: { own: cos, engine: Math.cos },
  tanh: { own: tanh, engine: Math.tanh },
  'pow, small exponents': { own: (x) => pow(Math.abs(x), 1.7), engine: (x) => Math.pow(Math.abs(x), 1.7) },
  'pow, whole exponents': { own: (x) => pow(x, 3), engine: (x) => Math.pow(x, 3) },
};

it.each(Object.keys(FUNCTIONS))('%s is within 2 ulp of the engine’s', (name) => {
  const { own, engine } = FUNCTIONS[name]!;
  for (const x of xs) expect(ulps(own(x), engine(x)), `${name}(${x})`).toBeLessThanOrEqual(2);
});

it.each(Object.keys(FUNCTIONS))('%s is right at the ends', (name) => {
  const { own, engine } = FUNCTIONS[name]!;
  for (const x of [0, -0, 1, -1, Infinity, -Infinity, NaN, 5e-324, 1.7976931348623157e308, -746, 710])
    expect(ulps(own(x), engine(x)), `${name}(${x})`).toBeLessThanOrEqual(2);
});

it('the bits are fixed', () => {
  const hash = createHash('sha256');
  for (const [, { own }] of Object.entries(FUNCTIONS)) hash.update(new Uint8Array(Float64Array.from(xs, own).buffer));
  // the same on Node 20, 22 and 24: a forecast must not depend on who computes it
  expect(hash.digest('hex')).toMatchInlineSnapshot(`"62c9015400e7c751c21534a6dea404fe8e2c0b83fb8be83e5a7e58b3b9fd3f3a"`);
});
