/** Row 29 of the fault table: whatever becomes of the training thread, the old weights stay, the line goes on, and the next training works. */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { TrainingJob } from '../../src/train/job.ts';
import { train } from '../../src/train/train.ts';
import { TrainingWorker } from '../../src/train/worker.ts';
import { stretch } from '../support/stretch.ts';
import { configOf, QUICK_RETRAIN, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, steadyRows } from '../support/whole-run.ts';

const workers: TrainingWorker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.close();
});
afterAll(removeFolders);

/** What a thread does with its first job; with the next ones it answers. Each thread is new after a failure, so a file remembers. */
const FAULTS: Record<string, { program: string; reason: RegExp; late?: boolean }> = {
  'throws while it loads': { program: `throw new Error('cannot load');`, reason: /cannot load/ },
  throws: { program: `parentPort.on('message', () => { throw new Error('no such thing'); });`, reason: /no such thing/ },
  'rejects a promise': { program: `parentPort.on('message', async () => { throw new Error('later'); });`, reason: /later/ },
  'throws something that is no error': { program: `parentPort.on('message', () => { throw null; });`, reason: /./ },
  'runs out of memory': {
    program: `parentPort.on('message', () => { const all = []; for (;;) all.push(new Array(1e6).fill({})); });`,
    reason: /memory/i,
  },
  'exits with 0': { program: `parentPort.on('message', () => process.exit(0));`, reason: /ended with code 0/ },
  'exits with 3': { program: `parentPort.on('message', () => process.exit(3));`, reason: /ended with code 3/ },
  'runs for ever': {
    program: `parentPort.on('message', ({ job: { beat } }) => { for (;;) Atomics.add(beat, 0, 1); });`,
    reason: /took longer than/,
    late: true,
  },
  'never answers': { program: `parentPort.on('message', () => undefined);`, reason: /took longer than/, late: true },
};

const GOOD = `parentPort.on('message', ({ job: { weights } }) => parentPort.postMessage({ accepted: false, weights, loss: 1, champion: 1, challenger: 2, gradientNorm: 1 }));`;

/** A worker whose first thread runs `bad` and all later ones `good`. The deadline passes when `late` is called. */
function workerOf(bad: string, good = GOOD): { worker: TrainingWorker; late: () => void; deadlines: () => number } {
  const folder = newFolder();
  const file = join(folder, 'program.mjs');
  const marker = JSON.stringify(join(folder, 'began'));
  writeFileSync(
    file,
    `import { existsSync, writeFileSync } from 'node:fs';\nimport { parentPort } from 'node:worker_threads';\nif (!existsSync(${marker})) {\nwriteFileSync(${marker}, '');\n${bad}\n} else {\n${good}\n}\n`,
  );
  const running = new Set<() => void>();
  const timer = (_: number, passed: () => void) => {
    running.add(passed);
    return () => running.delete(passed);
  };
  const worker = new TrainingWorker({ deadline: 1234, timer, heapMegabytes: 48, program: pathToFileURL(file) });
  workers.push(worker);
  return { worker, late: () => running.forEach((passed) => passed()), deadlines: () => running.size };
}

/** Counts on while a thread runs for ever. */
const beat = new Int32Array(new SharedArrayBuffer(8));
const job = { trigger: 0, weights: new Map(), shape: {}, fitted: [], series: [], beat } as unknown as TrainingJob;

