/** The gate functions: how accurate, how they saturate, and that a lane's place does not matter. */
import { expect, test } from 'vitest';
import { exp, tanh } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { Instance } from '../../src/nn/kernel/instance.ts';

const instance = new Instance();
const FUNCTIONS = {
  sigmoid: {
    run: instance.kernel.sigmoidAll,
    exact: (x: number): number => 1 / (1 + exp(-x)),
    bound: (x: number) => 1e-7 * (2 + Math.abs(x)),
  },
  tanh: { run: instance.kernel.tanhAll, exact: tanh, bound: () => 5e-7 },
};
const at = instance.take(4096);

function applied(name: keyof typeof FUNCTIONS, xs: Float32Array): Float32Array {
  const place = instance.floats(at, xs.length);
  place.set(xs);
  FUNCTIONS[name].run(at, xs.length);
  return place.slice();
}

for (const name of ['sigmoid', 'tanh'] as const) {
  const { exact, bound } = FUNCTIONS[name];

  test(`${name}: relative error within its bound, absolute below 4e-7`, () => {
    const worst = { relative: 0, absolute: 0 };
    for (let block = 0; block < 400; block++) {
      const xs = Float32Array.from({ length: 4096 }, (_, i) => {
        const u = (block * 4096 + i) / (400 * 4096);
        const size = u < 0.5 ? 60 * u : 20 * (2 * (1 - u)) * (2 * (1 - u)) * (1 - u); // dense near 0 and up to 30
        return i % 2 === 0 ? size : -size;
      });
      applied(name, xs).forEach((y, i) => {
        const x = xs[i]!;
        const error = Math.abs(y - exact(x));
        worst.absolute = Math.max(worst.absolute, error);
        if (x !== 0) worst.relative = Math.max(worst.relative, error / Math.abs(exact(x)) / bound(x));
      });
    }
    expect(worst.relative, JSON.stringify(worst)).toBeLessThan(1);
    expect(worst.absolute).toBeLessThan(4e-7);
  });

  test(`${name}: saturates, never leaves its range, keeps NaN`, () => {
    const low = name === 'tanh' ? -1 : 0;
    const huge = [30, 88, 89, 126, 127, 128, 1000, 1e10, 1e38, 3.4028234663852886e38, Infinity];
    const xs = Float32Array.from([...huge, ...huge.map((x) => -x), 0, NaN]);
    const ys = applied(name, xs);
    huge.forEach((x, i) => {
      expect(ys[i], `${x}`).toBe(1);
      const below = ys[huge.length + i]!;
      if (name === 'tanh') expect(below, `${-x}`).toBe(-1);
      else expect(below >= 0 && below < 1e-13, `${-x}: ${below}`).toBe(true);
    });
    expect(ys[22]).toBe(name === 'tanh' ? 0 : 0.5);
    expect(ys[23]).toBeNaN();
    const dense = applied(
      name,
      Float32Array.from({ length: 4096 }, (_, i) => (i - 2048) / 100),
    );
    expect(dense.every((y) => y >= low && y <= 1)).toBe(true);
  });

  test(`${name}: the same bits in every lane`, () => {
    const random = new Random(7);
    for (let i = 0; i < 500; i++) {
      const x = 40 * (random.uniform() - 0.5);
      const others = Float32Array.from({ length: 8 }, () => 1e3 * (random.uniform() - 0.5));
      const results = Array.from({ length: 8 }, (_, lane) => {
        const xs = others.slice();
        xs[lane] = x;
        return applied(name, xs)[lane];
      });
      expect(new Set(results).size).toBe(1);
    }
  });
}
