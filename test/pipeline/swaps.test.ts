/** Rows 30 and 31 of the fault table: weights are swapped at a place that can be repeated, and useless ones are not. */
import { appendFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { initialWeights } from '../../src/nn/initial.ts';
import { SwapLog, type SwapRecord } from '../../src/pipeline/swap-log.ts';
import { train } from '../../src/train/train.ts';
import type { TrainingRunner } from '../../src/train/worker.ts';
import { eager, stretch, type StretchEnd } from '../support/stretch.ts';
import { configOf, QUICK_RETRAIN, type Row, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, steadyRows } from '../support/whole-run.ts';

afterEach(removeFolders);

const MINUTE = 60_000;
const SEED = 31;
const models = ['naive', 'recurrent', 'readout'].map((type) => ({ type, config: configOf(type) }));
const EVERY = 25 * MINUTE;
const rows = steadyRows(3, 100);
/** The first trigger: no training before it has rows enough. */
const FIRST = (Math.floor(rows[0]!.time / EVERY) + 1) * EVERY;

/** Hash of the weights behind each forecast, by the event time at which it was issued. */
function weightsByTime({ outputs }: StretchEnd): Map<number, Set<string>> {
  const found = new Map<number, Set<string>>();
  for (const [id, value] of outputs) {
    const issued = Number(id.split('|')[4]);
    if (!Number.isFinite(issued)) continue;
    found.set(issued, (found.get(issued) ?? new Set()).add(value.slice(16 * 5)));
  }
  return found;
}

/** All but the score of a truth, which an earlier stretch may have written. */
function sameWhereBoth(part: Map<string, string>, whole: Map<string, string>): void {
  for (const [id, value] of part) expect(value, id).toBe(whole.get(id));
}

describe('row 31: exact swaps', () => {
  for (const lag of [0, 7 * MINUTE]) {
    const spec = specOf({ forecast: { models }, retrain: { ...QUICK_RETRAIN, every: EVERY, lag } });

    it(`row 31: exact, lag ${lag / MINUTE} min: rows later than trigger + lag use the new weights, and no others`, async () => {
      const { outputs, events, ...rest } = await stretch(spec, { rows, folder: newFolder() });
      const swaps = events
        .filter(({ name }) => name === 'weights.swapped')
        .map(({ payload }) => payload as { trigger: number; hash: string });
      expect(swaps.length).toBeGreaterThanOrEqual(3);
      for (const [issued, hashes] of weightsByTime({ outputs, events, ...rest })) {
        const due = swaps.filter(({ trigger }) => issued > trigger + lag).at(-1);
        expect([...hashes], new Date(issued).toISOString()).toEqual([due?.hash ?? '']);
      }
    });

    it(`row 31: exact, lag ${lag / MINUTE} min: a restart right after a swap, and anywhere else, gives the same bits`, async () => {
      const kept = newFolder();
      const swap = rows.findIndex(({ time }) => time > FIRST + EVERY);
      const cuts = [swap - 1, swap, swap + 1, swap + 3, swap + 3 * (lag / MINUTE) - 1, swap + 3 * (lag / MINUTE) + 1];
      const whole = await stretch(spec, { rows, folder: kept, keepAt: cuts, batches: [1] });
      for (const [cut, from] of whole.kept) {
        // the log is whole, as after a kill; and there is none, as when the swap came after it
        const again = await stretch(spec, { rows, folder: kept, from, batches: [50] });
        expect(again.hash, `after row ${cut}`).toBe(whole.hash);
        sameWhereBoth(again.outputs, whole.outputs);
        expect(again.events.filter(({ name }) => name === 'training.started')).toEqual([]);
        const trained = await stretch(spec, { rows, folder: newFolder(), from, batches: [50] });
        expect(trained.hash).toBe(whole.hash);
      }
      expect(whole.kept.size).toBeGreaterThanOrEqual(4);
    });
  }

  it('row 31: both versions live in one wave', async () => {
    const lag = 7 * MINUTE;
    const spec = specOf({
      forecast: { models },
      clean: { lateness: 20 * MINUTE },
      retrain: { ...QUICK_RETRAIN, every: EVERY, lag },
    });
    // one series comes six minutes after the others, so a batch holds rows from before and after the swap
    const shifted = [...rows].sort((a, b) => arrival(a) - arrival(b));
    const whole = await stretch(spec, { rows: shifted, folder: newFolder(), batches: [1] });
    const other = await stretch(spec, { rows: shifted, folder: newFolder(), batches: [90] });
    expect(other.outputs).toEqual(whole.outputs);
    expect(other.hash).toBe(whole.hash);
    const inOrder = await stretch(spec, { rows, folder: newFolder(), batches: [64] });
    expect(inOrder.outputs).toEqual(whole.outputs);
    expect(inOrder.hash).toBe(whole.hash);
  });
});

function arrival({ series, time }: Row): number {
  return time + (series === 'series-1' ? 6.5 * MINUTE : 0);
}

describe('row 31: swaps as soon as possible', () => {
  const spec = specOf({ forecast: { models }, retrain: { ...QUICK_RETRAIN, every: 10 * MINUTE } });

  it('row 31: asap: a kill and restart equals the run that it continues, wherever the checkpoint was', async () => {
    const random = new Random(SEED);
    // a training takes longer than it is to the next trigger, so some triggers are passed over
    for (const slow of [0, 5, 45]) {
      const kept = newFolder();
      const cuts = Array.from({ length: 6 }, () => 1 + random.below(rows.length - 2));
      const whole = await stretch(spec, { rows, folder: kept, exact: false, slow, keepAt: cuts, batches: [1] });
      expect(whole.events.filter(({ name }) => name === 'weights.swapped').length).toBeGreaterThanOrEqual(3);
      if (slow > 30) expect(whole.events.filter(({ name }) => name === 'training.skipped').length).toBeGreaterThan(1);
      for (const [cut, from] of whole.kept) {
        const again = await stretch(spec, {
          rows,
          folder: kept,
          from,
          exact: false,
          slow: Infinity,
          batches: [1 + random.below(30)],
        });
        expect(again.hash, `seed ${SEED}, slow ${slow}, from row ${cut}`).toBe(whole.hash);
        sameWhereBoth(again.outputs, whole.outputs);
      }
    }
  });

  it('row 31: asap: the recorded swaps, fed into a fresh run, give the same bits', async () => {
    for (const slow of [3, 45]) {
      const kept = newFolder();
      const whole = await stretch(spec, { rows, folder: kept, exact: false, slow, batches: [1] });
      const copy = newFolder();
      for (const name of ['swaps.jsonl', 'weights']) cpSync(join(kept, name), join(copy, name), { recursive: true });
      const again = await stretch(spec, { rows, folder: copy, exact: false, slow: Infinity, batches: [100] });
      expect(again.outputs).toEqual(whole.outputs);
      expect(again.hash).toBe(whole.hash);
      expect(readFileSync(join(copy, 'swaps.jsonl'), 'utf8')).toBe(readFileSync(join(kept, 'swaps.jsonl'), 'utf8'));
    }
  });

  it('row 31: asap: a failed training is recorded too, and is not made good by a restart', async () => {
    const kept = newFolder();
    let trainings = 0;
    const moody: TrainingRunner = async (job) => (++trainings === 2 ? Promise.reject(new Error('bad day')) : eager(job));
    const whole = await stretch(spec, { rows, folder: kept, exact: false, slow: 5, runner: moody, batches: [1], keepAt: [10] });
    expect(whole.events.filter(({ name }) => name === 'training.failed').map(({ payload }) => payload['reason'])).toEqual([
      'Error: bad day',
    ]);
    const again = await stretch(spec, { rows, folder: kept, from: whole.kept.get(10), exact: false, slow: Infinity });
    expect(again.hash).toBe(whole.hash);
    sameWhereBoth(again.outputs, whole.outputs);
  });
});

describe('row 30: trainings that come to nothing', () => {
  const finite = ({ outputs }: StretchEnd) => {
    for (const [id, value] of outputs) {
      if (id.endsWith('score')) continue;
      const numbers = new Float64Array(Uint8Array.from(Buffer.from(value.slice(0, 80), 'hex')).buffer);
      expect(numbers.every(Number.isFinite), id).toBe(true);
    }
  };
  const spec = (more: object = {}) => specOf({ forecast: { models }, retrain: { ...QUICK_RETRAIN, ...more } });
  const honest: TrainingRunner = async (job) => train(job);
  const inputs: Record<string, (i: number, value: number) => number> = {
    'constant series': () => 5,
    zeros: () => 0,
    'huge values': (i) => (i % 2 === 0 ? 1e308 : -1e308),
    'tiny values': (i) => i * 5e-324,
    'a jump of 300 orders': (i, value) => (i > 150 ? value * 1e300 : value),
  };

  it.each(Object.keys(inputs))('row 30: %s: forecasts stay finite, and no weights that are not better are used', async (name) => {
    const given = rows.map((row, i) => ({ ...row, values: [inputs[name]!(i, row.values[0]!)] }));
    const end = await stretch(spec(), { rows: given, folder: newFolder(), runner: honest });
    expect(end.events.filter(({ name: each }) => each === 'training.finished').length).toBeGreaterThanOrEqual(3);
    expect(end.outputs.size).toBeGreaterThan(500);
    finite(end);
    for (const { payload } of end.events.filter(({ name: each }) => each === 'training.finished')) {
      if (payload['accepted']) expect(payload['challenger'] as number).toBeLessThan(payload['champion'] as number);
    }
  });

  it('row 30: a training that diverges changes nothing', async () => {
    const wild = { learning_rate: 1e30, clip: 1e30, epochs: 4 };
    const end = await stretch(spec(wild), { rows, folder: newFolder(), runner: honest });
    const calm = await stretch(spec(wild), {
      rows,
      folder: newFolder(),
      runner: async (job) => ({ ...train(job), accepted: false }),
    });
    const finished = end.events.filter(({ name }) => name === 'training.finished');
    expect(finished.length).toBeGreaterThanOrEqual(3);
    expect(finished.some(({ payload }) => payload['accepted'])).toBe(false);
    finite(end);
    expect(end.outputs).toEqual(calm.outputs);
  });

  it('row 30: a learning rate of 1 never brings weights that are worse on held-out rows', async () => {
    const end = await stretch(spec({ learning_rate: 1 }), { rows, folder: newFolder(), runner: honest });
    finite(end);
    for (const { payload } of end.events.filter(({ name, payload: { accepted } }) => name === 'training.finished' && accepted)) {
      expect(payload['challenger'] as number).toBeLessThan(payload['champion'] as number);
    }
  });

  it('row 30: weights that are not finite, or of another network, are not used', async () => {
    const unusable: Record<string, TrainingRunner> = {
      'not finite': async (job) => {
        const { weights, ...result } = await eager(job);
        weights.values().next().value!.fill(NaN, 0, 1);
        return { ...result, weights };
      },
      'of another network': async (job) => ({ ...(await eager(job)), weights: initialWeights({ ...job.shape!, hidden: 4 }, 1) }),
      nothing: async () => undefined as never,
    };
    const calm = await stretch(spec(), {
      rows,
      folder: newFolder(),
      runner: async (job) => ({ ...train(job), accepted: false }),
    });
    for (const [name, runner] of Object.entries(unusable)) {
      const end = await stretch(spec(), { rows, folder: newFolder(), runner });
      expect(end.events.filter(({ name: each }) => each === 'training.failed').length, name).toBeGreaterThanOrEqual(3);
      expect(end.outputs).toEqual(calm.outputs);
    }
  });
});

describe('the swap log', () => {
  const entry = (trigger: number): SwapRecord => ({
    trigger,
    mode: 'exact',
    rows: 0,
    position: {},
    version: 0,
    hash: '',
    champion: null,
    challenger: null,
  });

  it('row 31: a torn last line was never in effect', () => {
    const folder = newFolder();
    const log = new SwapLog(folder);
    for (const trigger of [1, 2]) log.write(entry(trigger), undefined as never, new Map());
    const file = join(folder, 'swaps.jsonl');
    const whole = readFileSync(file);
    for (let torn = 1; torn < whole.length / 2; torn += 7) {
      writeFileSync(file, whole);
      appendFileSync(file, whole.subarray(0, torn));
      const read = new SwapLog(folder);
      expect(read.records).toEqual([entry(1), entry(2)]);
      read.write(entry(3), undefined as never, new Map());
      expect(new SwapLog(folder).records).toEqual([entry(1), entry(2), entry(3)]);
    }
  });

  it('a damaged line that is not the last is refused with its place', () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'swaps.jsonl'), `{"trigger"\n${JSON.stringify(entry(2))}\n`);
    expect(() => new SwapLog(folder)).toThrow(
      expect.objectContaining({ code: 'STATE_DAMAGED', facts: { file: join(folder, 'swaps.jsonl'), line: 1 } }) as Error,
    );
  });
});
