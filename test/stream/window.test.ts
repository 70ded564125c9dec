import fc from 'fast-check';
import { of, Subject } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import { type Reject, ROW_IMPUTED, ROW_RESET, type RowBatch, type TickBatch } from '../../src/core/batch.ts';
import { State } from '../../src/core/state.ts';
import { window, type WindowOptions } from '../../src/stream/window.ts';
import { calendar } from '../../src/window/calendar.ts';
import type { BarField } from '../../src/window/fields.ts';
import { batchOf, feed, type Item, interleave, type LineOptions, type Row, rowsOf, type Tick } from '../support/ticks.ts';

const SEED = 20_240_502;
const tick = (key: string, time: number, value = 1): Tick => ({ key, time, values: [value] });
const bars = (interval: number) => calendar({ interval, bars: true });
const sums: BarField[] = [
  { name: 'open', channel: 0, of: 'open' },
  { name: 'high', channel: 0, of: 'high' },
  { name: 'low', channel: 0, of: 'low' },
  { name: 'close', channel: 0, of: 'close' },
  { name: 'mean', channel: 0, of: 'mean' },
  { name: 'sum', channel: 0, of: 'sum' },
  { name: 'count', channel: 0, of: 'count' },
];

/** Rows by series, in order of leaving, of batches and watermarks. */
function run(options: Omit<WindowOptions, 'channels'>, groups: (readonly Tick[] | number)[]) {
  const state = new State();
  const source = new Subject<TickBatch>();
  const rows: [string, ...Row][] = [];
  const rejects: Reject[] = [];
  source.pipe(window(state, { channels: 1, reject: (one) => rejects.push(one), ...options })).subscribe((batch) => {
    for (const [key, row] of rowsOf(state, batch)) rows.push([key, ...row]);
  });
  for (const group of groups) source.next(typeof group === 'number' ? batchOf(state, [], 0, group) : batchOf(state, group));
  return { rows, rejects };
}

describe('window: as an operator', () => {
  const scheduler = () => new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  const state = new State();
  const batches: Record<string, TickBatch> = {
    a: batchOf(state, [tick('a', 1)]),
    b: batchOf(state, [tick('b', 1)]),
    c: batchOf(state, [tick('a', 6), tick('b', 7)]),
    l: batchOf(state, [tick('a', 2)]),
    w: batchOf(state, [], 0, 5),
  };
  const windower = (reject?: () => void) => {
    const own = new State();
    own.restore(state.snapshot());
    const rows = window(own, { grid: 5, channels: 1, clock: bars(5), reject });
    return (source: Parameters<typeof rows>[0]) => rows(source);
  };
  const shown = (batch: RowBatch): string => rowsOf(state, batch).join(' ');

  it.each([
    ['never', '-', '-'],
    ['empty', '|', '|'],
    ['one: its bar stays open', '-a-|', '---|'],
    ['many', '-a-c-|', '---x-|'],
    ['two series interleaved', '-a-b-c-|', '-----y-|'],
    ['a watermark closes a bar', '-a-w-|', '---z-|'],
    ['a late tick is left out', '-c-l-|', '-----|'],
    ['an error is forwarded', '-a-c-#', '---x-#'],
  ])('%s', (_, input, output) => {
    const values: Record<string, string> = { x: 'a,5,0,1,0,1', y: 'a,5,0,1,0,1 b,5,0,1,0,1', z: 'a,5,0,1,0,1' };
    scheduler().run(({ hot, expectObservable }) => {
      const rows = new Subject<string>();
      hot(input, batches)
        .pipe(windower())
        .subscribe({ next: (batch) => rows.next(shown(batch)), error: (e) => rows.error(e), complete: () => rows.complete() });
      expectObservable(rows).toBe(output, values);
    });
  });

  it('unsubscribes early from its source', () => {
    scheduler().run(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-a-b-c-|', batches);
      expectObservable(source.pipe(windower()), '^---!').toBe('-----');
      expectSubscriptions(source.subscriptions).toBe('^---!');
    });
  });

  it('sends an error when `reject` throws', () => {
    scheduler().run(({ hot, expectObservable }) => {
      const broken = windower(() => {
        throw 'full';
      });
      expectObservable(hot('-c-l-a-|', batches).pipe(broken)).toBe('---#', {}, 'full');
    });
  });

  it.each([
    ['WINDOW_SLIDE', { grid: 10, slide: 3, clock: bars(3) }],
    ['WINDOW_GRID', { grid: 10, slide: 5, clock: bars(10) }],
    ['WINDOW_GRID', { grid: 10, clock: calendar({ interval: 10 }) }],
    ['WINDOW_GRID', { grid: 'rows', clock: bars(10) }],
    ['WINDOW_DURATION', { grid: 'soon', clock: bars(3) }],
    ['WINDOW_FIELD', { grid: 3, clock: bars(3), fields: [{ name: 'x', channel: 1, of: 'sum' }] }],
  ] as [string, Omit<WindowOptions, 'channels'>][])('refuses wrong options: %s', (code, options) => {
    expect(() => window(new State(), { channels: 1, ...options })).toThrow(expect.objectContaining({ code }));
  });
});

