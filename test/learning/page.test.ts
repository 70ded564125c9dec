/** The table of what was learnt: a claim that fails stands out, and rows of other files stay. */
import { expect, it } from 'vitest';
import type { Claimed, Learnt } from '../../src/learn/learn.ts';
import { keptRows, learningPage, rowOf } from './page.ts';

const claim: Claimed = { network: 'gru', proof: '9 bits', measure: 'exact', found: 0.5, at_least: 1, holds: false };
const result: Learnt = {
  sequences: 1,
  rows: 1,
  networks: [{ name: 'gru', seconds: 2, epochs: 1, loss: 1, clipped: 0, updates: 1 }],
  judged: ['gru'],
  proofs: [],
  claims: [claim, { ...claim, measure: 'bits', found: 1.5, at_least: undefined, below: '3-gram', than: 2, holds: true }],
  samples: [],
};

it('a row tells each claim, its bound and the time', () => {
  expect(rowOf('learn-x', 2, result, 'abc+')).toBe(
    '| learn-x | 2 | **fails** gru, 9 bits: exact 0.5 (≥ 1)<br>gru, 9 bits: bits 1.5 (< 2 of 3-gram) | gru 2.0 s | abc+ |',
  );
});

it('rows of files that were not run again are kept', () => {
  const page = learningPage([rowOf('learn-x', 1, result, 'old'), rowOf('learn-y', 1, result, 'old')], 'a machine');
  expect(keptRows(page, new Set(['| learn-x']))).toEqual([rowOf('learn-y', 1, result, 'old')]);
  expect(keptRows('', new Set())).toEqual([]);
});
