/** Sources whose messages hold several ticks, come from several partitions, or hold nothing. */
import fc from 'fast-check';
import { lastValueFrom } from 'rxjs';
import { afterAll, describe, expect, it } from 'vitest';
import type { Reject, SourceBatch } from '../../src/core/batch.ts';
import type { Source } from '../../src/core/connector.ts';
import { State } from '../../src/core/state.ts';
import { ingest, type Place } from '../../src/stream/ingest.ts';
import { stretch } from '../support/stretch.ts';
import { configOf, QUICK_RETRAIN, type Row, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, steadyRows } from '../support/whole-run.ts';

afterAll(removeFolders);

const SEED = 41;

function batchOf(
  partition: number,
  rows: readonly Row[],
  offsets: readonly number[],
  more: Partial<SourceBatch> = {},
): SourceBatch {
  const series = [...new Set(rows.map((row) => row.series))];
  return {
    partition,
    series,
    codes: Int32Array.from(rows, (row) => series.indexOf(row.series)),
    times: Float64Array.from(rows, (row) => row.time),
    channels: [Float64Array.from(rows, (row) => row.values[0]!)],
    offsets: Float64Array.from(offsets),
    ...more,
  };
}

function sourceOf(batches: readonly SourceBatch[], bounded = true, atEnd: () => void = () => undefined): Source {
  return {
    channels: ['c0'],
    bounded,
    async *read() {
      yield* batches;
      atEnd();
    },
    close: async () => undefined,
  };
}

async function placesOf(source: Source, signal?: AbortSignal): Promise<{ places: Place[]; rejects: Reject[] }> {
  const places: Place[] = [];
  const rejects: Reject[] = [];
  const options = {
    between: async (place: Place) => void places.push(place),
    reject: (some: readonly Reject[]) => void rejects.push(...some),
  };
  await lastValueFrom(ingest(new State(), source, { ...options, ...(signal ? { signal } : {}) }), { defaultValue: undefined });
  return { places, rejects };
}

