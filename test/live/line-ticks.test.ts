/** The whole line when it is fed what it should not be fed. Rows 2, 24, 25, 27, 28, 33, 41, 47 and 48 of the fault table. */
import kafkajs, { type Message } from 'kafkajs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { registerCodecs } from '../../connectors/formats/kafka-codecs.ts';
import { Random } from '../../src/core/random.ts';
import { figure } from '../support/figures.ts';
import { LineProcess } from './oracle/line.ts';
import { ticksOf } from './oracle/input.ts';
import { ended, expectSame, Trial, unbroken, type Outcome, type TrialOptions } from './oracle/trial.ts';
import { brokers, influxUrl, messagesOf, newTopic, until } from './support/servers.ts';
import { influxQuery } from '../services/influx.ts';

const INPUT = { series: 4, rows: 260, partitions: 2 };
const MINUTES = { timeout: 300_000 };
/** Rows of each series before the bad ones come. */
const GOOD = 140;

let wanted: Outcome;
let trial: Trial;

beforeAll(async () => {
  wanted = await unbroken({ input: INPUT });
  await registerCodecs(kafkajs, 400_000_000);
});
afterEach(() => trial.clean());

/** A line that sends what it refuses to a topic. */
async function start(options: Partial<TrialOptions> = {}): Promise<{ line: LineProcess; refused(): Promise<string[]> }> {
  const letters = await newTopic(1);
  const sinks = `- { type: kafka, brokers: "${brokers().join(',')}", dead_letters: ${letters} }`;
  trial = await new Trial({ input: INPUT, sinks, ...options }).prepare();
  const refused = async () => (await messagesOf(letters)).map(({ headers }) => String(headers!['reason']));
  return { line: new LineProcess(trial), refused };
}

async function concluded(line: LineProcess, than = wanted): Promise<void> {
  await trial.finish();
  expect(await line.stop(), line.said.slice(-2000)).toBe(0);
  expectSame(await trial.outcome(), than);
}

const AT = Date.parse('2024-03-04T00:00:00Z') + GOOD * 60_000;
/** A message that says it came with the good ones. */
const bad = (value: Buffer | string | null, key: Buffer | string | null = 'series-0'): Message => ({
  key,
  value,
  partition: 0,
  timestamp: String(AT),
});
const tick = (fields: Record<string, unknown>) => JSON.stringify({ ts: AT, value: 1, ...fields });

describe('messages that are no ticks', () => {
  it(
    'row 2: between good ones: each becomes a dead letter, and the others give what they give without them',
    MINUTES,
    async () => {
      const { line, refused } = await start();
      await trial.feed(0, GOOD);
      await trial.send([
        bad('{bad'),
        bad(null),
        bad(''),
        bad('{"ts":'),
        bad(tick({ ts: 'yesterday' })),
        bad(tick({ value: 'NaN' })),
        bad(Buffer.from([0xff, 0xfe, 0x00, 0x80])),
      ]);
      await trial.feed(GOOD);
      await concluded(line);
      const reasons = await refused();
      expect(reasons).toHaveLength(7);
      expect(new Set(reasons)).toEqual(new Set(['undecodable', 'empty']));
    },
  );
  it('row 41: that are made to break a decoder, met again after a kill: dead letters, no loop', MINUTES, async (test) => {
    const { line, refused } = await start({ state: 'checkpoint: 1h' });
    await trial.feed(0, GOOD);
    const poison = [
      '{"__proto__":{"ts":1},"value":1}',
      `{"ts":${AT},"value":1e999}`,
      `{"ts":${AT},"value":-}`,
      `{"ts":1e400,"value":1}`,
      `{"ts":${AT},"value":{"toString":1}}`,
      `{"ts":${AT},"value":1}}`,
      '"',
      '\\u0000',
      '\ud800',
    ].map((value) => bad(value));
    await trial.send([...poison, bad(tick({}), null), bad(tick({}), '')]);
    await until('they were read', async () => (await line.metric('tidecast_rejects_total')) >= 11);
    line.child.kill('SIGKILL');
    await ended(line.child);
    expect(await trial.look()).toBe(0);
    const next = new LineProcess(trial);
    await trial.feed(GOOD);
    const rows = INPUT.series * INPUT.rows;
    await until('all are read', async () => (await next.metric('tidecast_rows_total')) >= rows);
    // nothing is saved before the stop
    expect(await next.stop(), next.said.slice(-2000)).toBe(0);
    expect(await trial.look()).toBe(rows + trial.extra);
    expectSame(await trial.outcome(), wanted);
    const letters = (await refused()).length;
    expect(letters).toBeGreaterThanOrEqual(11);
    expect(letters).toBeLessThanOrEqual(22);
    figure(test, `${letters} dead letters of 11 messages that were met twice`);
  });
  it('rows 47, 48: that are bombs, huge or deep: refused in little memory', MINUTES, async (test) => {
    const { line, refused } = await start();
    await trial.feed(0, GOOD);
    await until('it reads', async () => (await line.metric('tidecast_rows_total')) >= INPUT.series * GOOD);
    const before = line.memory;
    const watch = line.watchMemory();
    const { GZIP, LZ4 } = kafkajs.CompressionTypes;
    await trial.send([bad(Buffer.alloc(300_000_000, 32))], GZIP);
    await trial.send([bad(tick({ padding: ' '.repeat(50_000_000) }))], LZ4);
    await trial.send([bad(tick({ padding: ' '.repeat(2_000_000) }))], GZIP);
    for (const text of ['['.repeat(200_000), '{"a":'.repeat(100_000), `{"ts":${AT},"value":${'9'.repeat(400_000)}}`])
      await trial.send([bad(text)]);
    await trial.feed(GOOD);
    await trial.finish();
    const rise = watch() - before;
    await concluded(line);
    const reasons = await refused();
    expect(reasons.filter((reason) => reason === 'too-large')).toHaveLength(3);
    expect(reasons).toHaveLength(6);
    figure(test, `RSS +${rise.toFixed(0)} MB`);
    expect(rise).toBeLessThan(300);
  });
  it('row 33: every codec goes through the line', MINUTES, async () => {
    const codecs = kafkajs.CompressionTypes;
    // this version of Node.js may not write it by itself
    const { compress } = await import('zstd-napi');
    const zstd = (kafkajs.CompressionCodecs[codecs.ZSTD] as () => { decompress(bytes: Buffer): Promise<Buffer> })();
    kafkajs.CompressionCodecs[codecs.ZSTD] = () => ({
      ...zstd,
      compress: async ({ buffer }: { buffer: Buffer }) => compress(buffer),
    });
    const { line, refused } = await start();
    const messages = [...ticksOf(INPUT)];
    const each = [codecs.None, codecs.GZIP, codecs.Snappy, codecs.LZ4, codecs.ZSTD];
    const part = Math.ceil(messages.length / each.length);
    for (const [i, codec] of each.entries()) await trial.send(messages.slice(i * part, (i + 1) * part), codec);
    trial.extra = 0;
    await concluded(line);
    expect(await refused()).toEqual([]);
  });
});

