/** Several processes of one group share a state folder: a partition's state goes from one to the next, exactly. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { SourceBatch } from '../../src/core/batch.ts';
import { defineSink, defineSource } from '../../src/core/component.ts';
import type { Assignment, Source } from '../../src/core/connector.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import type { LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { FolderStore } from '../../src/pipeline/state-store.ts';
import { lockState } from '../../src/pipeline/state-lock.ts';
import { configOf, record, type Row, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, steadyRows } from '../support/whole-run.ts';

afterAll(removeFolders);

const PARTITIONS = 3;
const rows = steadyRows(6, 120);
const partitionOf = ({ series }: Row) => Number(series.slice(-1)) % PARTITIONS;
const byPartition = Array.from({ length: PARTITIONS }, (_, p) => rows.filter((row) => partitionOf(row) === p));

/** A partition in memory that does not end: after its last row it waits to be taken away. */
function partitionSource(partition: number, revoked: AbortSignal, pace: () => Promise<void>): Source {
  return {
    channels: ['c0'],
    bounded: false,
    async *read(from, signal): AsyncGenerator<SourceBatch> {
      const stop = AbortSignal.any([signal, revoked]);
      const all = byPartition[partition]!;
      for (let at = from?.[partition] ?? 0; at < all.length && !stop.aborted; at += 4) {
        const part = all.slice(at, at + 4);
        const series = [...new Set(part.map((row) => row.series))];
        yield {
          partition,
          series,
          codes: Int32Array.from(part, (row) => series.indexOf(row.series)),
          times: Float64Array.from(part, (row) => row.time),
          channels: [Float64Array.from(part, (row) => row.values[0]!)],
          offsets: Float64Array.from(part, (_, i) => at + i),
        };
        await pace();
      }
      if (!stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve, { once: true }));
    },
    close: async () => undefined,
  };
}

/** What a coordinator would do: gives partitions to a member and takes them away. */
class Member {
  readonly #given = new Map<number, AbortController>();
  readonly #queue: Assignment[] = [];
  #wake: () => void = () => undefined;
  readonly stop = new AbortController();
  readonly running: Promise<unknown>;

  constructor(
    spec: LoadedSpec,
    outputs: Map<string, string>,
    pace: () => Promise<void> = async () => undefined,
    partitions = PARTITIONS,
  ) {
    const component = { status: 'stable', summary: '', config: z.unknown(), example: '', guarantees: [] } as const;
    const group: Source = {
      channels: ['c0'],
      bounded: false,
      read: () => {
        throw new Error('not read as a whole');
      },
      assignments: (signal) => this.#assignments(signal, pace, partitions),
      close: async () => undefined,
    };
    this.running = runPipeline(spec, {
      sources: [defineSource({ ...component, name: 'memory', build: () => group })],
      sinks: [
        defineSink({
          ...component,
          name: 'map',
          build: () => ({
            open: async () => undefined,
            write: (batch) => record(batch, outputs),
            flush: async () => undefined,
            close: async () => undefined,
          }),
        }),
      ],
      forecasters: FORECASTERS,
      events: new EventBus(),
      signal: this.stop.signal,
      fast: false,
      fresh: false,
    });
    this.running.catch(() => undefined);
  }

  give(partition: number): void {
    const revoked = new AbortController();
    this.#given.set(partition, revoked);
    this.#queue.push({ partition, partitions: PARTITIONS, revoked: revoked.signal, source: undefined as never });
    this.#wake();
  }

