/** Where weights begin. */
import { expect, test } from 'vitest';
import { initialWeights, rememberFor } from '../../src/nn/initial.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { CELLS } from './cases.ts';

test.each(CELLS)('$cell $reset $variant: gates set to remember up to 200 rows keep a state that long', (cell) => {
  const shape: NetworkShape = { ...cell, inputs: 2, hidden: 400, layers: 2, outputs: 1, skip: false };
  const before = initialWeights(shape, 1);
  const after = rememberFor(shape, before, 200, 2);
  const changed = [...after].filter(
    ([name, values]) => values !== before.get(name) && values.some((value, i) => value !== before.get(name)![i]),
  );
  expect(changed.map(([name]) => name)).toEqual(cell.cell === 'lstm' || cell.cell === 'gru' ? ['layers.0.b', 'layers.1.b'] : []);
  for (const [, b] of changed) {
    const keep = cell.cell === 'gru' ? 1 : cell.variant ? 2 : 1;
    // a gate with bias log u forgets a share of 1 / (1 + u) a row
    const spans = [...b.subarray(keep * 400, (keep + 1) * 400)].map(Math.exp);
    expect(Math.min(...spans)).toBeGreaterThanOrEqual(0.999);
    expect(Math.max(...spans)).toBeLessThan(199.1);
    expect(spans.reduce((sum, span) => sum + span, 0) / 400).toBeCloseTo(100, -1);
  }
});
