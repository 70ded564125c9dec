/** When the shadow takes over: by the margin, at every step, over enough rows. */
import { expect, it } from 'vitest';
import { EventBus } from '../../src/core/events.ts';
import { State } from '../../src/core/state.ts';
import type { Duel } from '../../src/forecast/duel.ts';
import { Promotion, type PromotionRecord } from '../../src/pipeline/promotion.ts';
import type { RecordLog } from '../../src/pipeline/record-log.ts';

const MARGIN = 0.05;

/** Who is in charge after a round with so many rows and these gains of the shadow, step by step; and what was recorded. */
async function decided(gains: readonly number[], rows: number) {
  const records: PromotionRecord[] = [];
  const duel = { rows, charge: 0, close: () => gains.map((gain) => ({ n: 10, gain })) };
  const promotion = new Promotion({
    ...{ state: new State(), events: new EventBus(), names: ['forecast', 'shadow'] as const, interval: 1 },
    ...{ margin: MARGIN, rows: 100, exact: true, duel: duel as unknown as Duel },
    log: { records, append: (record: PromotionRecord) => records.push(record) } as unknown as RecordLog<PromotionRecord>,
  });
  promotion.start(0);
  await promotion.pass(1000, 999);
  return { charge: duel.charge, records };
}

it('takes over where the gain reaches the margin at every step, and writes that down', async () => {
  const { charge, records } = await decided([MARGIN, 0.3], 100);
  expect(charge).toBe(1);
  expect(records).toMatchObject([{ charge: 1, gains: [MARGIN, 0.3], scored: 100, mode: 'exact' }]);
});

it.each([
  ['a gain below the margin', [0.04, 0.04], 100],
  ['one step below the margin', [0.3, 0.04], 100],
  ['too few rows', [0.3, 0.3], 99],
])('does not take over: %s', async (_, gains, rows) => {
  expect(await decided(gains, rows)).toEqual({ charge: 0, records: [] });
});