describe('row 29: the training thread', () => {
  it.each(Object.keys(FAULTS))('row 29: it %s: the training fails with the reason, and the next one works', async (name) => {
    const { program, reason, late } = FAULTS[name]!;
    const { worker, ...timers } = workerOf(program);
    const failed = worker.run(job).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    if (late) setTimeout(timers.late, 200);
    expect(await failed).toMatchObject({ code: 'TRAIN_FAILED', facts: { reason: expect.stringMatching(reason) as string } });
    expect(timers.deadlines()).toBe(0);
    expect(await worker.run(job)).toMatchObject({ accepted: false, challenger: 2 });
    expect(timers.deadlines()).toBe(0);
  });

  it('row 29: it ends after it answered: the next training gets a new thread', async () => {
    const { worker } = workerOf(GOOD.replace('}));', '}, setTimeout(() => process.exit(0), 50)));'));
    expect(await worker.run(job)).toMatchObject({ accepted: false });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await worker.run(job)).toMatchObject({ accepted: false });
  });

  it('row 29: two threads share the parts of a job; where one fails, the other does not answer the next job with the old one', async () => {
    const parts = { ...job, shape: undefined, fitted: ['ridge'], series: [{ times: [] }], sizes: { targets: 5 } };
    const answer = (how: string) =>
      `parentPort.on('message', ({ job: { beat }, part }) => { const asked = Atomics.add(beat, 1, 1); ${how} parentPort.postMessage({ ridge: Float32Array.of(part), trees: new Map() }); });`;
    // the first thread fails while another one, if there is one, is busy with what it was asked
    const { worker } = workerOf(
      answer(`while (Atomics.load(beat, 1) < 2); throw new Error('no part');`),
      answer(`if (asked < 2) for (;;);`),
    );
    Atomics.store(beat, 1, availableParallelism() > 1 ? 0 : 1);
    const run = () => worker.run(parts as unknown as TrainingJob);
    expect(await run().catch((cause: unknown) => cause)).toMatchObject({ code: 'TRAIN_FAILED' });
    const { accepted, weights } = await run();
    expect(accepted).toBe(true);
    expect([...weights.get('ridge/w')!]).toEqual([0, 1, 2, 3, 4]);
  });

  it('row 29: a thread that missed its deadline does not run on', async () => {
    const { worker, late } = workerOf(FAULTS['runs for ever']!.program);
    Atomics.store(beat, 0, 0);
    const failed = worker.run(job).catch((cause: unknown) => cause);
    await vi.waitFor(() => expect(Atomics.load(beat, 0)).toBeGreaterThan(1_000_000), { timeout: 30_000 });
    late();
    await failed;
    const still = async () => {
      const before = Atomics.load(beat, 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(Atomics.load(beat, 0)).toBe(before);
    };
    await vi.waitFor(still, { timeout: 30_000 });
  });

  it('row 29: closing while it runs ends it', async () => {
    const { worker } = workerOf(`parentPort.on('message', () => { for (;;); });`);
    const failed = worker.run(job).catch((cause: unknown) => cause);
    await worker.close();
    expect(await failed).toMatchObject({ code: 'TRAIN_FAILED' });
  });
});

describe('row 29: the line', () => {
  const models = ['naive', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
  const spec = specOf({ forecast: { models }, retrain: QUICK_RETRAIN });
  const rows = steadyRows(2, 110);

  it.each(['exact', 'asap'])(
    'row 29: with swap: %s it goes on with the old weights, and trains again at the next trigger',
    async (swap) => {
      const { worker } = workerOf(FAULTS['throws']!.program);
      const cause: unknown = await worker.run(job).catch((each: unknown) => each);
      let trainings = 0;
      const end = await stretch(spec, {
        rows,
        batches: [5],
        folder: newFolder(),
        exact: swap === 'exact',
        runner: async (each) => {
          if (trainings++ === 0) throw cause;
          return { ...train(each), accepted: true };
        },
      });
      const told = end.events
        .filter(({ name }) => name.startsWith('training.') || name === 'weights.swapped')
        .map(({ name }) => name);
      expect(told.filter((name) => name === 'training.failed').length).toBe(1);
      expect(end.events.find(({ name }) => name === 'training.failed')!.payload['reason']).toMatch(/no such thing/);
      expect(told.indexOf('weights.swapped')).toBeGreaterThan(told.indexOf('training.failed'));
      const issued = [...end.outputs.keys()].filter((id) => !id.endsWith('score') && id.split('|')[2] === '1');
      expect(issued.length).toBe(rows.length);
    },
  );
});