  take(partition: number): void {
    this.#given.get(partition)!.abort();
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  async *#assignments(signal: AbortSignal, pace: () => Promise<void>, partitions: number): AsyncGenerator<Assignment> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const next = this.#queue.shift();
      if (next) yield { ...next, partitions, source: partitionSource(next.partition, next.revoked, pace) };
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function specIn(folder: string): LoadedSpec {
  const models = ['naive', 'linear', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
  const spec = specOf({ forecast: { models }, state: { path: folder, checkpoint: 0, shared: true } });
  return {
    ...spec,
    source: { type: 'memory', config: {} },
    sinks: [{ type: 'map', config: {} }],
    file: join(folder, 'case.yaml'),
    folder,
  };
}

/** The scores of forecasts up to the last row: there when every row went through. */
const expected = PARTITIONS * (rows.length / PARTITIONS);
const rowsDone = (outputs: Map<string, string>) =>
  new Set([...outputs.keys()].filter((id) => !id.endsWith('score')).map((id) => id.split('|').toSpliced(1, 3).join('|'))).size;

async function until(condition: () => boolean): Promise<void> {
  for (let n = 0; !condition(); n++) {
    if (n > 3000) throw new Error('it did not come to that in 30 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function unbroken(): Promise<Map<string, string>> {
  const outputs = new Map<string, string>();
  const member = new Member(specIn(newFolder()), outputs);
  for (let p = 0; p < PARTITIONS; p++) member.give(p);
  await until(() => rowsDone(outputs) === expected);
  await member.end();
  return outputs;
}

const slowly = () => new Promise<void>((resolve) => setTimeout(resolve, 5));

describe('members of one group', () => {
  it('row 13: partitions that go back and forth give what one process gives, bit for bit', async () => {
    const whole = await unbroken();
    const folder = newFolder();
    const outputs = new Map<string, string>();
    const [a, b] = [new Member(specIn(folder), outputs, slowly), new Member(specIn(folder), outputs, slowly)];
    for (let p = 0; p < PARTITIONS; p++) a.give(p);
    for (const done of [100, 250, 400]) {
      await until(() => rowsDone(outputs) >= done);
      const [from, to] = done === 250 ? [b, a] : [a, b];
      for (const p of done === 400 ? [2] : [0, 1]) {
        from.take(p);
        to.give(p);
      }
    }
    await until(() => rowsDone(outputs) === expected);
    await Promise.all([a.end(), b.end()]);
    expect(outputs).toEqual(whole);
    expect(readdirSync(folder).sort()).toEqual(['input.json', 'partition-0', 'partition-1', 'partition-2']);
  });

  it('a folder of another number of partitions, or of one process, is refused', async () => {
    const folder = newFolder();
    const outputs = new Map<string, string>();
    const first = new Member(specIn(folder), outputs);
    first.give(0);
    await until(() => outputs.size > 0);
    await first.end();
    const other = new Member(specIn(folder), outputs, undefined, 4);
    other.give(0);
    await expect(other.running).rejects.toMatchObject({ code: 'STATE_PARTITIONS' });
    const alone = specIn(folder);
    const lonely = new Member({ ...alone, state: { ...alone.state, shared: false } }, outputs);
    await expect(lonely.running).rejects.toMatchObject({ code: 'STATE_SHARING' });
    const plain = newFolder();
    const store = new FolderStore(plain);
    await store.save({ nothing: true });
    store.close();
    await expect(new Member(specIn(plain), outputs).running).rejects.toMatchObject({ code: 'STATE_SHARING' });
  });
});

describe('row 14: a process that stood still', () => {
  it('cannot write over what the one after it saved', async () => {
    const folder = newFolder();
    const frozen = new FolderStore(folder, { claim: 'free' });
    await frozen.save({ by: 'frozen' });
    expect(() => new FolderStore(folder, { claim: 'free' })).toThrow(expect.objectContaining({ code: 'STATE_LOCKED' }) as Error);
    const next = new FolderStore(folder, { claim: 'takeOver' });
    expect(next.load()).toEqual({ by: 'frozen' });
    await next.save({ by: 'next' });
    await expect(frozen.save({ by: 'zombie' })).rejects.toMatchObject({ code: 'STATE_FENCED' });
    frozen.close();
    expect(next.load()).toEqual({ by: 'next' });
    expect(() => lockState(folder)).toThrow(expect.objectContaining({ code: 'STATE_LOCKED' }) as Error);
    next.close();
  });

  it('whose partition comes back goes on from what the other saved; stopped before that, it ends cleanly', async () => {
    const whole = await unbroken();
    const folder = newFolder();
    const outputs = new Map<string, string>();
    const member = new Member(specIn(folder), outputs, slowly);
    for (let p = 0; p < PARTITIONS; p++) member.give(p);
    await until(() => rowsDone(outputs) > 100);
    // as another process would, which thinks that this one is dead
    const other = lockState(join(folder, 'partition-0'), { takeOver: true });
    await until(() => rowsDone(outputs) > 200);
    other.release();
    await until(() => rowsDone(outputs) === expected);
    for (let p = 0; p < PARTITIONS; p++) lockState(join(folder, `partition-${p}`), { takeOver: true });
    await member.end();
    expect(outputs).toEqual(whole);
  });

  it('and finds what the one after it did is no reason to stop', async () => {
    const whole = await unbroken();
    const folder = newFolder();
    const outputs = new Map<string, string>();
    let due = 1;
    const member = new Member(specIn(folder), outputs, async () => {
      await slowly();
      if (outputs.size === 0 || due-- !== 1) return;
      lockState(join(folder, 'partition-0'), { takeOver: true }).release();
      throw new TidecastError('KAFKA_STATE_ELSEWHERE', {});
    });
    member.give(0);
    await until(() => rowsDone(outputs) === expected / PARTITIONS);
    for (let p = 1; p < PARTITIONS; p++) member.give(p);
    await until(() => rowsDone(outputs) === expected);
    await member.end();
    expect(outputs).toEqual(whole);
  });

  it('what a killed process had begun to write does not stay', async () => {
    const folder = newFolder();
    for (const epoch of [1, 2, 3]) {
      writeFileSync(join(folder, `generation-${epoch}000000001.state.tmp`), 'torn');
      new FolderStore(folder, { claim: 'free' }).close();
    }
    expect(readdirSync(folder)).toEqual(['epoch']);
  });

  it('a save that had begun before ends in an epoch that is not read', async () => {
    const folder = newFolder();
    const frozen = new FolderStore(folder, { claim: 'free' });
    await frozen.save({ by: 'frozen' });
    const saving = frozen.save({ by: 'zombie' }).catch(() => undefined);
    const next = new FolderStore(folder, { claim: 'takeOver' });
    await next.save({ by: 'next' });
    await saving;
    expect(next.load()).toEqual({ by: 'next' });
    next.close();
    const later = new FolderStore(folder, { claim: 'free' });
    expect(later.load()).toEqual({ by: 'next' });
    later.close();
  });
});
