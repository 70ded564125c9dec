import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GridClock } from '../../src/forecast/forecaster.ts';
import { type Calendar, calendar, type CalendarOptions } from '../../src/window/calendar.ts';
import { stamped } from '../../src/window/grid.ts';
import { DAY, TimeZone } from '../../src/window/zone.ts';

const SEED = 20_240_503;
const HOUR = 3_600_000;
const MINUTE = 60_000;
const at = (text: string): number => Date.parse(text);
const iso = (time: number): string => new Date(time).toISOString().slice(0, 16);
const newYork = { open: '09:30', close: '16:00', time_zone: 'America/New_York' };

describe('time zones', () => {
  it.each([
    ['2014-03-09', 23],
    ['2014-11-02', 25],
    ['2024-03-10', 23],
    ['2024-11-03', 25],
    ['2024-11-04', 24],
  ])('New York: %s has %i hours', (date, hours) => {
    const zone = new TimeZone('America/New_York');
    const day = at(`${date}T00:00Z`) / DAY;
    expect(zone.instant((day + 1) * DAY) - zone.instant(day * DAY)).toBe(hours * HOUR);
  });

  it('changes at the minute', () => {
    const zone = new TimeZone('America/New_York');
    expect([at('2024-03-10T06:59Z'), at('2024-03-10T07:00Z')].map((time) => zone.offset(time) / HOUR)).toEqual([-5, -4]);
    expect([at('2024-11-03T05:59Z'), at('2024-11-03T06:00Z')].map((time) => zone.offset(time) / HOUR)).toEqual([-4, -5]);
    expect(
      [at('2024-04-06T14:59Z'), at('2024-04-06T15:00Z')].map((time) => new TimeZone('Australia/Lord_Howe').offset(time) / HOUR),
    ).toEqual([11, 10.5]);
  });

  it('knows half-hour zones, and the far past and future', () => {
    expect(new TimeZone('Asia/Kolkata').offset(0)).toBe(5.5 * HOUR);
    expect(new TimeZone('Asia/Kathmandu').offset(at('2024-01-01T00:00Z'))).toBe(5.75 * HOUR);
    for (const time of [-8.64e15, 8.64e15]) expect(Number.isFinite(new TimeZone('Europe/Paris').offset(time))).toBe(true);
  });

  it('an hour that is skipped moves on, one that comes twice is its first', () => {
    const zone = new TimeZone('America/New_York');
    expect(iso(zone.instant(at('2024-03-10T02:30Z')))).toBe('2024-03-10T07:30');
    expect(iso(zone.instant(at('2024-11-03T01:30Z')))).toBe('2024-11-03T05:30');
    // in Havana the clock goes back from 01:00 to midnight, in São Paulo it went on from midnight to 01:00
    expect(iso(new TimeZone('America/Havana').instant(at('2023-11-05T00:00Z')))).toBe('2023-11-05T04:00');
    expect(iso(new TimeZone('America/Sao_Paulo').instant(at('2018-11-04T00:00Z')))).toBe('2018-11-04T03:00');
  });

  it(`agrees with Intl on any instant (seed ${SEED})`, () => {
    const zones = [
      'America/New_York',
      'Asia/Kolkata',
      'Australia/Lord_Howe',
      'Europe/Dublin',
      'Pacific/Apia',
      'Africa/Casablanca',
    ];
    const known = new Map(zones.map((name) => [name, new TimeZone(name)]));
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: at('1975-01-01T00:00Z'), max: at('2035-01-01T00:00Z') }),
        (name, time) => {
          const text = new Date(time).toLocaleString('sv-SE', { timeZone: name });
          expect(new Date(Math.floor(known.get(name)!.local(time) / 1000) * 1000).toISOString().slice(0, 19)).toBe(
            text.replace(' ', 'T'),
          );
        },
      ),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('refuses an unknown zone', () => {
    expect(() => calendar({ interval: '5m', timeZone: 'Mars/Olympus' })).toThrow(
      expect.objectContaining({ code: 'WINDOW_TIME_ZONE' }),
    );
  });
});