describe('grid: rows', () => {
  const clock = calendar({ interval: 10 });

  it('every tick is a row, one step from the last; elapsed carries the time', () => {
    const { rows } = run({ grid: 'rows', clock }, [
      [tick('a', 10), tick('b', 11), tick('a', 20)],
      [tick('a', 95), tick('a', 95)],
    ]);
    expect(rows.filter(([key]) => key === 'a').map(([, time, elapsed, steps, flags]) => [time, elapsed, steps, flags])).toEqual([
      [10, 0, 1, 0],
      [20, 10, 1, 0],
      [95, 75, 1, 0],
      [95, 0, 1, 0],
    ]);
  });

  it('lays several channels out row by row', () => {
    const state = new State();
    const ticks = [1, 2].map((time) => ({ key: 'a', time, values: [time, time * 10, time * 100] }));
    let values: number[] = [];
    of(batchOf(state, ticks))
      .pipe(window(state, { grid: 'rows', channels: 3, clock }))
      .subscribe((batch) => (values = [...batch.values]));
    expect(values).toEqual([1, 10, 100, 2, 20, 200]);
  });

  it('forward-fill writes the missing rows, up to its limit; a longer gap resets', () => {
    const gaps = { policy: 'forward-fill', limit: 2 } as const;
    const { rows } = run({ grid: 'rows', clock, gaps }, [
      [tick('a', 0, 7), tick('a', 15, 8), tick('a', 46, 9), tick('a', 90, 1)],
    ]);
    expect(rows.map(([, ...row]) => row)).toEqual([
      [0, 0, 1, 0, 7],
      [15, 15, 1, 0, 8],
      [25, 10, 1, ROW_IMPUTED, 8],
      [35, 20, 1, ROW_IMPUTED, 8],
      [46, 31, 1, 0, 9],
      [90, 44, 1, ROW_RESET, 1],
    ]);
  });

  it('a tick from the year 2099 does not write millions of rows', () => {
    const gaps = { policy: 'forward-fill' } as const;
    expect(run({ grid: 'rows', clock, gaps }, [[tick('a', 0), tick('a', Date.UTC(2099, 0))]]).rows).toHaveLength(2);
  });

  it('a closed market is no gap', () => {
    const session = { open: '09:30', close: '16:00', time_zone: 'America/New_York' };
    const market = calendar({ interval: '30m', session });
    const gaps = { policy: 'reset', limit: 0 } as const;
    const at = (text: string) => tick('a', Date.parse(text));
    const ticks = [at('2024-03-08T20:30:00Z'), at('2024-03-11T13:30:00Z'), at('2024-03-11T15:00:00Z')];
    expect(run({ grid: 'rows', clock: market, gaps }, [ticks]).rows.map((row) => row[4])).toEqual([0, 0, ROW_RESET]);
  });
});

