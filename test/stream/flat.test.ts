/** Cost is flat, as far as it can be said without a watch: what a series holds does not depend on how long it has run. */
import { expect, it } from 'vitest';
import { handFed } from '../bench/hand-fed.ts';
import { retained } from '../support/retained.ts';

const SHORT = 10_000;
const LONG = 100_000;
/** Compiled code and its statistics settle late; a number a row would be 720,000 bytes. */
const SLACK = 300_000;

it('a series holds the same after 10,000 rows and after 100,000', () => {
  const { state, feed } = handFed();
  const feedTo = (from: number, to: number): void => {
    for (let row = from; row < to; row += 1000) feed('one', 1000);
  };
  const saved = (): number => state.lanes.snapshot().columns.reduce((sum, { data }) => sum + data.byteLength, 0);
  feedTo(0, SHORT);
  const columns = saved();
  const before = retained();
  feedTo(SHORT, LONG);
  const grown = retained() - before;
  expect(saved()).toBe(columns);
  expect(grown).toBeLessThan(SLACK);
});