describe('sessions', () => {
  const clock = calendar({ interval: '5m', bars: true, session: { ...newYork, holidays: ['2024-07-04'] } });

  it.each([
    ['2024-07-03T13:29Z', false],
    ['2024-07-03T13:30Z', true],
    ['2024-07-03T19:59Z', true],
    ['2024-07-03T20:00Z', false],
    ['2024-07-04T15:00Z', false],
    ['2024-07-05T15:00Z', true],
    ['2024-07-06T15:00Z', false],
    ['2024-01-03T14:29Z', false],
    ['2024-01-03T14:30Z', true],
  ])('%s: %s', (time, open) => {
    expect(clock.isOpen(at(time))).toBe(open);
  });

  it('steps over nights, weekends and holidays', () => {
    expect(iso(clock.after(at('2024-07-03T19:55Z'), 1))).toBe('2024-07-03T20:00');
    expect(iso(clock.after(at('2024-07-03T19:55Z'), 2))).toBe('2024-07-05T13:35');
    expect(iso(clock.after(at('2024-07-03T20:00Z'), 79))).toBe('2024-07-08T13:35');
    expect(clock.steps(at('2024-07-03T20:00Z'), at('2024-07-05T13:35Z'))).toBe(1);
  });

  it('keeps its local hours when the clock is changed', () => {
    expect(iso(clock.after(at('2024-03-08T21:00Z'), 1))).toBe('2024-03-11T13:35');
    expect(iso(clock.after(at('2024-11-01T20:00Z'), 1))).toBe('2024-11-04T14:35');
  });

  it('runs over midnight', () => {
    const futures = calendar({
      interval: '1h',
      bars: true,
      session: { days: 'sun-thu', open: '18:00', close: '17:00', time_zone: 'America/Chicago' },
    });
    expect(
      [
        '2024-07-07T22:59Z',
        '2024-07-07T23:00Z',
        '2024-07-08T05:00Z',
        '2024-07-08T22:00Z',
        '2024-07-12T21:59Z',
        '2024-07-12T23:30Z',
      ].map((time) => futures.isOpen(at(time))),
    ).toEqual([false, true, true, false, true, false]);
    expect(iso(futures.after(at('2024-07-12T22:00Z'), 1))).toBe('2024-07-15T00:00');
  });

  it('cuts the last bar at the close', () => {
    const hours = calendar({ interval: '1h', bars: true, session: newYork });
    expect([19, 20, 21].map((hour) => iso(hours.end(hours.index(at(`2024-07-03T${hour}:31Z`)))))).toEqual(
      ['2024-07-03T20:00', '2024-07-05T14:30', '2024-07-05T14:30'].map((text) => text.replace('07-05', '07-04')),
    );
  });

  it('daily bars end with the close; daily ticks keep their time of day', () => {
    const daily = calendar({ interval: '1d', bars: true, session: newYork });
    expect(iso(daily.after(at('2024-03-08T21:00Z'), 1))).toBe('2024-03-11T20:00');
    const ticks = calendar({ interval: '1d', session: newYork });
    expect(iso(ticks.after(at('2024-03-08T21:00Z'), 1))).toBe('2024-03-11T20:00');
    expect(iso(ticks.after(at('2024-03-09T21:00Z'), 1))).toBe('2024-03-11T20:00');
    expect(ticks.steps(at('2024-03-08T21:00Z'), at('2024-03-12T20:00Z'))).toBe(2);
  });

  it('ticks within sessions: open time is laid end to end', () => {
    const ticks = calendar({ interval: '30m', session: newYork });
    expect(iso(ticks.after(at('2024-07-03T19:45Z'), 1))).toBe('2024-07-04T13:45');
    expect(ticks.after(at('2024-07-03T15:00Z'), 0)).toBe(at('2024-07-03T15:00Z'));
    expect(ticks.steps(at('2024-07-03T19:45Z'), at('2024-07-04T13:45Z'))).toBe(1);
  });

  it.each([
    [{ ...newYork, open: '9h' }],
    [{ ...newYork, close: '25:00' }],
    [{ ...newYork, days: 'mon-funday' }],
    [{ ...newYork, days: [] }],
    [{ ...newYork, holidays: ['4 July'] }],
  ])('refuses %j', (session) => {
    expect(() => calendar({ interval: '5m', session })).toThrow(expect.objectContaining({ code: 'WINDOW_SESSION' }));
  });
});

