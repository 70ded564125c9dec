/** Bins: codes and edges agree, whatever the values and however many rows there are. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { BINS } from '../../src/nn/splits.ts';
import { Binned } from '../../src/train/binned.ts';

/** The number of edges below a value. */
const codeOf = (edges: Float32Array, value: number) => edges.filter((edge) => edge < value).length;

it('a code counts the edges below its value; edges ascend and lie between values that occur (seed 8)', () => {
  const value = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -3, max: 3 }).map(Math.fround));
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { maxLength: 200 }), (rows) => {
      const binned = new Binned(Float32Array.from(rows.flat()), rows.length, 2);
      for (const f of [0, 1]) {
        const edges = binned.edges[f]!;
        expect(edges.length).toBeLessThan(BINS);
        for (let i = 1; i < edges.length; i++) expect(edges[i]).toBeGreaterThan(edges[i - 1]!);
        rows.forEach((row, r) => expect(binned.codes[f * rows.length + r]).toBe(codeOf(edges, row[f]!)));
      }
    }),
    { seed: 8, numRuns: 200 },
  );
});

it('bins hold about as many rows each, where edges are taken from some of the rows only (seed 9)', () => {
  const random = new Random(9);
  const x = Float32Array.from({ length: 20_000 }, () => random.uniform() ** 3 - 0.5);
  const { codes, edges } = new Binned(x, x.length, 1);
  expect(edges[0]).toHaveLength(BINS - 1);
  const counts = new Int32Array(BINS);
  codes.forEach((code, row) => {
    counts[code]!++;
    if (row % 7 === 0) expect(code).toBe(codeOf(edges[0]!, x[row]!));
  });
  expect(Math.min(...counts)).toBeGreaterThan(200);
  expect(Math.max(...counts)).toBeLessThan(450);
});