describe('grid: bars', () => {
  it('a bar is [start, end), stamped with its end', () => {
    const ticks = [tick('a', 0, 3), tick('a', 4.9, 5), tick('a', 4.9, 1), tick('a', 5, 9), tick('a', 12, 4)];
    const { rows } = run({ grid: 5, clock: bars(5), fields: sums }, [ticks, 15]);
    expect(rows).toEqual([
      ['a', 5, 0, 1, 0, 3, 5, 1, 1, 3, 9, 3],
      ['a', 10, 5, 1, 0, 9, 9, 9, 9, 9, 9, 1],
      ['a', 15, 5, 1, 0, 4, 4, 4, 4, 4, 4, 1],
    ]);
  });

  it('only bars whose end is reached are closed by a watermark', () => {
    const ticks = [tick('a', 1), tick('b', 6)];
    expect(run({ grid: 5, clock: bars(5) }, [ticks, 4.9]).rows).toEqual([]);
    expect(run({ grid: 5, clock: bars(5) }, [ticks, 5]).rows.map(([key, time]) => [key, time])).toEqual([['a', 5]]);
    expect(run({ grid: 5, clock: bars(5) }, [ticks, 10, 20]).rows).toHaveLength(2);
    expect(run({ grid: 5, clock: bars(5) }, [ticks, Infinity, NaN, [tick('a', 11), tick('c', 1)], Infinity]).rows).toHaveLength(
      4,
    );
  });

  it('row 24: a tick of a bar that a watermark closed is late', () => {
    const { rows, rejects } = run({ grid: 5, clock: bars(5) }, [[tick('a', 1)], 5, [tick('a', 4), tick('a', 5, 2)], 10]);
    expect(rejects).toMatchObject([{ reason: 'late', series: 'a', time: 4, values: [1] }]);
    expect(rows.map(([, time, , , , value]) => [time, value])).toEqual([
      [5, 1],
      [10, 2],
    ]);
  });

  it('row 11: sums of 1e308 stay finite', () => {
    const { rows } = run({ grid: 5, clock: bars(5), fields: sums }, [
      [tick('a', 0, 1e308), tick('a', 1, 1e308), tick('a', 2, 1e308)],
      5,
    ]);
    for (const value of rows[0]!.slice(1)) expect(Number.isFinite(value)).toBe(true);
  });

  it('sliding bars overlap; each is written once its end is passed', () => {
    const ticks = [tick('a', 1, 1), tick('a', 6, 2), tick('a', 11, 4), tick('a', 31, 8)];
    const { rows } = run({ grid: 15, slide: 5, clock: bars(5), fields: [sums[5]!] }, [ticks, 45]);
    expect(rows.map(([, time, , , , sum]) => [time, sum])).toEqual([
      [5, 1],
      [10, 3],
      [15, 7],
      [20, 6],
      [25, 4],
      [35, 8],
      [40, 8],
      [45, 8],
    ]);
  });

  it('sliding bars close one by one with the watermark', () => {
    const fields = [sums[5]!];
    const { rows, rejects } = run({ grid: 15, slide: 5, clock: bars(5), fields }, [
      [tick('a', 1, 1)],
      5,
      5,
      9,
      10,
      [tick('a', 9), tick('a', 11, 2)],
      15,
      20,
      25,
    ]);
    expect(rows.map(([, time, , , , sum]) => [time, sum])).toEqual([
      [5, 1],
      [10, 1],
      [15, 3],
      [20, 2],
      [25, 2],
    ]);
    expect(rejects).toHaveLength(1);
  });

  it('a long gap is only counted with mask', () => {
    const { rows } = run({ grid: 5, clock: bars(5) }, [[tick('a', 1), tick('a', 501)], 505]);
    expect(rows.map(([, ...row]) => row)).toEqual([
      [5, 0, 1, 0, 1],
      [505, 500, 100, 0, 1],
    ]);
  });

  it('gaps: mask counts steps, forward-fill repeats prices with no volume, reset resets', () => {
    const ticks = [tick('a', 1, 4), tick('a', 2, 6), tick('a', 16, 7)];
    const shape = (gaps: WindowOptions['gaps']) =>
      run({ grid: 5, clock: bars(5), fields: [sums[1]!, sums[5]!, sums[6]!], gaps }, [ticks, 20]).rows.map(([, ...row]) => row);
    const first = [5, 0, 1, 0, 6, 10, 2];
    expect(shape(undefined)).toEqual([first, [20, 15, 3, 0, 7, 7, 1]]);
    expect(shape({ policy: 'forward-fill', limit: 2 })).toEqual([
      first,
      [10, 5, 1, ROW_IMPUTED, 6, 0, 0],
      [15, 10, 1, ROW_IMPUTED, 6, 0, 0],
      [20, 15, 1, 0, 7, 7, 1],
    ]);
    expect(shape({ policy: 'forward-fill', limit: 1 })).toEqual([first, [20, 15, 3, ROW_RESET, 7, 7, 1]]);
    expect(shape({ policy: 'reset', limit: 1 })).toEqual([first, [20, 15, 3, ROW_RESET, 7, 7, 1]]);
    expect(shape({ policy: 'reset', limit: 2 })).toEqual([first, [20, 15, 3, 0, 7, 7, 1]]);
  });

  it('a night and a weekend are no gap', () => {
    const session = { open: '09:30', close: '16:00', time_zone: 'America/New_York', holidays: ['2024-03-11'] };
    const clock = calendar({ interval: '5m', bars: true, session });
    const at = (text: string) => tick('a', Date.parse(text));
    const ticks = [at('2024-03-08T20:56:00Z'), at('2024-03-12T13:31:00Z'), at('2024-03-12T13:45:00Z')];
    const { rows } = run({ grid: '5m', clock }, [ticks, Date.UTC(2025, 0)]);
    expect(rows.map(([, time, , steps]) => [new Date(time).toISOString(), steps])).toEqual([
      ['2024-03-08T21:00:00.000Z', 1],
      ['2024-03-12T13:35:00.000Z', 1],
      ['2024-03-12T13:50:00.000Z', 3],
    ]);
  });

  it('takes any series name', () => {
    const names = ['a\nb', '🌊', '__proto__', 'constructor', '', 'x'.repeat(65_536)];
    const items: Item[] = [...names, ...names.reverse()].map((key, i) => tick(key, i));
    const options: LineOptions = { clean: { targets: 1, lateness: 3 }, window: { grid: 5, clock: bars(5) } };
    const whole = feed([...items, { watermark: 100 }], options);
    expect([...whole.rows.keys()].sort()).toEqual(names.sort());
    expect(feed([...items, { watermark: 100 }], options, { restart: () => true })).toEqual(whole);
  });
});

