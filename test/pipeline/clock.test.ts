/** Row 52 of the fault table: wall time may jump as it likes; forecasts are made of event time. */
import { afterAll, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { Random } from '../../src/core/random.ts';
import { stretch } from '../support/stretch.ts';
import { configOf, QUICK_RETRAIN, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, run, Shelf, steadyRows } from '../support/whole-run.ts';

afterAll(removeFolders);

const YEAR = 366 * 86_400_000;

/** Wall time that jumps by up to thirty years at every look; `all`: so does what should be monotonic. */
function jumping(seed: number, all: boolean): Clock {
  const random = new Random(seed);
  let now = Date.UTC(2024, 0, 1);
  const jump = () => (now += (2 * random.uniform() - 1) * 30 * YEAR);
  return {
    now: jump,
    elapsed: all ? jump : () => systemClock.elapsed(),
    sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 1e9), signal),
  };
}

const models = ['naive', 'linear', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
const spec = specOf({
  forecast: { models },
  retrain: QUICK_RETRAIN,
  clean: { lateness: 120_000 },
  state: { time_to_live: 1_800_000 },
});
const rows = steadyRows(3, 110);

it('row 52: a clock that jumps by years changes no bit, retraining included', async () => {
  const whole = await stretch(spec, { rows, folder: newFolder() });
  expect(whole.events.filter(({ name }) => name === 'weights.swapped').length).toBeGreaterThanOrEqual(3);
  for (const seed of [1, 2, 3]) {
    for (const all of [false, true]) {
      const end = await stretch(spec, { rows, folder: newFolder(), clock: jumping(seed, all) });
      expect(end.outputs).toEqual(whole.outputs);
      expect(end.hash).toBe(whole.hash);
    }
  }
});

it('row 52: nor does it when the run is stopped and goes on, with checkpoints whenever the clock says so', async () => {
  const steady = specOf({ forecast: { models } });
  const whole = new Shelf();
  const { stateHash } = await run({ spec: steady, rows, folder: newFolder(), shelf: whole });
  const shelf = new Shelf();
  const folder = newFolder();
  for (const until of [100, 200]) await run({ spec: steady, rows, folder, shelf, until, clock: jumping(until, true) });
  const ended = await run({ spec: steady, rows, folder, shelf, clock: jumping(5, true) });
  expect(ended.stateHash).toBe(stateHash);
  expect(shelf.outputs).toEqual(whole.outputs);
});
