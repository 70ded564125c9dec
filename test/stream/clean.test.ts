import fc from 'fast-check';
import { EMPTY, NEVER, of, Subject, throwError } from 'rxjs';
import { TestScheduler } from 'rxjs/testing';
import { describe, expect, it } from 'vitest';
import type { Reject, TickBatch } from '../../src/core/batch.ts';
import { State } from '../../src/core/state.ts';
import { clean, type CleanOptions } from '../../src/stream/clean.ts';
import { calendar } from '../../src/window/calendar.ts';
import { batchOf, feed, type Item, interleave, type LineOptions, type Tick } from '../support/ticks.ts';

const SEED = 20_240_501;

const tick = (key: string, time: number, value = 1, id?: number): Tick => ({ key, time, values: [value], id });

/** Feeds one batch a group of ticks; gives `[series, time, value]` of what passes and the reasons of what does not. */
function run(options: Partial<CleanOptions>, groups: (readonly Tick[] | number)[]) {
  const state = new State();
  const source = new Subject<TickBatch>();
  const passed: [string, number, number][] = [];
  const rejects: Reject[] = [];
  source.pipe(clean(state, { targets: 1, reject: (one) => rejects.push(one), ...options })).subscribe((batch) => {
    batch.times.forEach((time, i) => passed.push([state.lanes.keys[batch.lanes[i]!]!, time, batch.channels[0]![i]!]));
  });
  let offset = 0;
  for (const group of groups) {
    if (typeof group === 'number') source.next(batchOf(state, [], offset, group));
    else source.next(batchOf(state, group, offset));
    offset += typeof group === 'number' ? 0 : group.length;
  }
  return { passed, rejects, reasons: rejects.map(({ offset: at, reason }) => `${at} ${reason}`) };
}

describe('clean: as an operator', () => {
  const scheduler = () => new TestScheduler((actual, expected) => expect(actual).toEqual(expected));
  const state = new State();
  const batches: Record<string, TickBatch> = {
    a: batchOf(state, [tick('a', 1)]),
    b: batchOf(state, [tick('b', 1)]),
    c: batchOf(state, [tick('a', 2), tick('b', 2)]),
    l: batchOf(state, [tick('a', 0)]),
    w: batchOf(state, [], 0, 5),
  };
  const cleaner = (reject?: () => void) => {
    const own = new State();
    own.restore(state.snapshot());
    return clean(own, { targets: 1, reject });
  };

  it.each([
    ['never', '-', '-'],
    ['empty', '|', '|'],
    ['empty after a while', '---|', '---|'],
    ['one', '-a-|', '-a-|'],
    ['many', '-a-b-c-|', '-a-b-c-|'],
    ['two series interleaved', '-a-b-c-', '-a-b-c-'],
    ['a late tick is left out', '-c-l-|', '-c---|'],
    ['a watermark without ticks passes', '-a-w-|', '-a-w-|'],
    ['an error is forwarded', '-a-b-#', '-a-b-#'],
    ['an error alone is forwarded', '#', '#'],
  ])('%s', (_, input, output) => {
    scheduler().run(({ hot, expectObservable }) => {
      expectObservable(hot(input, batches).pipe(cleaner())).toBe(output, batches);
    });
  });

  it('unsubscribes early from its source', () => {
    scheduler().run(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-a-b-c-|', batches);
      expectObservable(source.pipe(cleaner()), '^---!').toBe('-a-b-', batches);
      expectSubscriptions(source.subscriptions).toBe('^---!');
    });
  });

  it('sends an error when `reject` throws, and lets go of its source', () => {
    scheduler().run(({ hot, expectObservable, expectSubscriptions }) => {
      const source = hot('-c-l-a-|', batches);
      const broken = cleaner(() => {
        throw 'full';
      });
      expectObservable(source.pipe(broken)).toBe('-c-#', batches, 'full');
      expectSubscriptions(source.subscriptions).toBe('^--!');
    });
  });

  it('takes synchronous sources', () => {
    const seen: string[] = [];
    const observer = { next: () => seen.push('next'), error: () => seen.push('error'), complete: () => seen.push('complete') };
    of(batches.a!, batches.b!).pipe(cleaner()).subscribe(observer);
    EMPTY.pipe(cleaner()).subscribe(observer);
    throwError(() => 'broken')
      .pipe(cleaner())
      .subscribe(observer);
    NEVER.pipe(cleaner()).subscribe(observer).unsubscribe();
    expect(seen).toEqual(['next', 'next', 'complete', 'complete', 'error']);
  });

  it('passes a batch on as it is when nothing is refused', () => {
    const own = new State();
    const batch = batchOf(own, [tick('a', 1), tick('b', 1), tick('a', 2)]);
    let got: TickBatch | undefined;
    of(batch)
      .pipe(clean(own, { targets: 1 }))
      .subscribe((out) => (got = out));
    expect(got).toBe(batch);
  });

  it('refuses a batch with another number of channels', () => {
    const own = new State();
    let problem: unknown;
    of(batchOf(own, [tick('a', 1)]))
      .pipe(clean(own, { targets: 1, channels: 2 }))
      .subscribe({ error: (e: unknown) => (problem = e) });
    expect(problem).toMatchObject({ code: 'STREAM_CHANNELS' });
  });

  it('refuses durations that cannot be read', () => {
    expect(() => clean(new State(), { targets: 1, lateness: 'soon' })).toThrow(
      expect.objectContaining({ code: 'WINDOW_DURATION' }),
    );
  });
});