describe(`exactness of bars (seed ${SEED})`, () => {
  const LENGTH = 20;
  const ticks = fc
    .array(fc.record({ series: fc.nat(19), step: fc.integer({ min: -8, max: 15 }), a: fc.integer({ min: -99, max: 99 }) }), {
      maxLength: 150,
    })
    .map((steps) => {
      const clock = new Map<number, number>();
      return steps.map(({ series, step, a }): Tick => {
        const time = (clock.get(series) ?? 0) + step;
        clock.set(series, time);
        return { key: `s${series}`, time, values: [a / 10] };
      });
    });
  const end: Item = { watermark: 1e6 };
  const where = (seed: number, every: number) => (at: number) =>
    ((at + 1) * 2_654_435_761 + seed * 40_503) % 4_294_967_296 < 4_294_967_296 / every;
  const line = (lateness: number, slide: number, policy: 'mask' | 'forward-fill'): LineOptions => ({
    clean: { targets: 1, lateness, duplicates: 'keep' },
    window: { grid: LENGTH, slide, clock: bars(slide), fields: sums, gaps: { policy, limit: 2 } },
  });

  /** Sorts, groups and adds up, all at once. */
  function reference(given: readonly Tick[], lateness: number, slide: number): Map<string, number[][]> {
    const kept = new Map<string, Tick[]>();
    const newest = new Map<string, number>();
    for (const one of given) {
      const before = newest.get(one.key) ?? -Infinity;
      if (one.time < before - lateness) continue;
      newest.set(one.key, Math.max(before, one.time));
      kept.set(one.key, [...(kept.get(one.key) ?? []), one]);
    }
    const rows = new Map<string, number[][]>();
    for (const [key, list] of kept) {
      const sorted = [...list].sort((a, b) => a.time - b.time);
      const from = Math.floor(sorted[0]!.time / slide) * slide;
      const own: number[][] = [];
      for (let stamp = from + slide; stamp <= sorted.at(-1)!.time + LENGTH; stamp += slide) {
        const panes: number[][] = [];
        for (let pane = stamp - LENGTH; pane < stamp; pane += slide) {
          const inside = sorted.filter(({ time }) => time >= pane && time < pane + slide).map(({ values }) => values[0]!);
          if (inside.length > 0) panes.push(inside);
        }
        const all = panes.flat();
        if (all.length === 0) continue;
        const sum = panes.map((pane) => pane.reduce((a, b) => a + b)).reduce((a, b) => a + b);
        own.push([stamp, all[0]!, Math.max(...all), Math.min(...all), all.at(-1)!, sum / all.length, sum, all.length]);
      }
      rows.set(key, own);
    }
    return rows;
  }

  it.each([
    [0, 20],
    [10, 20],
    [0, 5],
    [10, 4],
  ])('equal the plain reference (lateness %i, slide %i)', (lateness, slide) => {
    fc.assert(
      fc.property(ticks, (given) => {
        const { rows } = feed([...given, end], line(lateness, slide, 'mask'));
        const got = new Map([...rows].map(([key, list]) => [key, list.map(([time, , , , ...values]) => [time, ...values])]));
        expect(got).toEqual(reference(given, lateness, slide));
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it.each([
    [0, 20],
    [10, 5],
  ])('any interleaving, any split, any restart: the same rows (lateness %i, slide %i)', (lateness, slide) => {
    fc.assert(
      fc.property(ticks, fc.nat(), fc.nat(), (given, mix, cuts) => {
        const options = line(lateness, slide, 'forward-fill');
        const whole = feed([...given, end], options);
        const other = feed([...interleave(given, mix), end], options, { before: where(cuts, 3), restart: where(cuts + 1, 8) });
        expect(other.rows).toEqual(whole.rows);
        expect(other.hash).toBe(whole.hash);
        expect(feed([...given, end], options, { restart: () => true })).toEqual(whole);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });

  it('bars partition the ticks: counts add up to the ticks accepted, sums to their sum', () => {
    fc.assert(
      fc.property(ticks, (given) => {
        const whole = given.map((one) => ({ ...one, values: [Math.round(one.values[0]! * 10)] }));
        const { rows, rejects } = feed([...whole, end], line(5, LENGTH, 'mask'));
        const add = (at: number) => [...rows.values()].flat().reduce((sum, row) => sum + row[at]!, 0);
        const refused = rejects.reduce((sum, { values }) => sum + values![0]!, 0);
        expect(add(10)).toBe(given.length - rejects.length);
        expect(add(9) + refused).toBe(whole.reduce((sum, { values }) => sum + values[0]!, 0));
      }),
      { seed: SEED, numRuns: 100 },
    );
  });
});
