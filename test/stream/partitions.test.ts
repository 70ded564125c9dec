/** Rows 26 and 27 of the fault table: neither a silent partition nor a tick from the future holds the line or its retraining. */
import { afterAll, describe, expect, it } from 'vitest';
import type { Source } from '../../src/core/connector.ts';
import { stretch, type StretchEnd } from '../support/stretch.ts';
import { configOf, QUICK_RETRAIN, type Row, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders, steadyRows } from '../support/whole-run.ts';

afterAll(removeFolders);

const MINUTE = 60_000;
const models = ['naive', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
const EVERY = 25 * MINUTE;
/** As `build` has it: a whole interval, and an hour. */
const IDLE_AFTER = EVERY + 60 * MINUTE;
const spec = specOf({ forecast: { models }, retrain: { ...QUICK_RETRAIN, every: EVERY } });

interface PartRow extends Row {
  readonly partition: number;
}

/** Rows of several partitions in order of arrival; each partition has offsets of its own. `live`: a source that does not end. */
function partitioned(rows: readonly PartRow[], batch: number, live = false): Source {
  const next = new Map<number, number>();
  const numbered = rows.map((row) => {
    const offset = next.get(row.partition) ?? 0;
    next.set(row.partition, offset + 1);
    return { ...row, offset };
  });
  return {
    channels: ['c0'],
    bounded: !live,
    async *read(from) {
      const rest = numbered.filter(({ partition, offset }) => offset >= (from?.[String(partition)] ?? 0));
      for (let at = 0; at < rest.length;) {
        let end = at + 1;
        while (end < rest.length && end - at < batch && rest[end]!.partition === rest[at]!.partition) end++;
        const part = rest.slice(at, end);
        const series = [...new Set(part.map((row) => row.series))];
        yield {
          partition: part[0]!.partition,
          series,
          codes: Int32Array.from(part, (row) => series.indexOf(row.series)),
          times: Float64Array.from(part, (row) => row.time),
          channels: [Float64Array.from(part, (row) => row.values[0]!)],
          offsets: Float64Array.from(part, (row) => row.offset),
        };
        at = end;
      }
    },
    close: async () => undefined,
  };
}

const trainings = ({ events }: StretchEnd) =>
  events.filter(({ name }) => name === 'training.started').map(({ payload }) => payload['trigger'] as number);
const run = (rows: readonly PartRow[], batch = 16, live = false) =>
  stretch(spec, { source: partitioned(rows, batch, live), folder: newFolder() });

describe('row 26: an idle partition', () => {
  // four partitions with a series each
  const rows = steadyRows(4, 300).map((row) => ({ ...row, partition: Number(row.series.slice(-1)) }));
  const silence = rows[0]!.time + 60 * MINUTE;
  const silent = rows.filter(({ partition, time }) => partition !== 3 || time <= silence);

  it('row 26: that falls silent holds retraining back for a bounded time only, and the others go on', async () => {
    const whole = await run(rows);
    const end = await run(silent);
    // at the end of the input everything is trained; before it, what the others' rows allowed
    const newest = Math.max(...rows.map(({ time }) => time));
    expect(trainings(end)).toEqual(trainings(whole));
    const live = await stretch(spec, { source: partitioned(silent, 16, true), folder: newFolder(), until: 0 });
    expect(live.rejects).toEqual([]);
    const trainedInTime = new Set(trainings(end).filter((trigger) => trigger < newest - IDLE_AFTER));
    expect(trainedInTime.size).toBeGreaterThanOrEqual(3);
    const issued = [...end.outputs.keys()].filter((id) => !id.endsWith('score') && id.split('|')[2] === '1');
    expect(issued.length).toBe(silent.length);
  });

  it('row 26: when retraining goes on without it depends on rows alone: not on batches or restarts', async () => {
    const one = await stretch(spec, { source: partitioned(silent, 1), folder: newFolder(), keepAt: [300, 500] });
    const other = await run(silent, 50);
    expect(other.outputs).toEqual(one.outputs);
    expect(other.hash).toBe(one.hash);
    for (const from of one.kept.values())
      expect((await stretch(spec, { source: partitioned(silent, 7), folder: newFolder(), from })).hash).toBe(one.hash);
    expect(one.kept.size).toBe(2);
  });

  it('row 26: that lags far behind loses nothing where rows do not wait for weights', async () => {
    const half = rows.length / 2;
    // the second half of three partitions comes before that of the fourth: five hours of event time
    const lagging = [
      ...rows.slice(0, half),
      ...rows.slice(half).filter(({ partition }) => partition !== 3),
      ...rows.slice(half).filter(({ partition }) => partition === 3),
    ];
    const live = (exact: boolean) => stretch(spec, { source: partitioned(lagging, 16, true), folder: newFolder(), exact });
    expect((await live(false)).rejects).toEqual([]);
    // where they wait, the others were trained on without it
    expect((await live(true)).rejects.length).toBeGreaterThan(0);
  });

  it('row 26: a training happens while the line runs, not only when it ends', async () => {
    const source = partitioned(silent, 16);
    const stopping: Source = {
      ...source,
      async *read(from, signal) {
        for await (const batch of source.read(from, signal)) {
          if (batch.times[0]! > silence + IDLE_AFTER + EVERY) throw new Error('enough');
          yield batch;
        }
      },
    };
    let seen = 0;
    await expect(
      stretch(spec, {
        source: stopping,
        folder: newFolder(),
        runner: async () => {
          seen++;
          throw new Error('counted');
        },
      }),
    ).rejects.toThrow('enough');
    const before = trainings(await run(rows)).filter((trigger) => trigger <= silence).length;
    expect(seen).toBeGreaterThan(before);
  });

  it('row 26: what it brings when it comes back is forecast; what lies before the last training is late, and ends nothing', async () => {
    const back = rows.filter(({ partition, time }) => partition !== 3 || time <= silence || time > silence + 200 * MINUTE);
    const tooLate = rows.filter(({ partition, time }) => partition === 3 && time > silence && time <= silence + 5 * MINUTE);
    const at = back.findIndex(({ time }) => time > silence + 190 * MINUTE);
    const end = await run([...back.slice(0, at), ...tooLate, ...back.slice(at)], 16, true);
    expect(end.rejects.map(({ reason, series }) => `${series} ${reason}`)).toEqual(tooLate.map(() => 'series-3 late'));
    const whole = await run(back, 16, true);
    expect(end.outputs).toEqual(whole.outputs);
  });

  it('row 26: a file whose series are not merged by time is still refused', async () => {
    const sorted = [...rows]
      .sort((a, b) => (a.series < b.series ? -1 : a.series > b.series ? 1 : a.time - b.time))
      .map((row) => ({ ...row, partition: 0 }));
    await expect(run(sorted)).rejects.toMatchObject({ code: 'INGEST_NOT_IN_TIME_ORDER' });
  });
});

describe('row 27: a tick from the year 2099', () => {
  const rows = steadyRows(2, 110).map((row) => ({ ...row, partition: 0 }));
  const future = (row: PartRow): PartRow => ({ ...row, time: Date.UTC(2099, 0, 1) });

  it.each(['exact', 'asap'])('row 27: fires no trigger and changes no bit (%s)', async (swap) => {
    const exact = swap === 'exact';
    const settings = {
      exact,
      folder: newFolder(),
      ...(exact ? {} : { runner: async () => Promise.reject(new Error('no weights: when they come is chance')) }),
    };
    const whole = await stretch(spec, { ...settings, source: partitioned(rows, 16) });
    for (const at of [5, 77, 150]) {
      const poisoned = [...rows.slice(0, at), future(rows[at]!), ...rows.slice(at)];
      for (const batch of [1, 33]) {
        const end = await stretch(spec, { ...settings, folder: newFolder(), source: partitioned(poisoned, batch) });
        expect(end.outputs).toEqual(whole.outputs);
        expect(trainings(end)).toEqual(trainings(whole));
        expect(end.rejects.map(({ reason, offset }) => `${reason} ${offset}`)).toEqual([`future ${at}`]);
        // what it remembers of the refusal is the only difference
        const clean = (hash: StretchEnd) => hash.state.lanes.columns.map(({ name }) => name);
        expect(clean(end)).toEqual(clean(whole));
      }
    }
  });

  it('row 27: and does not keep its series from being evicted', async () => {
    const idle = specOf({ forecast: { models: [models[0]!] }, state: { time_to_live: 10 * MINUTE } });
    const quiet = rows.filter(({ series }, i) => series === 'series-1' || i < 20);
    const poisoned = [...quiet.slice(0, 20), future(rows[18]!), ...quiet.slice(20)];
    const end = await stretch(idle, { source: partitioned(poisoned, 8), folder: newFolder() });
    expect(end.events.filter(({ name }) => name === 'series.evicted').map(({ payload }) => payload['series'])).toEqual([
      'series-0',
    ]);
  });

  it('row 27: four that agree are believed: the series did pause for so long', async () => {
    const later = [0, 1, 2, 3, 4].map((n) => ({ ...future(rows[0]!), time: Date.UTC(2099, 0, 1) + n * MINUTE }));
    const end = await stretch(spec, { source: partitioned([...rows, ...later], 16), folder: newFolder() });
    expect(end.rejects.map(({ reason }) => reason)).toEqual(['future', 'future', 'future']);
    expect([...end.outputs.keys()].filter((id) => id.includes(`|${later[4]!.time}`)).length).toBeGreaterThan(0);
  });
});