describe('row 11: values that are not finite', () => {
  it('refuses NaN, Infinity and null, and takes 1e308', () => {
    const { passed, reasons } = run({}, [
      [tick('a', 1, NaN), tick('a', 2, Infinity), tick('a', 3, -Infinity), tick('a', 4, 1e308), tick('a', 5, -1e308)],
    ]);
    expect(passed).toEqual([
      ['a', 4, 1e308],
      ['a', 5, -1e308],
    ]);
    expect(reasons).toEqual(['0 not-finite', '1 not-finite', '2 not-finite']);
  });

  it('refuses a tick without a usable time', () => {
    const { passed, reasons } = run({}, [
      [tick('a', NaN), tick('a', Infinity), tick('a', -Infinity), tick('a', 9e15), tick('a', 7)],
    ]);
    expect(passed).toEqual([['a', 7, 1]]);
    expect(reasons).toEqual(['0 no-time', '1 no-time', '2 no-time', '3 no-time']);
  });

  it('a refused value does not move the clock of its series', () => {
    const { passed, reasons } = run({}, [[tick('a', 1), tick('a', 9, NaN), tick('a', 2)]]);
    expect(passed.map(([, time]) => time)).toEqual([1, 2]);
    expect(reasons).toEqual(['1 not-finite']);
  });

  it('row 36: a covariate that is null keeps its last value, and is 0 before its first', () => {
    const state = new State();
    const got: number[][] = [];
    const ticks = [
      [1, NaN],
      [2, 5],
      [3, NaN],
      [NaN, 6],
      [4, Infinity],
    ].map((values, time) => ({ key: 'a', time, values }));
    of(batchOf(state, ticks))
      .pipe(clean(state, { targets: 1, channels: 2 }))
      .subscribe((batch) => got.push([...batch.channels[1]!]));
    expect(got).toEqual([[0, 5, 5, 5]]);
  });

  it('tells place, series, time and values of what it refuses', () => {
    const { rejects } = run({}, [[tick('__proto__', 1), tick('a\nb 🌊', 8, NaN)]]);
    expect(rejects).toEqual([{ partition: 0, offset: 1, reason: 'not-finite', series: 'a\nb 🌊', time: 8, values: [NaN] }]);
  });
});

