/** Row 20 of the fault table: a full disk stops the run with an error that says so, and nothing is lost once there is room. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import arrowSink, { readForecasts, readScores } from '../../connectors/arrow-sink.ts';
import { EXIT } from '../../src/core/errors.ts';
import { EventBus } from '../../src/core/events.ts';
import { configOf, QUICK_RETRAIN, specOf } from '../support/whole-line.ts';
import { type FaultPlace, newFolder, removeFolders, run, type RunSetup, Shelf, steadyRows } from '../support/whole-run.ts';

const disk = mkdtempSync(join(tmpdir(), 'tidecast-disk-'));
/** A small file system needs root; elsewhere these tests are skipped. */
const mounted = process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]).status === 0;

afterEach(() => {
  removeFolders();
  if (mounted) for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true });
});
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

const models = ['naive', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
const spec = specOf({ forecast: { models } });
const rows = steadyRows(4, 40);

let whole: { outputs: Map<string, string>; hash: string };
beforeAll(async () => {
  const shelf = new Shelf();
  const { stateHash } = await run({ spec, rows, folder: newFolder(), shelf });
  whole = { outputs: shelf.outputs, hash: stateHash };
});

/** Writes until nothing more fits, then gives `free` bytes back. */
function fill(free: number): () => void {
  const ballast = join(disk, 'ballast');
  const file = openSync(ballast, 'w');
  const page = Buffer.alloc(4096, 1);
  try {
    for (;;) if (writeSync(file, page) < page.length) break;
  } catch (cause) {
    expect(cause).toMatchObject({ code: 'ENOSPC' });
  }
  closeSync(file);
  if (free > 0) spawnSync('truncate', ['-s', `-${free}`, ballast]);
  return () => rmSync(ballast);
}

/** Fills the disk the n-th time a place is reached. */
function fillAt(place: FaultPlace, nth: number, free: number): { reach: (at: FaultPlace) => void; clear: () => void } {
  let left = nth;
  let clear = () => undefined as void;
  return { reach: (at) => at === place && --left === 0 && (clear = fill(free)), clear: () => clear() };
}

describe.skipIf(!mounted)('row 20: the disk is full (skipped where no small file system can be mounted)', () => {
  it.each([
    ['at once', 0],
    ['after the first page', 4096],
    ['after most of the state', 8192],
  ])(
    'row 20: the state folder, %s: STATE_WRITE, nothing half-written, and the unbroken result once there is room',
    async (_, free) => {
      const folder = join(disk, 'state');
      const shelf = new Shelf();
      const full = fillAt('state.save', 3, free);
      await expect(run({ spec, rows, folder, shelf, reach: full.reach })).rejects.toMatchObject({
        code: 'STATE_WRITE',
        exit: EXIT.io,
      });
      const left = readdirSync(folder).filter((name) => name !== 'spill');
      expect(left).toEqual(['generation-000000001.state', 'generation-000000002.state']);
      expect(left.every((name) => statSync(join(folder, name)).size > 4096)).toBe(true);
      // still full: refused again, and still nothing lost
      await expect(run({ spec, rows, folder, shelf })).rejects.toMatchObject({ code: 'STATE_WRITE' });
      full.clear();
      expect((await run({ spec, rows, folder, shelf })).stateHash).toBe(whole.hash);
      expect(shelf.outputs).toEqual(whole.outputs);
    },
  );

  it('row 20: full when a series is spilled', async () => {
    const idle = rows.filter(({ series }, i) => series === 'series-0' || i < 60 || i > 120);
    const setup = { spec: specOf({ forecast: { models }, state: { time_to_live: 3 * 60_000 } }), rows: idle };
    const folder = join(disk, 'state');
    const shelf = new Shelf();
    const full = fillAt('source.read', 4, 0);
    await expect(run({ ...setup, folder, shelf, reach: full.reach })).rejects.toMatchObject({
      code: 'STATE_WRITE',
      exit: EXIT.io,
    });
    full.clear();
    const ended = await run({ ...setup, folder, shelf });
    const unbroken = new Shelf();
    const without = await run({ ...setup, folder: newFolder(), shelf: unbroken });
    expect(ended.stateHash).toBe(without.stateHash);
    expect(shelf.outputs).toEqual(unbroken.outputs);
  });

  it('row 20: full when new weights are written', async () => {
    const setup = { spec: specOf({ forecast: { models }, retrain: QUICK_RETRAIN }), rows };
    const folder = join(disk, 'state');
    const shelf = new Shelf();
    const events = new EventBus();
    let clear = () => undefined as void;
    events.on('training.finished', ({ accepted }) => void (accepted && (clear = fill(0))));
    await expect(run({ ...setup, folder, shelf, events })).rejects.toMatchObject({ code: 'STATE_WRITE', exit: EXIT.io });
    clear();
    const ended = await run({ ...setup, folder, shelf });
    const unbroken = new Shelf();
    const without = await run({ ...setup, folder: newFolder(), shelf: unbroken });
    expect(ended.stateHash).toBe(without.stateHash);
    expect(shelf.outputs).toEqual(unbroken.outputs);
  });

  it('row 20: the folder of the arrow sink', async () => {
    const tables = async (sink: RunSetup['sink'], folder: string, shelf: Shelf, reach?: (at: FaultPlace) => void) => {
      const { stateHash } = await run({ spec, rows, folder, shelf, ...(sink ? { sink } : {}), ...(reach ? { reach } : {}) });
      const path = (sink!.config as { path: string }).path;
      return { stateHash, forecasts: await readForecasts(path), scores: await readScores(path) };
    };
    const sink = (path: string) => ({ component: arrowSink, config: { path, merge: true } });
    const unbroken = await tables(sink(join(newFolder(), 'out')), newFolder(), new Shelf());
    const folder = newFolder();
    const shelf = new Shelf();
    const full = fillAt('state.saved', 2, 1024);
    await expect(tables(sink(join(disk, 'out')), folder, shelf, full.reach)).rejects.toMatchObject({
      code: 'SINK_DISK_FULL',
      exit: EXIT.io,
    });
    full.clear();
    expect(await tables(sink(join(disk, 'out')), folder, shelf)).toEqual(unbroken);
  });
});