describe('bars on the calendar', () => {
  it('hours lie on the local clock of a half-hour zone', () => {
    const clock = calendar({ interval: '1h', bars: true, timeZone: 'Asia/Kolkata' });
    expect(iso(clock.end(clock.index(at('2024-01-01T10:15Z'))))).toBe('2024-01-01T10:30');
  });

  it('days are local days, of 23 and 25 hours', () => {
    const clock = calendar({ interval: '1d', bars: true, timeZone: 'America/New_York' });
    const ends = [0, 1, 2].map((steps) => clock.after(at('2024-03-09T05:00Z'), steps));
    expect(ends.map(iso)).toEqual(['2024-03-09T05:00', '2024-03-10T05:00', '2024-03-11T04:00']);
    expect(iso(calendar({ interval: '1w', bars: true }).after(at('2024-03-11T00:00Z'), 1))).toBe('2024-03-18T00:00');
  });

  it('an autumn night has an hour more of bars, all distinct', () => {
    const clock = calendar({ interval: '30m', bars: true, timeZone: 'America/New_York' });
    expect(clock.index(at('2024-11-03T07:00Z')) - clock.index(at('2024-11-03T04:00Z'))).toBe(6);
  });

  const kinds: [string, CalendarOptions][] = [
    ['5m', { interval: '5m' }],
    ['7h in Kolkata', { interval: '7h', timeZone: 'Asia/Kolkata' }],
    ['1d in New York', { interval: '1d', timeZone: 'America/New_York' }],
    ['2d in Havana', { interval: '2d', timeZone: 'America/Havana' }],
    ['1w in Sydney', { interval: '1w', timeZone: 'Australia/Sydney' }],
    ['5m sessions', { interval: '5m', session: { ...newYork, holidays: ['2024-01-01', '2024-07-04', '2024-07-05'] } }],
    ['47m sessions', { interval: '47m', session: newYork }],
    ['1d sessions', { interval: '1d', session: { ...newYork, days: ['mon', 'wed-thu'] } }],
    ['3d sessions', { interval: '3d', session: newYork }],
    ['1h nights', { interval: '1h', session: { ...newYork, days: 'sun-thu', open: '18:00', close: '17:00' } }],
    [
      '5m whole days',
      { interval: '5m', session: { days: 'mon-sun', open: '00:00', close: '24:00', time_zone: 'America/New_York' } },
    ],
  ];
  const instant = fc.double({ min: at('1969-01-01T00:00Z'), max: at('2040-01-01T00:00Z'), noNaN: true });

  it.each(kinds)(`every instant lies in one bar, and ends are counted (%s, seed ${SEED})`, (_, options) => {
    const clock = calendar({ ...options, bars: true });
    fc.assert(
      fc.property(instant, fc.nat(400), (time, steps) => {
        const index = clock.index(time);
        const end = clock.end(index);
        expect(clock.end(index - 1)).toBeLessThanOrEqual(time);
        expect(end).toBeGreaterThan(time);
        expect(stamped(clock, end)).toBe(index);
        expect(clock.after(end, 0)).toBe(end);
        expect(stamped(clock, clock.after(end, steps))).toBe(index + steps);
        expect(clock.steps(end, clock.after(end, steps))).toBe(steps);
      }),
      { seed: SEED, numRuns: 400 },
    );
  });
});

describe('GridClock', () => {
  const clock: Calendar = calendar({ interval: '5m' });

  it('is one, and without a session it adds', () => {
    const contract: GridClock = clock;
    expect(contract.after(1000.5, 3)).toBe(1000.5 + 15 * MINUTE);
    expect(contract.interval).toBe(5 * MINUTE);
    expect(contract.after(8.64e15, 10)).toBe(8.64e15);
  });

  it('phases: Monday midnight in the zone is (0, 1, 0, 1), whatever was asked before', () => {
    const kolkata = calendar({ interval: '5m', timeZone: 'Asia/Kolkata' });
    const into = new Float64Array(6);
    for (const time of [at('2024-03-10T18:30Z'), 1, 2, at('2024-03-10T18:30Z')]) kolkata.phases(time, into, 1);
    expect([...into]).toEqual([0, 0, 1, 0, 1, 0]);
    kolkata.phases(at('2024-03-11T00:30Z'), into, 0);
    [1, 0, Math.sin((2 * Math.PI) / 28), Math.cos((2 * Math.PI) / 28)].forEach((value, i) =>
      expect(into[i]).toBeCloseTo(value, 12),
    );
  });

  it('phases: the cache never shows', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -2e6, max: 2e6 }), { minLength: 1, maxLength: 50 }), (times) => {
        const warm = calendar({ interval: '5m', timeZone: 'America/New_York' });
        const [a, b] = [new Float64Array(4), new Float64Array(4)];
        for (const time of times) warm.phases(time * 1000, a, 0);
        calendar({ interval: '5m', timeZone: 'America/New_York' }).phases(times.at(-1)! * 1000, b, 0);
        expect(a).toEqual(b);
      }),
      { seed: SEED, numRuns: 50 },
    );
  });

  it('refuses an interval that is none', () => {
    expect(() => calendar({ interval: 0 })).toThrow(expect.objectContaining({ code: 'WINDOW_DURATION' }));
  });
});
