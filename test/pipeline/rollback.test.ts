/** Going back to earlier weights is recorded like a swap, and a restart repeats it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { readRollback, requestRollback, RollbackRequests } from '../../src/pipeline/rollback.ts';
import { SwapLog } from '../../src/pipeline/swap-log.ts';
import { stretch, type StretchEnd } from '../support/stretch.ts';
import { configOf, memorySource, QUICK_RETRAIN, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, steadyRows } from '../support/whole-run.ts';

afterEach(removeFolders);

const models = ['naive', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
const rows = steadyRows(3, 130);
const spec = specOf({ forecast: { models }, retrain: QUICK_RETRAIN });

/** Weights behind the forecasts of the last rows. */
function lastWeights({ outputs }: StretchEnd): string {
  const newest = rows.at(-1)!.time;
  const found = [...outputs].filter(([id]) => id.endsWith(`|${newest}`)).map(([, value]) => value.slice(16 * 5));
  expect(new Set(found).size).toBe(1);
  return found[0]!;
}

for (const exact of [true, false]) {
  it(`${exact ? 'exact' : 'asap'}: a running line goes back at the next look, and a restart from before repeats it at its place`, async () => {
    const folder = newFolder();
    const rollbacks = new RollbackRequests(folder);
    const whole = memorySource(rows, [1]);
    const asking = {
      ...whole,
      async *read(...args: Parameters<typeof whole.read>) {
        let n = 0;
        for await (const batch of whole.read(...args)) {
          // after the last training of these rows
          if (++n === 380) {
            requestRollback(folder, 1);
            rollbacks.look();
          }
          yield batch;
        }
      },
    };
    const end = await stretch(spec, {
      source: asking,
      folder,
      exact,
      slow: exact ? undefined : 3,
      rollbacks,
      keepAt: [100, 370, 385],
    });
    const log = new SwapLog(folder);
    const [first] = log.records.filter(({ version }) => version === 1);
    expect(log.records.at(-1)).toMatchObject({ mode: 'rollback', to: 1, hash: first!.hash });
    expect(log.records.filter(({ version }) => version > 1).length).toBeGreaterThanOrEqual(2);
    expect(lastWeights(end)).toBe(first!.hash);
    expect(existsSync(join(folder, 'rollback.json'))).toBe(false);
    for (const [at, from] of end.kept) {
      const again = await stretch(spec, {
        rows,
        folder,
        from,
        exact,
        slow: exact ? undefined : Infinity,
        rollbacks: new RollbackRequests(folder),
        batches: [40],
      });
      expect(again.hash, `from row ${at}`).toBe(end.hash);
      for (const [id, value] of again.outputs) expect(value, id).toBe(end.outputs.get(id));
    }
    expect(new SwapLog(folder).records).toEqual(log.records);
  });
}

it('a stopped line goes back when it starts; a request that is recorded already is only cleared', async () => {
  const folder = newFolder();
  const first = await stretch(spec, { rows, folder, until: 300 });
  const { id } = requestRollback(folder, 1);
  const rest = await stretch(spec, { rows, folder, from: first.snapshot, rollbacks: new RollbackRequests(folder) });
  const { records } = new SwapLog(folder);
  expect(records.find(({ mode }) => mode === 'rollback')).toMatchObject({ to: 1, request: id });
  expect(rest.events.filter(({ name }) => name === 'weights.swapped')[0]!.payload['hash']).toBe(
    records.find(({ version }) => version === 1)!.hash,
  );
  // killed after the record, before the request was cleared
  requestRollback(folder, 1);
  const waiting = readRollback(folder)!;
  const requests = new RollbackRequests(folder);
  const again = await stretch(spec, {
    rows,
    folder,
    from: first.snapshot,
    rollbacks: {
      look: () => undefined,
      take: () => ({ ...waiting, id }),
      done: () => requests.done(),
    } as unknown as RollbackRequests,
  });
  expect(again.hash).toBe(rest.hash);
  expect(new SwapLog(folder).records).toEqual(records);
  expect(readRollback(folder)).toBeUndefined();
});

it('asked for after a restart from before recorded trainings, its version is above theirs', async () => {
  const folder = newFolder();
  const early = await stretch(spec, { rows, folder, until: 200 });
  await stretch(spec, { rows, folder, from: early.snapshot });
  const before = new SwapLog(folder).records.map(({ version }) => version);
  expect(Math.max(...before)).toBeGreaterThan(2);
  requestRollback(folder, 1);
  const again = await stretch(spec, { rows, folder, from: early.snapshot, rollbacks: new RollbackRequests(folder) });
  const { records } = new SwapLog(folder);
  expect(records.find(({ mode }) => mode === 'rollback')).toMatchObject({ to: 1, version: Math.max(...before) + 1 });
  // a further restart finds one history
  const repeated = await stretch(spec, { rows, folder, from: early.snapshot, rollbacks: new RollbackRequests(folder) });
  expect(repeated.hash).toBe(again.hash);
});
