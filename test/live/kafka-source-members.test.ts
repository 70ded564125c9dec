/** Several members of one group, as processes that share a state folder are: partitions given, taken and given again. */
import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import type { Assignment, Source } from '../../src/core/connector.ts';
import { clientLoop, numbers, openKafka, readyTopic, sorted, ticks } from './support/kafka-reader.ts';
import { startKafka } from '../services/kafka.ts';
import { brokers, committed, newTopic, produce, until as untilWithin } from './support/servers.ts';

const until = (what: string, isSo: () => boolean | Promise<boolean>) => untilWithin(what, isSo, 60_000);
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What members on one machine share: a position a partition, and a lock that its reader holds until it is done. */
class Shared {
  readonly position = new Map<number, number>();
  readonly locks = new Map<number, Promise<void>>();
  readonly values: number[] = [];
}

/** Reads every partition that it is given on its own, from the shared position. */
class Member {
  readonly source: Source;
  readonly told: ReturnType<typeof openKafka>['told'];
  readonly given: Assignment[] = [];
  readonly errors: unknown[] = [];
  readonly #shared: Shared;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(topic: string, shared: Shared) {
    ({ source: this.source, told: this.told } = openKafka(topic, { config: { session_timeout: '3s' } }));
    this.#shared = shared;
    this.#done = this.#run().catch((error: unknown) => void this.errors.push(error));
    ends.push(() => this.close());
  }

  /** Partitions that it has now; throws what went wrong in it. */
  get owned(): number[] {
    if (this.errors.length > 0) throw this.errors[0];
    return sorted(this.given.filter(({ revoked }) => !revoked.aborted).map(({ partition }) => partition));
  }

  async #run(): Promise<void> {
    const lines: Promise<void>[] = [];
    for await (const assignment of this.source.assignments!(this.#stop.signal)) {
      this.given.push(assignment);
      lines.push(this.#line(assignment).catch((error: unknown) => void this.errors.push(error)));
    }
    await Promise.all(lines);
  }

  async #line({ partition, source, revoked }: Assignment): Promise<void> {
    const { position, locks, values } = this.#shared;
    while (locks.has(partition)) await locks.get(partition);
    let release = () => {};
    locks.set(partition, new Promise((resolve) => (release = resolve)));
    try {
      const at = position.get(partition);
      for await (const batch of source.read(at === undefined ? undefined : { [partition]: at }, this.#stop.signal)) {
        expect(revoked.aborted, 'nothing of a revoked partition is yielded').toBe(false);
        expect(batch.partition).toBe(partition);
        expect(batch.waiting).toBeUndefined();
        values.push(...batch.channels[0]!);
        position.set(partition, batch.next!);
        await source.commit!({ [partition]: batch.next! });
      }
    } finally {
      locks.delete(partition);
      release();
      await source.close();
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.source.close();
  }
}

describe('two members', () => {
  it('rows 6, 13: join and leave under load: every tick once, nothing committed goes back', async () => {
    const topic = await readyTopic(6);
    await produce(topic, ticks(60_000, 0, 6));
    const shared = new Shared();
    const one = new Member(topic, shared);
    await until('one has all', () => one.owned.length === 6);
    expect(one.given[0]!.partitions).toBe(6);
    const history: number[][] = [];
    const two = new Member(topic, shared);
    const load = (async () => {
      for (let i = 0; i < 20; i++) {
        await produce(topic, ticks(1200, 60_000 + i * 1200, 6));
        history.push(await committed(topic, topic));
      }
    })();
    await until('they share', () => one.owned.length === 3 && two.owned.length === 3);
    await until('both read', () => two.told.some(({ name }) => name === 'source.committed'));
    const before = one.given.length;
    await two.close();
    await until('one has all again', () => one.owned.length === 6);
    expect(one.given.length).toBe(before + 3);
    await load;
    await until('all are read', () => shared.values.length >= 84_000);
    expect(sorted(shared.values)).toEqual(numbers(84_000));
    expect([...one.errors, ...two.errors]).toEqual([]);
    for (let i = 1; i < history.length; i++)
      history[i]!.forEach((offset, p) => expect(offset).toBeGreaterThanOrEqual(history[i - 1]![p]!));
    await until('all is committed', async () => (await committed(topic, topic)).every((offset) => offset === 14_000));
    expect(one.told.some(({ name }) => name === 'source.revoked')).toBe(true);
  });
  it('row 13: another that is killed gives its partitions back after its session', async () => {
    const topic = await readyTopic(4);
    await produce(topic, ticks(4000, 0, 4));
    const shared = new Shared();
    const one = new Member(topic, shared);
    await until('one has all', () => one.owned.length === 4);
    const script = `
      const { Kafka, logLevel } = require('kafkajs');
      const kafka = new Kafka({ brokers: ${JSON.stringify(brokers())}, logLevel: logLevel.NOTHING });
      const consumer = kafka.consumer({ groupId: '${topic}', sessionTimeout: 3000, heartbeatInterval: 300 });
      consumer.connect().then(() => consumer.subscribe({ topic: '${topic}' })).then(() => consumer.run({ autoCommit: false, eachBatch: async () => {} }));`;
    const child = spawn(process.execPath, ['-e', script], { stdio: 'inherit' });
    ends.push(() => child.kill('SIGKILL'));
    await until('it has half', () => one.owned.length === 2);
    await produce(topic, ticks(4000, 4000, 4));
    child.kill('SIGKILL');
    await until('one has all again', () => one.owned.length === 4);
    await until('all are read', () => shared.values.length >= 8000);
    expect(sorted(shared.values)).toEqual(numbers(8000));
    expect(one.errors).toEqual([]);
  });
  it('a member without the state of the others is refused', async () => {
    const topic = await readyTopic(2);
    await produce(topic, ticks(200, 0, 2));
    const one = new Member(topic, new Shared());
    await until('it has committed', async () => (await committed(topic, topic)).every((offset) => offset === 100));
    const stranger = new Member(topic, new Shared());
    await until('it is refused', () => stranger.errors.length > 0);
    expect(stranger.errors[0]).toMatchObject({ code: 'KAFKA_STATE_ELSEWHERE' });
    await stranger.close();
    await until('one has all again', () => one.owned.length === 2);
  });
  it('a partition is read again from another place after it was closed', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(10));
    const { source } = openKafka(topic);
    ends.push(() => source.close());
    const stop = new AbortController();
    const { value } = (await source.assignments!(stop.signal)[Symbol.asyncIterator]().next()) as { value: Assignment };
    for (const [from, rest] of [
      [2, numbers(10).slice(2)],
      [7, [7, 8, 9]],
      [0, numbers(10)],
    ] as const) {
      const batches = value.source.read({ '0': from }, stop.signal)[Symbol.asyncIterator]();
      expect([...((await batches.next()).value as { channels: Float64Array[] }).channels[0]!]).toEqual(rest);
      await value.source.close();
      expect((await batches.next()).done).toBe(true);
    }
    stop.abort();
  });
  it('row 19: a restart tells the group what a process that died between saving and committing had not told', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(10));
    for (const how of ['alone', 'shared'] as const) {
      const { source } = openKafka(topic, { config: { group: `${topic}-${how}` } });
      ends.push(() => source.close());
      const stop = new AbortController();
      const partition =
        how === 'alone'
          ? source
          : ((await source.assignments!(stop.signal)[Symbol.asyncIterator]().next()) as { value: Assignment }).value.source;
      const batch = partition.read({ '0': 10 }, stop.signal)[Symbol.asyncIterator]().next();
      await until(
        `${how}: nothing new came, and it is committed`,
        async () => (await committed(`${topic}-${how}`, topic))[0] === 10,
      );
      stop.abort();
      expect((await batch).done).toBe(true);
    }
  });
  it('what could not be committed, because the consumer had died, is committed by the next one', async () => {
    const kafka = await startKafka();
    ends.push(() => kafka.clean());
    const at = [kafka.broker];
    const topic = await newTopic(1, { at });
    await produce(topic, ticks(10), { at });
    const { source, told } = openKafka(topic, { config: { brokers: kafka.broker, session_timeout: '1s' } });
    ends.push(() => source.close());
    const stop = new AbortController();
    const batches = source.read(undefined, stop.signal)[Symbol.asyncIterator]();
    await batches.next();
    await batches.next();
    const rest = batches.next();
    await kafka.pause();
    const waits = (reason: string) =>
      told.some((each) => each.name === 'source.waiting' && JSON.stringify(each).includes(reason));
    await until('the consumer is given up', () => waits('no sign of life'));
    await source.commit!({ '0': 10 });
    kafka.resume();
    await until('nothing new came, and it is committed', async () => (await committed(topic, topic, at))[0] === 10);
    stop.abort();
    expect((await rest).done).toBe(true);
  });
  it('fetches nothing of a partition before it is read', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(10));
    const { source, told } = openKafka(topic);
    ends.push(() => source.close());
    const { processEachBatch } = clientLoop;
    ends.push(() => (clientLoop.processEachBatch = processEachBatch));
    let fetched = 0;
    clientLoop.processEachBatch = function (batch) {
      fetched += batch.messages.length;
      return processEachBatch.call(this, batch);
    };
    const stop = new AbortController();
    const assignments = source.assignments!(stop.signal)[Symbol.asyncIterator]();
    const { value } = (await assignments.next()) as { value: Assignment };
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(told.some(({ name }) => name === 'source.lag')).toBe(false);
    expect(fetched).toBe(0);
    const batches = value.source.read({ '0': 7 }, stop.signal)[Symbol.asyncIterator]();
    expect([...((await batches.next()).value as { channels: Float64Array[] }).channels[0]!]).toEqual([7, 8, 9]);
    expect(fetched).toBe(3);
    stop.abort();
    expect((await batches.next()).done).toBe(true);
    expect((await assignments.next()).done).toBe(true);
  });
});