describe('row 24: late and out-of-order ticks', () => {
  it('with lateness 0 an older tick is late, one at the same time is not', () => {
    const { passed, reasons } = run({ duplicates: 'keep' }, [[tick('a', 5), tick('a', 4), tick('a', 5), tick('b', 1)]]);
    expect(passed.map(([key, time]) => key + time)).toEqual(['a5', 'a5', 'b1']);
    expect(reasons).toEqual(['1 late']);
  });

  it('with lateness ticks come out in order, and one beyond it is counted', () => {
    const { passed, reasons } = run({ lateness: 3 }, [
      [tick('a', 5), tick('a', 3), tick('a', 4), tick('a', 8), tick('a', 4.5)],
      100,
    ]);
    expect(passed.map(([, time]) => time)).toEqual([3, 4, 5, 8]);
    expect(reasons).toEqual(['4 late']);
  });

  it('a watermark lets go of every series; what is older than the last released is late, what is newer is not', () => {
    const { passed, reasons } = run({ lateness: 10 }, [
      [tick('a', 5), tick('b', 7)],
      6,
      [tick('a', 4), tick('a', 5.5), tick('b', 6.5)],
      20,
    ]);
    expect(passed.map(([key, time]) => key + time)).toEqual(['a5', 'a5.5', 'b6.5', 'b7']);
    expect(reasons).toEqual(['2 late']);
  });

  it('ticks of one time keep their order of arrival', () => {
    const { passed } = run({ lateness: 2, duplicates: 'keep' }, [
      [tick('a', 2, 1), tick('a', 1, 2), tick('a', 2, 3), tick('a', 1, 4)],
      9,
    ]);
    expect(passed.map(([, , value]) => value)).toEqual([2, 4, 1, 3]);
  });

  it('one series never makes another late', () => {
    const { reasons } = run({}, [[tick('a', 1e12), tick('b', 1), tick('c', -5)]]);
    expect(reasons).toEqual([]);
  });
});

describe('row 25: duplicate ticks', () => {
  const sent = (times: number): Tick[] =>
    [tick('a', 1, 1, 7), tick('a', 1, 2, 8), tick('a', 2, 3, 7), tick('b', 1, 4, 7)].flatMap((one) =>
      Array.from({ length: times }, () => one),
    );

  it.each([1, 2, 3])('each tick sent %i times is used once', (times) => {
    for (const lateness of [0, 5]) {
      const { passed, reasons } = run({ lateness }, [sent(times), 100]);
      expect(passed).toHaveLength(4);
      expect(reasons).toHaveLength(4 * (times - 1));
    }
  });

  it('`keep` keeps them all', () => {
    expect(run({ duplicates: 'keep' }, [sent(3)]).passed).toHaveLength(12);
  });

  it('without ids, series and time are the identity', () => {
    const { passed, reasons } = run({ duplicates: 'first' }, [
      [tick('a', 1, 1), tick('a', 1, 2)],
      [tick('a', 1, 3), tick('b', 1, 4)],
    ]);
    expect(passed.map(([, , value]) => value)).toEqual([1, 4]);
    expect(reasons).toEqual(['1 duplicate', '2 duplicate']);
  });

  it('a whole batch sent again is refused, held or released', () => {
    const batch = [tick('a', 1, 1, 1), tick('a', 2, 2, 2), tick('a', 2, 3, 3), tick('a', 2, 3, 4)];
    expect(run({}, [batch, batch]).reasons).toEqual(['4 late', '5 duplicate', '6 duplicate', '7 duplicate']);
    expect(run({ lateness: 1 }, [batch, batch, 9]).reasons).toEqual(['4 duplicate', '5 duplicate', '6 duplicate', '7 duplicate']);
    expect(run({ lateness: 1 }, [batch, 9, batch]).reasons).toEqual(['4 late', '5 duplicate', '6 duplicate', '7 duplicate']);
  });

  it('several ids of one time are remembered over a restart', () => {
    const given = [1, 2, 3, 1, 2, 3].flatMap((id) => [tick('a', 1, id, id), tick('b', 1, id, id)]);
    const line: LineOptions = { clean: { targets: 1 }, window: { grid: 'rows', clock: calendar({ interval: 1 }) } };
    const items = [...given, tick('a', 2, 9, 2), tick('a', 2, 9, 1)];
    const whole = feed(items, line);
    expect(whole.rejects).toHaveLength(6);
    expect(feed(items, line, { restart: () => true })).toEqual(whole);
  });

  it('a copy whose first was not finite counts', () => {
    expect(run({}, [[tick('a', 1, NaN, 7), tick('a', 1, 5, 7)]]).passed).toEqual([['a', 1, 5]]);
  });
});

