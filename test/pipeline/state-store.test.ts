/** Rows 18 and 44 of the fault table: a saved state is whole and of this pipeline, or it is not used. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { EventBus } from '../../src/core/events.ts';
import { Random } from '../../src/core/random.ts';
import type { Saved } from '../../src/core/state.ts';
import { readStateFile, writeStateFile } from '../../src/pipeline/state-file.ts';
import { FolderStore } from '../../src/pipeline/state-store.ts';
import type { Spec } from '../../src/pipeline/spec.ts';
import { configOf, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, run, Shelf, steadyRows } from '../support/whole-run.ts';

afterAll(removeFolders);

const SEED = 18;
const models = ['naive', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
const spec = specOf({ forecast: { models }, window: { ring: 32 } });
const rows = steadyRows(2, 60);

/** A state folder with two generations: stopped after row 50, and after row 80. */
let kept: { folder: string; shelf: Shelf };
let whole: { outputs: Map<string, string>; hash: string };
/** The files of both generations, older first. */
let files: string[];

beforeAll(async () => {
  const folder = newFolder();
  const shelf = new Shelf();
  for (const until of [50, 80]) await run({ spec, rows, folder, shelf, until, batches: [1000] });
  kept = { folder, shelf };
  files = readdirSync(folder).filter((name) => name.endsWith('.state'));
  const unbroken = new Shelf();
  const { stateHash } = await run({ spec, rows, folder: newFolder(), shelf: unbroken });
  whole = { outputs: unbroken.outputs, hash: stateHash };
});

/** A copy of the state folder, with other bytes in some of its files. */
function damagedCopy(change: (bytes: Buffer) => Buffer, names: readonly string[]): string {
  const folder = newFolder();
  cpSync(kept.folder, folder, { recursive: true });
  for (const name of names) writeFileSync(join(folder, name), change(readFileSync(join(folder, name))));
  return folder;
}

function load(folder: string): { state: Saved | undefined; damaged: string[] } {
  const events = new EventBus();
  const damaged: string[] = [];
  events.on('checkpoint.damaged', ({ file, reason }) => void damaged.push(`${file}: ${reason}`));
  const store = new FolderStore(folder, { events });
  try {
    return { state: store.load(), damaged };
  } finally {
    store.close();
  }
}

/** Every damage that is tried: cut at every 64 bytes, a bit flipped in every stretch of the file, emptied, zeros, garbage. */
function damages(length: number): { name: string; change: (bytes: Buffer) => Buffer }[] {
  const random = new Random(SEED);
  const cuts = Array.from({ length: Math.ceil(length / 64) }, (_, i) => i * 64);
  const flips = Array.from({ length: 150 }, (_, i) => Math.floor(((i + random.uniform()) * length) / 150));
  return [
    ...[...cuts, length - 1].map((at) => ({ name: `cut at ${at}`, change: (bytes: Buffer) => bytes.subarray(0, at) })),
    ...flips.map((at) => {
      const bit = 1 << random.below(8);
      const change = (bytes: Buffer) => {
        bytes[at]! ^= bit;
        return bytes;
      };
      return { name: `bit ${bit} at ${at}`, change };
    }),
    { name: 'zeros', change: (bytes) => bytes.fill(0) },
    { name: 'garbage', change: (bytes) => Buffer.from(bytes.map(() => random.below(256))) },
    { name: 'longer', change: (bytes) => Buffer.concat([bytes, Buffer.alloc(64)]) },
  ];
}

