/** Row 28 of the fault table: a flood of series is refused and changes nothing; idle series go to disk and come back exactly. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { SourceBatch } from '../../src/core/batch.ts';
import { EXIT } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';
import { SpillFiles } from '../../src/pipeline/spill-files.ts';
import { stretch } from '../support/stretch.ts';
import { configOf, memorySource, QUICK_RETRAIN, type Row, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, run, Shelf, steadyRows } from '../support/whole-run.ts';

afterEach(removeFolders);

const MINUTE = 60_000;
const SEED = 28;
const models = ['naive', 'linear', 'recurrent'].map((type) => ({ type, config: configOf(type) }));

describe('row 28: more series than lanes', () => {
  it('row 28: a million new series beside a full house: memory stays flat, the known ones have the same bits, the rest are dead letters', async () => {
    const known = 1000;
    const spec = specOf({ forecast: { models: [models[0]!] }, window: { ring: 8 }, state: { max_lanes: known } });
    const rows = steadyRows(known, 6);
    const whole = await stretch(spec, { rows, batches: [known], folder: newFolder() });
    const source = memorySource(rows, [known]);
    let heap = 0;
    let peak = 0;
    let flood = 0;
    const flooded = {
      ...source,
      async *read(...args: Parameters<typeof source.read>): AsyncIterable<SourceBatch> {
        let before = 0;
        for await (const batch of source.read(...args)) {
          yield { ...batch, offsets: batch.offsets.map((offset) => offset + before) };
          // 200,000 new series after each of the first five thousand rows
          for (let n = 0; n < 25 && flood < 1_000_000; n++) {
            const series = Array.from({ length: 8000 }, (_, i) => `new-${flood + i}`);
            flood += series.length;
            const one = (from: number) => Float64Array.from(series, (_, i) => from + i);
            const times = new Float64Array(series.length).fill(batch.times.at(-1)!);
            yield {
              partition: 0,
              series,
              codes: Int32Array.from(series, (_, i) => i),
              times,
              channels: [one(0)],
              offsets: one(batch.offsets.at(-1)! + before + 1),
            };
            before += series.length;
          }
          globalThis.gc?.();
          const used = process.memoryUsage().arrayBuffers;
          heap ||= used;
          peak = Math.max(peak, used);
        }
      },
    };
    const counts: Record<string, number> = {};
    const end = await stretch(spec, { source: flooded, folder: newFolder() });
    for (const { name, payload } of end.events)
      if (name === 'ticks.rejected')
        counts[String(payload['reason'])] = (counts[String(payload['reason'])] ?? 0) + (payload['count'] as number);
    expect(flood).toBe(1_000_000);
    expect(counts).toEqual({ 'lanes-full': 1_000_000 });
    expect(new Set(end.rejects.map(({ series }) => series)).size).toBe(1_000_000);
    expect(end.state.lanes.size).toBe(known);
    expect(end.outputs).toEqual(whole.outputs);
    expect(end.hash).toBe(whole.hash);
    expect(peak).toBeLessThan(heap + 64e6);
  });
});

describe('row 28: a time to live', () => {
  /** Series that come and go: each is active for a while, away for a while, and back. */
  function restless(seed: number): Row[] {
    const random = new Random(seed);
    const away = Array.from({ length: 12 }, () => ({ period: 30 + random.below(60), phase: random.below(90) }));
    return steadyRows(12, 160).filter(({ series }, i) => {
      const { period, phase } = away[Number(series.split('-')[1])]!;
      return Math.floor((Math.floor(i / 12) + phase) / period) % 2 === 0;
    });
  }
  const rows = restless(SEED);
  const plain = { forecast: { models }, window: { ring: 32 } };
  const cases: Record<string, Parameters<typeof specOf>[0]> = {
    'rows as they come': plain,
    'rows in order of time': { ...plain, clean: { lateness: 5 * MINUTE } },
    bars: { ...plain, window: { ring: 32, grid: 5 * MINUTE, interval: 5 * MINUTE } },
    'bars, retrained': {
      ...plain,
      window: { ring: 32, grid: 2 * MINUTE, interval: 2 * MINUTE },
      retrain: { ...QUICK_RETRAIN, every: 40 * MINUTE },
    },
  };

  it.each(Object.keys(cases))('row 28: %s: evicted series come back exactly, across checkpoints and restarts', async (name) => {
    const shelves = [];
    for (const state of [{}, { time_to_live: 12 * MINUTE }]) {
      const shelf = new Shelf();
      const folder = newFolder();
      const spec = specOf({ ...cases[name]!, state });
      for (const until of [311, 600]) await run({ spec, rows, folder, shelf, until });
      // killed: what was not yet in a checkpoint is done again
      const killed = { n: 0 };
      await run({
        spec,
        rows,
        folder,
        shelf,
        reach: (place) => {
          if (place === 'state.saved' && ++killed.n === 3) throw new Error('killed');
        },
      }).catch(() => undefined);
      const result = await run({ spec, rows, folder, shelf });
      shelves.push({ shelf, folder, result });
    }
    const [kept, evicted] = shelves as [(typeof shelves)[0], (typeof shelves)[0]];
    expect(evicted.shelf.outputs).toEqual(kept.shelf.outputs);
    expect(evicted.shelf.rejects).toEqual(kept.shelf.rejects);
    expect(evicted.result.scores.length).toBe(kept.result.scores.length);
    expect(evicted.result.stateHash).toBe(kept.result.stateHash);
    expect(readdirSync(join(evicted.folder, 'spill')).length).toBeGreaterThan(0);
    expect(readdirSync(join(kept.folder, 'spill'))).toEqual([]);
  });

  it('row 28: a damaged spill file stops the run when its series comes back, with the reason', async () => {
    const spec = specOf({ ...plain, state: { time_to_live: 12 * MINUTE } });
    const damages: Record<string, (file: string) => void> = {
      'does not match its checksum': (file) => {
        const bytes = readFileSync(file);
        writeFileSync(
          file,
          bytes.map((byte) => byte ^ 1),
        );
      },
      'its checksum': (file) => writeFileSync(file, ''),
      'cannot be read': (file) => rmSync(file),
    };
    for (const [reason, damage] of Object.entries(damages)) {
      const folder = newFolder();
      await run({ spec, rows, folder, shelf: new Shelf(), until: 500 });
      const files = readdirSync(join(folder, 'spill')).map((name) => join(folder, 'spill', name));
      expect(files.length).toBeGreaterThan(0);
      files.forEach(damage);
      await expect(run({ spec, rows, folder, shelf: new Shelf() })).rejects.toMatchObject({
        code: 'STATE_DAMAGED',
        exit: EXIT.data,
        facts: { reason: expect.stringContaining(reason) as string },
      });
    }
  });
});