describe('messages', () => {
  it('with several ticks are never parted by a cut', async () => {
    const rows = steadyRows(2, 6000);
    // messages of 1 to 7 ticks
    const offsets: number[] = [];
    const ends = new Map<number, number>();
    for (let offset = 0; offsets.length < rows.length; offset++) {
      for (let n = 1 + (offset % 7); n > 0 && offsets.length < rows.length; n--) offsets.push(offset);
      ends.set(offset + 1, offsets.length);
    }
    const { places } = await placesOf(sourceOf([batchOf(0, rows, offsets)]));
    expect(places.length).toBeGreaterThan(2);
    for (const { position, rows: done } of places) expect(done).toBe(ends.get(position['0']!));
  });

  it('that hold nothing or cannot be decoded move the position, once each', async () => {
    const [a, b] = steadyRows(1, 2) as [Row, Row];
    const reject = (offset: number): Reject => ({ partition: 0, offset, reason: 'undecodable' });
    const { places, rejects } = await placesOf(
      sourceOf([
        batchOf(0, [], [], { next: 3 }),
        batchOf(0, [a, b], [3, 5], { rejects: [reject(4), reject(6)], next: 9 }),
        batchOf(0, [], [], { rejects: [reject(9)], next: 10 }),
      ]),
    );
    expect(rejects.map(({ offset }) => offset)).toEqual([4, 6, 9]);
    expect(places.map(({ position }) => position['0'])).toEqual([3, 7, 9, 10, 10]);
    expect(places.at(-1)).toMatchObject({ rows: 5, position: { 0: 10 } });
  });

  it('a source that waits for its next message is looked at meanwhile', async () => {
    const stop = new AbortController();
    const places: Place[] = [];
    const source: Source = {
      channels: ['c0'],
      bounded: false,
      async *read(_, signal) {
        yield batchOf(0, steadyRows(1, 3), [0, 1, 2]);
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
      close: async () => undefined,
    };
    const between = async (place: Place) => {
      places.push(place);
      if (places.length === 4) stop.abort();
    };
    await lastValueFrom(ingest(new State(), source, { signal: stop.signal, between }), { defaultValue: undefined });
    expect(places.map(({ rows }) => rows)).toEqual([3, 3, 3, 3]);
  });
});

describe('row 31: several partitions', () => {
  const PARTITIONS = 3;
  const models = ['naive', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
  const spec = specOf({ forecast: { models }, retrain: { ...QUICK_RETRAIN, every: 25 * 60_000 } });
  const rows = steadyRows(PARTITIONS, 200);
  const byPartition = Array.from({ length: PARTITIONS }, (_, p) => rows.filter(({ series }) => series.endsWith(String(p))));

  /** Batches in an order of arrival that `turns` tells; each partition keeps its own order. */
  function arrival(
    turns: readonly { partition: number; size: number }[],
    from: Readonly<Record<string, number>> = {},
  ): SourceBatch[] {
    const next = byPartition.map((_, p) => from[p] ?? 0);
    const batches: SourceBatch[] = [];
    const take = (p: number, size: number) => {
      const at = next[p]!;
      const part = byPartition[p]!.slice(at, at + size);
      const offsets = Array.from(part, (_, i) => at + i);
      next[p] = at + part.length;
      const rest = byPartition.flatMap((all, q) => (next[q]! < all.length ? [[q, all[next[q]!]!.time] as const] : []));
      if (part.length > 0) batches.push(batchOf(p, part, offsets, { waiting: Object.fromEntries(rest) }));
    };
    for (const { partition, size } of turns) take(partition, size);
    byPartition.forEach((_, p) => take(p, Infinity));
    return batches;
  }

  const even = Array.from({ length: 60 }, (_, i) => ({ partition: i % PARTITIONS, size: 10 }));

  it('asap: a restart in which the partitions come in another order equals the run that it continues', async () => {
    const folder = newFolder();
    const first = await stretch(spec, {
      source: sourceOf(arrival(even), false),
      folder,
      exact: false,
      slow: 45,
      keepAt: [150, 300, 420],
    });
    const swaps = first.events.filter(({ name }) => name === 'weights.swapped').length;
    expect(swaps).toBeGreaterThanOrEqual(2);
    expect(first.rejects).toEqual([]);
    console.log(`seed ${SEED}, ${swaps} swaps`);
    const turn = fc.record({ partition: fc.nat(PARTITIONS - 1), size: fc.integer({ min: 1, max: 60 }) });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(undefined, 150, 300, 420), fc.array(turn, { maxLength: 20 }), async (at, turns) => {
        const from = at === undefined ? undefined : first.kept.get(at);
        const position = (from?.parts['ingest'] as { position?: Record<string, number> } | undefined)?.position;
        const source = sourceOf(arrival(turns, position), false);
        const again = await stretch(spec, { source, folder, exact: false, slow: Infinity, from });
        expect(again.rejects).toEqual([]);
        for (const [id, bits] of again.outputs) if (first.outputs.get(id) !== bits) throw new Error(`${id} differs`);
        expect(again.hash).toBe(first.hash);
      }),
      { numRuns: 40, seed: SEED },
    );
  });

  it('exact: whatever order the partitions come in, and wherever it is restarted, the bits are the same', async () => {
    const whole = await stretch(spec, { source: sourceOf(arrival(even), false), folder: newFolder() });
    expect(whole.events.filter(({ name }) => name === 'training.started').length).toBeGreaterThanOrEqual(5);
    const turn = fc.record({ partition: fc.nat(PARTITIONS - 1), size: fc.integer({ min: 1, max: 150 }) });
    const turns = fc.array(turn, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(turns, fc.integer({ min: 1, max: 590 }), turns, async (before, at, after) => {
        const folder = newFolder();
        const first = arrival(before);
        // a cut lies at the end of a batch
        const ends = first.map((_, i) => first.slice(0, i + 1).reduce((sum, { offsets }) => sum + offsets.length, 0));
        const cut = ends.find((end) => end >= at)!;
        const begun = await stretch(spec, {
          source: sourceOf(first.slice(0, ends.indexOf(cut) + 1), false),
          folder,
          keepAt: [cut],
        });
        const from = begun.kept.get(cut)!;
        const { position } = from.parts['ingest'] as { position: Record<string, number> };
        const again = await stretch(spec, { source: sourceOf(arrival(after, position), false), folder, from });
        expect(again.rejects).toEqual([]);
        for (const [id, bits] of again.outputs) if (whole.outputs.get(id) !== bits) throw new Error(`${id} differs`);
        expect(again.hash).toBe(whole.hash);
      }),
      { numRuns: 25, seed: SEED },
    );
  });
});