describe('row 27: a tick from the future', () => {
  const Y2099 = Date.UTC(2099, 0);
  const now = Date.UTC(2024, 0);

  it('does not poison its series, though it is sent three times', () => {
    for (const lateness of [0, '1m']) {
      const ticks = [
        tick('a', now),
        tick('a', Y2099),
        tick('a', Y2099),
        tick('a', Y2099),
        tick('a', Y2099),
        tick('a', now + 1),
        tick('a', now + 2),
      ];
      const { passed, reasons } = run({ lateness, duplicates: 'keep' }, [ticks, Y2099]);
      expect(passed.map(([, time]) => time - now)).toEqual([0, 1, 2]);
      expect(reasons).toEqual(['1 future', '2 future', '3 future', '4 future']);
    }
  });

  it('is believed after three that agree: the series did pause', () => {
    const { passed, reasons } = run({}, [[tick('a', now), ...[0, 1, 2, 3, 4].map((n) => tick('a', Y2099 + n))]]);
    expect(passed.map(([, time]) => time)).toEqual([now, Y2099 + 3, Y2099 + 4]);
    expect(reasons).toEqual(['1 future', '2 future', '3 future']);
  });

  it('a good tick between starts the count again', () => {
    const ticks = [0, 1, 2, 3, 4, 5].flatMap((n) => [tick('a', now + n), tick('a', Y2099 + n)]);
    expect(run({}, [ticks]).passed).toHaveLength(6);
  });

  it('can be switched off or bounded', () => {
    expect(run({ maxAhead: Infinity }, [[tick('a', now), tick('a', Y2099)]]).passed).toHaveLength(2);
    expect(run({ maxAhead: '1h' }, [[tick('a', now), tick('a', now + 3_600_001), tick('a', now + 3_600_000)]]).reasons).toEqual([
      '1 future',
    ]);
  });
});

describe('jumps', () => {
  it('refuses a wild value, up or down', () => {
    const { passed, reasons } = run({ maxJump: 10 }, [[10, 500, 12, -500, 11].map((value, time) => tick('a', time, value))]);
    expect(passed.map(([, , value]) => value)).toEqual([10, 12, 11]);
    expect(reasons).toEqual(['1 jump', '3 jump']);
  });

  it('believes a new level after three refused ticks that agree', () => {
    const { passed } = run({ maxJump: 10 }, [[10, 500, 501, 502, 503, 504, 10].map((value, time) => tick('a', time, value))]);
    expect(passed.map(([, , value]) => value)).toEqual([10, 503, 504]);
  });

  it('a good tick between starts the count again', () => {
    const values = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 10 : 500));
    expect(run({ maxJump: 10 }, [values.map((value, time) => tick('a', time, value))]).passed).toHaveLength(10);
  });

  it('copies of one wild tick do not agree with each other', () => {
    const wild = Array.from({ length: 9 }, () => tick('a', 2, 500));
    expect(run({ maxJump: 10, duplicates: 'keep' }, [[tick('a', 1, 10), ...wild]]).reasons).toHaveLength(9);
  });

  it('wild ticks that disagree never win', () => {
    const ticks = Array.from({ length: 20 }, (_, i) => tick('a', i, i === 0 ? 10 : 1000 * (i % 7) + 100));
    expect(run({ maxJump: 10 }, [ticks]).passed).toHaveLength(1);
  });

  it('is judged in order of time, not of arrival', () => {
    const { passed, reasons } = run({ maxJump: 10, lateness: 5 }, [[tick('a', 1, 0), tick('a', 3, 20), tick('a', 2, 10)], 9]);
    expect(passed.map(([, , value]) => value)).toEqual([0, 10, 20]);
    expect(reasons).toEqual([]);
  });
});