describe('row 28: spill files', () => {
  const bytesOf = (n: number) => Buffer.alloc(1000, n % 251);

  it('row 28: are few and full, whatever stays away for ever', () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'spill'));
    appendFileSync(join(folder, 'spill', '.somebody-elses'), '');
    const spill = new SpillFiles(folder);
    for (let checkpoint = 0; checkpoint < 300; checkpoint++) {
      for (let n = 0; n < 20; n++) spill.put(`${checkpoint} ${n}`, bytesOf(checkpoint + n));
      // all but one come back
      for (let n = 1; n < 20; n++) spill.take(`${checkpoint} ${n}`);
      spill.release(spill.snapshot());
    }
    const files = readdirSync(join(folder, 'spill')).filter((name) => name.endsWith('.dat'));
    const size = files.reduce((sum, name) => sum + statSync(join(folder, 'spill', name)).size, 0);
    expect(files.length).toBeLessThan(60);
    // 300 series of 1000 bytes
    expect(size).toBeLessThan(4 * 300_000);
    for (let checkpoint = 0; checkpoint < 300; checkpoint++)
      expect(spill.peek(`${checkpoint} 0`)).toEqual(new Uint8Array(bytesOf(checkpoint)));
    expect([...spill.keys()].length).toBe(300);
    for (let checkpoint = 0; checkpoint < 300; checkpoint++) spill.take(`${checkpoint} 0`);
    for (let n = 0; n < 3; n++) spill.release(spill.snapshot());
    expect(readdirSync(join(folder, 'spill'))).toEqual(['.somebody-elses']);
    spill.close();
  });

  it('row 28: the last two checkpoints find what they point to', () => {
    const folder = newFolder();
    const random = new Random(SEED);
    let spill = new SpillFiles(folder);
    const saved: { snapshot: ReturnType<SpillFiles['snapshot']>; held: Map<string, number> }[] = [];
    const held = new Map<string, number>();
    for (let checkpoint = 0; checkpoint < 50; checkpoint++) {
      for (let n = random.below(5); n > 0; n--) {
        const key = `s${random.below(40)}`;
        if (held.delete(key)) spill.take(key);
        else {
          held.set(key, checkpoint);
          spill.put(key, bytesOf(checkpoint));
        }
      }
      saved.unshift({ snapshot: spill.snapshot(), held: new Map(held) });
      spill.release(saved[0]!.snapshot);
      for (const each of saved.slice(0, 2)) {
        const reader = new SpillFiles(folder);
        reader.restore(each.snapshot);
        for (const [key, at] of each.held) expect(reader.peek(key)).toEqual(new Uint8Array(bytesOf(at)));
        reader.close();
      }
      if (checkpoint % 17 !== 16) continue;
      // started again from the last checkpoint
      spill.close();
      spill = new SpillFiles(folder);
      spill.restore(saved[0]!.snapshot);
    }
    spill.close();
  });
});