describe('row 18: a damaged state', () => {
  it('row 18: cut, flipped, empty, zeros or garbage: the generation before is used, and told of', () => {
    const bytes = readFileSync(join(kept.folder, files[1]!));
    const older = readStateFile(files[0]!, readFileSync(join(kept.folder, files[0]!)));
    const all = damages(bytes.length);
    console.log(`seed ${SEED}, ${all.length} damages of ${bytes.length} bytes`);
    const folder = damagedCopy((same) => same, []);
    for (const { name, change } of all) {
      cpSync(join(kept.folder, files[0]!), join(folder, files[0]!));
      writeFileSync(join(folder, files[1]!), change(Buffer.from(bytes)));
      const { state, damaged } = load(folder);
      expect(damaged.length, name).toBe(1);
      if (name.startsWith('cut at 64') || name === 'zeros') expect(state).toEqual(older);
      else expect((state as { parts: { ingest: { rows: number } } }).parts.ingest.rows, name).toBe(50);
    }
  });

  it('row 18: the run goes on from the generation before and ends like the unbroken one', async () => {
    const { length } = readFileSync(join(kept.folder, files[1]!));
    const all = damages(length);
    const some = [all[0]!, all[7]!, ...all.slice(-6)];
    for (const { name, change } of some) {
      const folder = damagedCopy(change, [files[1]!]);
      const shelf = new Shelf();
      const events = new EventBus();
      let told = 0;
      events.on('checkpoint.damaged', () => told++);
      const result = await run({ spec, rows, folder, shelf, events });
      expect(told, name).toBe(1);
      expect(result.rows).toBe(rows.length - 50);
      expect(result.stateHash, name).toBe(whole.hash);
      for (const [id, bits] of shelf.outputs) expect(whole.outputs.get(id), `${name} ${id}`).toBe(bits);
    }
  });

  it('row 18: a damaged generation does not push out a whole one', async () => {
    const folder = damagedCopy((bytes) => bytes.subarray(0, 100), [files[1]!]);
    await run({ spec, rows, folder, shelf: new Shelf(), until: 90, batches: [1000] });
    const newest = readdirSync(folder)
      .filter((name) => name.endsWith('.state'))
      .at(-1)!;
    writeFileSync(join(folder, newest), '');
    const result = await run({ spec, rows, folder, shelf: new Shelf() });
    expect(result.stateHash).toBe(whole.hash);
  });

  it('row 18: when no generation is whole the run is refused, and the files stay as they are', async () => {
    for (const change of [(bytes: Buffer) => bytes.subarray(0, 640), () => Buffer.alloc(0)]) {
      const folder = damagedCopy(change, files);
      const before = files.map((name) => readFileSync(join(folder, name)));
      const shelf = new Shelf();
      await expect(run({ spec, rows, folder, shelf })).rejects.toMatchObject({ code: 'STATE_DAMAGED', exit: EXIT.data });
      expect(shelf.outputs.size).toBe(0);
      expect(files.map((name) => readFileSync(join(folder, name)))).toEqual(before);
      const fresh = await run({ spec, rows, folder, shelf, fresh: true });
      expect(fresh.stateHash).toBe(whole.hash);
    }
  });

  it('row 18: a state of another format is refused as such, whatever lies behind it', async () => {
    const folder = damagedCopy(
      (bytes) => {
        const body = Buffer.from(bytes.subarray(0, -32).toString('latin1').replace('{"format":1,', '{"format":2,'), 'latin1');
        return Buffer.concat([body, createHash('sha256').update(body).digest()]);
      },
      [files[1]!],
    );
    await expect(run({ spec, rows, folder, shelf: new Shelf() })).rejects.toMatchObject({
      code: 'STATE_VERSION',
      exit: EXIT.config,
      facts: { found: 2, wanted: 1 },
    });
  });

  it('a state file gives back what was written', async () => {
    const array = fc.oneof(
      fc.array(fc.double()).map((each) => Float64Array.from(each)),
      fc.array(fc.float()).map((each) => Float32Array.from(each)),
      fc.array(fc.integer()).map((each) => Int32Array.from(each)),
      fc.array(fc.nat(255)).map((each) => Uint8Array.from(each)),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
        array,
        fc.array(tie('value')),
        fc.dictionary(
          fc.string().filter((key) => key !== '$'),
          tie('value'),
        ),
      ),
    }));
    const file = join(newFolder(), 'one.state');
    await fc.assert(
      fc.asyncProperty(value, async (each) => {
        const saved = { each: each as Saved, '__proto__ ': 1 };
        const handle = await open(file, 'w');
        const bytes = await writeStateFile(handle, saved).finally(() => handle.close());
        const read = readFileSync(file);
        expect(read.length).toBe(bytes);
        expect(readStateFile(file, read)).toEqual(saved);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });
});

it('row 20: a file system that takes a part of what it is given is asked for the rest', async () => {
  const parts: Buffer[] = [];
  const stingy = {
    write: async (bytes: Uint8Array, from = 0, length = bytes.length - from) => {
      const taken = Math.min(length, 100);
      parts.push(Buffer.from(bytes.subarray(from, from + taken)));
      return { bytesWritten: taken };
    },
  };
  const saved = { all: Float64Array.from({ length: 500 }, (_, i) => i) };
  const length = await writeStateFile(stingy as never, saved);
  const bytes = Buffer.concat(parts);
  expect(bytes.length).toBe(length);
  expect(readStateFile('x', bytes)).toEqual(saved);
});

