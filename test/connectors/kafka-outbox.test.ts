import { describe, expect, it } from 'vitest';
import type { Outgoing } from '../../connectors/kafka/forecast-messages.ts';
import { Outbox, type OutboxOptions } from '../../connectors/kafka/outbox.ts';

const message = (i: number, size = 10): Outgoing => ({ topic: 't', key: Buffer.from(String(i)), value: Buffer.alloc(size) });
const numbers = (batch: readonly Outgoing[]) => batch.map(({ key }) => Number(key));
const tick = () => new Promise((resolve) => setImmediate(resolve));

/** An outbox whose requests end when they are told to. */
function held(options: Partial<OutboxOptions> = {}) {
  const requests: { readonly batch: number[]; readonly done: () => void; readonly fail: (cause: unknown) => void }[] = [];
  const outbox = new Outbox({
    messages: 5,
    bytes: 10_000,
    age: 60_000,
    full: 100_000,
    send: (batch) =>
      new Promise<void>((done, fail) => {
        requests.push({ batch: numbers(batch), done, fail });
      }),
    ...options,
  });
  return { outbox, requests };
}

describe('an outbox', () => {
  it('sends in order, one request at a time, by count', async () => {
    const { outbox, requests } = held();
    for (let i = 0; i < 12; i++) expect(outbox.add([message(i)])).toBeUndefined();
    const drained = outbox.drained();
    expect(requests.map(({ batch }) => batch)).toEqual([[0, 1, 2, 3, 4]]);
    for (let at = 0; at < 3; at++) {
      requests[at]!.done();
      await tick();
    }
    await drained;
    expect(requests.map(({ batch }) => batch)).toEqual([
      [0, 1, 2, 3, 4],
      [5, 6, 7, 8, 9],
      [10, 11],
    ]);
  });

  it('sends by bytes', async () => {
    const { outbox, requests } = held({ bytes: 250 });
    outbox.add([message(0, 100)]);
    expect(requests).toHaveLength(0);
    outbox.add([message(1, 100), message(2, 100)]);
    expect(requests.map(({ batch }) => batch)).toEqual([[0, 1]]);
  });

  it('sends by age', async () => {
    const { outbox, requests } = held({ age: 5 });
    outbox.add([message(0)]);
    expect(requests).toHaveLength(0);
    while (requests.length === 0) await tick();
    expect(requests[0]!.batch).toEqual([0]);
  });

  it('a cut waits for what was added before it, and for nothing else', async () => {
    const { outbox, requests } = held();
    await outbox.drained();
    outbox.add([message(0), message(1)]);
    let done = false;
    const cut = outbox.drained().then(() => (done = true));
    outbox.add([message(2)]);
    expect(requests.map(({ batch }) => batch)).toEqual([[0, 1]]);
    await tick();
    expect(done).toBe(false);
    requests[0]!.done();
    await cut;
    expect(requests.map(({ batch }) => batch)).toEqual([[0, 1], [2]]);
  });

  it('is full at its bound, and takes more when half of it is sent', async () => {
    const { outbox, requests } = held({ full: 1000, messages: 2 });
    let waits = 0;
    for (; !(outbox.add([message(waits, 100)]) instanceof Promise); waits++);
    expect(waits).toBeGreaterThan(3);
    let room = false;
    void (outbox.add([message(99, 100)]) as Promise<void>).then(() => (room = true));
    requests[0]!.done();
    await tick();
    expect(room).toBe(false);
    let done = 1;
    for (; !room; done++) {
      requests[done]!.done();
      await tick();
    }
    // half of it is still on its way
    expect(requests.length).toBeGreaterThan(done);
  });

  it('a failure reaches everyone who waits, and everyone who comes later', async () => {
    const { outbox, requests } = held({ full: 500 });
    const failure = new Error('never');
    outbox.add([message(0)]);
    const cut = outbox.drained();
    const full = outbox.add([message(1, 1000)]) as Promise<void>;
    requests[0]!.fail(failure);
    await expect(cut).rejects.toBe(failure);
    await expect(full).rejects.toBe(failure);
    await expect(outbox.drained()).rejects.toBe(failure);
    expect(() => outbox.add([message(2)])).toThrow(failure);
    expect(requests).toHaveLength(1);
  });
});