describe('ticks that come wrongly', () => {
  it('rows 24, 25: shuffled within the lateness, each one to three times: the same result', MINUTES, async () => {
    const clean = 'lateness: 5m\nduplicates: first';
    const tidy = await unbroken({ input: INPUT, clean });
    const { line, refused } = await start({ clean });
    const random = new Random(24);
    const copies = [...ticksOf(INPUT)].flatMap((message) =>
      Array.from({ length: 1 + random.below(3) }, () => ({ message, at: Number(message.timestamp) + random.below(290_000) })),
    );
    const shuffled = copies.sort((a, b) => a.at - b.at).map(({ message }) => message);
    await trial.send(shuffled);
    trial.extra = shuffled.length - INPUT.series * INPUT.rows;
    await concluded(line, tidy);
    const reasons = await refused();
    expect(reasons).toHaveLength(trial.extra);
    expect(new Set(reasons)).toEqual(new Set(['duplicate']));
  });
  it('row 27: from the year 2099: refused, and the later ones are forecast as ever', MINUTES, async () => {
    const { line, refused } = await start({ clean: 'max_ahead: 1h' });
    await trial.feed(0, GOOD);
    await trial.send([bad(tick({ ts: Date.parse('2099-01-01T00:00:00Z') })), bad(tick({ ts: 8.6e15 }))]);
    await trial.feed(GOOD);
    await trial.finish();
    expect(await line.stop(), line.said.slice(-2000)).toBe(0);
    const { states, ...points } = await trial.outcome();
    // its series remembers what was refused: should more of its kind come, it would be believed
    const known = new Map([...states, ['series-0', wanted.states.get('series-0')!]]);
    expectSame({ ...points, states: known }, wanted);
    const reasons = await refused();
    expect(reasons).toHaveLength(2);
    expect(reasons).toContain('future');
  });
  it(
    'row 28: of 20,000 new series when every lane is taken: dead letters, and the known series stay bit-equal',
    MINUTES,
    async (test) => {
      const { line, refused } = await start({ state: `checkpoint: 100ms\nmax_lanes: ${INPUT.series}` });
      await trial.feed(0, GOOD);
      await until('all are known', async () => (await line.metric('tidecast_series_open')) === INPUT.series);
      const before = line.memory;
      const watch = line.watchMemory();
      const strangers = Array.from({ length: 20_000 }, (_, i) => ({ ...bad(tick({}), `stranger-${i}`), partition: i % 2 }));
      await trial.send(strangers);
      await trial.feed(GOOD);
      await trial.finish();
      figure(test, `RSS +${(watch() - before).toFixed(0)} MB`);
      await concluded(line);
      const reasons = await refused();
      expect(reasons).toHaveLength(20_000);
      expect(new Set(reasons)).toEqual(new Set(['lanes-full']));
      const series = await influxQuery(influxUrl(), 'SHOW TAG VALUES FROM "forecast" WITH KEY = "series"', {
        database: trial.database,
      });
      expect(series.flatMap(({ values }) => values)).toHaveLength(INPUT.series);
    },
  );
});