describe('row 44: the state of another pipeline', () => {
  const recurrent = (more: object) => ({
    forecast: { models: [models[0]!, { type: 'recurrent', config: configOf('recurrent', more) }] },
  });
  const changes: Record<string, { change: { [K in keyof Spec]?: Partial<Spec[K]> }; told: Record<string, string> }> = {
    'hidden size': { change: recurrent({ hidden: 16 }), told: { 'forecast.models.1.config.hidden': '8, now 16' } },
    layers: { change: recurrent({ layers: 2 }), told: { 'forecast.models.1.config.layers': '1, now 2' } },
    'layers and hidden size, the same numbers a lane': {
      change: recurrent({ layers: 2, hidden: 4 }),
      told: { 'forecast.models.1.config.hidden': '8, now 4', 'forecast.models.1.config.layers': '1, now 2' },
    },
    'cell, of the same size': {
      change: recurrent({ cell: 'rnn' }),
      told: { 'forecast.models.1.config.cell': '"gru", now "rnn"' },
    },
    lags: { change: recurrent({ lags: 5 }), told: { 'forecast.models.1.config.lags': '3, now 5' } },
    horizon: { change: { forecast: { models, horizon: 3 } }, told: { 'forecast.horizon': '2, now 3' } },
    'quantiles, as many': {
      change: { forecast: { models, quantiles: [0.05, 0.5, 0.95] } },
      told: { 'forecast.quantiles': '[0.1,0.5,0.9], now [0.05,0.5,0.95]' },
    },
    ring: { change: { forecast: { models }, window: { ring: 64 } }, told: { 'window.ring': '32, now 64' } },
    'a model more': {
      change: { forecast: { models: [...models, { type: 'linear', config: configOf('linear') }] } },
      told: { 'forecast.models.2.type': 'none, now "linear"' },
    },
    'models in another order': {
      change: { forecast: { models: [models[1]!, models[0]!] } },
      told: { 'forecast.models.0.type': '"naive", now "recurrent"' },
    },
    seed: { change: { forecast: { models }, seed: 8 as never }, told: { seed: '7, now 8' } },
    retraining: {
      change: { forecast: { models }, retrain: { every: 3_600_000 } as never },
      told: { retrain: 'false, now true' },
    },
  };

  it.each(Object.keys(changes))(
    'row 44: %s changed: refused with what changed, the state is untouched, a fresh start works',
    async (name) => {
      const { change, told } = changes[name]!;
      const folder = damagedCopy((bytes) => bytes, []);
      const changed = specOf({ window: { ring: 32 }, ...change });
      const before = files.map((file) => readFileSync(join(folder, file)));
      const refused = await run({ spec: changed, rows, folder, shelf: new Shelf() }).then(
        () => undefined,
        (cause: unknown) => cause,
      );
      expect(refused).toMatchObject({ code: 'STATE_SHAPE', exit: EXIT.config, facts: told });
      expect(files.map((file) => readFileSync(join(folder, file)))).toEqual(before);
      if (changed.retrain) return;
      const fresh = await run({ spec: changed, rows, folder, shelf: new Shelf(), fresh: true });
      expect(fresh.total).toBe(rows.length);
    },
  );

  it('row 44: what does not change the meaning of the state may change', async () => {
    const folder = damagedCopy((bytes) => bytes, []);
    const shelf = new Shelf();
    const changed = specOf({
      forecast: { models },
      window: { ring: 32, gaps: { policy: 'mask', limit: 20 } },
      clean: { jump_patience: 5 },
      state: { max_lanes: 50 },
    });
    expect((await run({ spec: changed, rows, folder, shelf })).stateHash).toBe(whole.hash);
  });

  it('row 44: a cap below the number of series that the state holds lets those stay', async () => {
    const folder = damagedCopy((bytes) => bytes, []);
    const capped = specOf({ forecast: { models }, window: { ring: 32 }, state: { max_lanes: 1 } });
    expect((await run({ spec: capped, rows, folder, shelf: new Shelf() })).stateHash).toBe(whole.hash);
  });
});