describe(`exactness (seed ${SEED})`, () => {
  const options = (lateness: number): LineOptions => ({
    clean: { targets: 1, channels: 2, lateness, maxJump: 60, maxAhead: 50 },
    window: { grid: 'rows', clock: calendar({ interval: 10 }), gaps: { policy: 'forward-fill', limit: 3 } },
  });
  const value = fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: -50, max: 50 }) },
    { weight: 1, arbitrary: fc.constantFrom(NaN, 1e308, Infinity) },
  );
  /** Ticks of up to 20 series whose times wander forwards. */
  const ticks = fc
    .array(
      fc.record({
        series: fc.oneof(fc.nat(2), fc.nat(19)),
        step: fc.oneof(fc.constant(0), fc.integer({ min: -12, max: 20 })),
        a: value,
        b: value,
        id: fc.nat(2),
      }),
      {
        maxLength: 120,
      },
    )
    .map((steps) => {
      const clock = new Map<number, number>();
      return steps.map(({ series, step, a, b, id }): Tick => {
        const time = (clock.get(series) ?? 0) + step;
        clock.set(series, time);
        return { key: `s${series}`, time, values: [a / 3, b / 7], id };
      });
    });
  const end: Item = { watermark: 1e6 };
  const where = (seed: number, every: number) => (at: number) =>
    ((at + 1) * 2_654_435_761 + seed * 40_503) % 4_294_967_296 < 4_294_967_296 / every;

  it.each([0, 10])('any interleaving, any split, any restart: the same rows (lateness %i)', (lateness) => {
    fc.assert(
      fc.property(ticks, fc.nat(), fc.nat(), (given, mix, cuts) => {
        const whole = feed([...given, end], options(lateness));
        const other = feed([...interleave(given, mix), end], options(lateness), {
          before: where(cuts, 3),
          restart: where(cuts + 1, 8),
        });
        expect(other.rows).toEqual(whole.rows);
        expect(other.hash).toBe(whole.hash);
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it.each([0, 10])(
    'watermarks between: any split and a restart at every row give the same rows and rejects (lateness %i)',
    (lateness) => {
      const items = ticks.chain((given) =>
        fc.array(fc.tuple(fc.nat(120), fc.integer({ min: 0, max: 200 })), { maxLength: 4 }).map((marks) => {
          const all: Item[] = [...given];
          for (const [at, watermark] of marks) all.splice(Math.min(at, all.length), 0, { watermark });
          return [...all, end];
        }),
      );
      fc.assert(
        fc.property(items, fc.nat(), (given, cuts) => {
          const whole = feed(given, options(lateness));
          for (const each of [{ before: () => true }, { before: where(cuts, 4) }, { restart: () => true }]) {
            const other = feed(given, options(lateness), each);
            expect(other).toEqual(whole);
          }
        }),
        { seed: SEED, numRuns: 100 },
      );
    },
  );

  it('row 24: any shuffle within the lateness gives the same rows', () => {
    const tickAndDelay = fc.record({
      series: fc.nat(5),
      step: fc.integer({ min: 1, max: 5 }),
      a: fc.integer({ min: -9, max: 9 }),
      delay: fc.integer({ min: 0, max: 10 }),
    });
    fc.assert(
      fc.property(fc.array(tickAndDelay, { maxLength: 100 }), (steps) => {
        let time = 0;
        const given = steps.map(({ series, step, a, delay }, id) => {
          time += step;
          return { key: `s${series}`, time, values: [a, a], id, arrives: time + delay };
        });
        const arrived = [...given].sort((x, y) => x.arrives - y.arrives);
        const line = { ...options(10), clean: { targets: 1, channels: 2, lateness: 10, maxAhead: 1000 } };
        const late = feed([...arrived, end], line);
        expect(late.rejects).toEqual([]);
        expect(late.rows).toEqual(feed([...given, end], line).rows);
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it('an evicted series comes back with its held rows, ids and values', () => {
    const given = Array.from({ length: 60 }, (_, i) => tick(`s${i % 3}`, Math.floor(i / 3) * 2 - (i % 4), i, i % 2));
    const results = [false, true].map((evicting) => {
      const state = new State();
      const store = new Map<string, Uint8Array>();
      state.lanes.spillTo({
        put: (key, bytes) => void store.set(key, bytes.slice()),
        take: (key) => {
          const bytes = store.get(key);
          store.delete(key);
          return bytes;
        },
        peek: (key) => store.get(key),
        keys: () => store.keys(),
      });
      const source = new Subject<TickBatch>();
      const passed: string[] = [];
      const rejects: string[] = [];
      source
        .pipe(
          clean(state, {
            targets: 1,
            lateness: 4,
            maxJump: 1000,
            reject: ({ offset, reason }) => rejects.push(`${offset} ${reason}`),
          }),
        )
        .subscribe((batch) => {
          batch.times.forEach((time, i) =>
            passed.push(`${state.lanes.keys[batch.lanes[i]!]!} ${time} ${batch.channels[0]![i]!}`),
          );
        });
      given.forEach((one, i) => {
        source.next(batchOf(state, [one], i));
        if (evicting)
          for (const key of ['s0', 's1', 's2']) if (state.lanes.find(key) >= 0) state.lanes.evict(state.lanes.find(key));
      });
      source.next(batchOf(state, [], 60, 1e6));
      return { passed: passed.sort(), rejects };
    });
    expect(results[1]).toEqual(results[0]);
  });
});
