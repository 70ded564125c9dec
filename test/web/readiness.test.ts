/** What makes /ready green and red, told by events alone, on a clock that is moved by hand. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import type { Health } from '../../src/core/connector.ts';
import { EventBus } from '../../src/core/events.ts';
import { Progress } from '../../src/web/progress.ts';
import { readiness } from '../../src/web/readiness.ts';

const WITHIN = 60_000;
const CHECKPOINT = 10_000;

function line() {
  const clock = new ManualClock();
  const events = new EventBus();
  const progress = new Progress(clock, events);
  const health = { source: { ok: true, detail: 'connected' } as Health | undefined, sink: undefined as Health | undefined };
  let stopping = false;
  const now = () =>
    readiness({
      progress,
      clock,
      within: WITHIN,
      checkpoint: CHECKPOINT,
      stopping: () => stopping,
      ends: () =>
        progress.phase === 'starting'
          ? []
          : [
              { name: 'kafka', health: () => health.source },
              { name: 'influx', health: () => health.sink },
            ],
    });
  return {
    clock,
    events,
    health,
    now,
    /** Names of what is red. */
    red: () => [...now().ends, ...now().checks].filter(({ ok }) => !ok).map(({ name }) => name),
    stop: () => (stopping = true),
    start: () => events.emit('run.started', { pipeline: 'p', resumed: false, rows: 0 }),
    rows: (rows = 10) => events.emit('ticks.ingested', { rows, total: rows, time: 0 }),
    saved: (milliseconds = 0) =>
      events.emit('checkpoint.saved', { generation: 1, rows: 1, pauseMilliseconds: 0, milliseconds, bytes: 1 }),
    lag: (lag: number, partition = 0) => events.emit('source.lag', { source: 'kafka', partition, lag }),
    assigned: (...partitions: number[]) => events.emit('source.assigned', { source: 'kafka', partitions }),
  };
}

describe('the line', () => {
  it('is red until it is built, and says what it waits for', () => {
    const { events, now, red, start } = line();
    expect(red()).toEqual(['line']);
    events.emit('sink.waiting', { sink: 'influx', endpoint: 'x', reason: 'connection refused', attempt: 1, wait: 100 });
    expect(now().checks[0]).toEqual({ name: 'line', ok: false, detail: 'starting; influx: connection refused' });
    start();
    expect(now()).toMatchObject({ ok: true });
  });
  it('is red from being asked to stop on', () => {
    const { red, start, stop } = line();
    start();
    stop();
    expect(red()).toEqual(['line']);
  });
  it('a process of a group that has no partition is ready', () => {
    const { assigned, clock, red } = line();
    assigned();
    void clock.sleep(10 * WITHIN);
    expect(red()).toEqual([]);
  });
  it('where each partition is a line, the end of one is not the end of all', () => {
    const { assigned, events, red, start, lag } = line();
    assigned(0, 1);
    start();
    start();
    lag(0, 0);
    lag(0, 1);
    events.emit('run.stopped', { rows: 1, clean: true });
    events.emit('source.revoked', { source: 'kafka', partitions: [1] });
    events.emit('run.stopped', { rows: 1, clean: true });
    events.emit('source.revoked', { source: 'kafka', partitions: [0] });
    expect(red()).toEqual([]);
  });
  it('a recording that ended is no longer ready', () => {
    const { events, red, start } = line();
    start();
    events.emit('run.stopped', { rows: 1, clean: true });
    expect(red()).toEqual(['line']);
  });
});

describe('the ends', () => {
  it('one that is not well makes it red, one that says nothing does not', () => {
    const { health, red, start, now } = line();
    start();
    expect(now().ends[1]).toEqual({ name: 'influx', ok: true, detail: 'nothing to connect to' });
    health.sink = { ok: false, detail: 'has not taken anything for 3 s' };
    expect(red()).toEqual(['influx']);
  });
});

describe('progress', () => {
  it('turns red when no row came for too long, and green with the next', () => {
    const { clock, red, start, rows, saved } = line();
    start();
    rows();
    saved();
    void clock.sleep(WITHIN);
    expect(red()).toEqual([]);
    void clock.sleep(1);
    expect(red()).toEqual(['progress']);
    rows();
    expect(red()).toEqual([]);
  });
  it('an empty batch is none', () => {
    const { clock, red, start, rows } = line();
    start();
    void clock.sleep(WITHIN + 1);
    rows(0);
    expect(red()).toEqual(['progress']);
  });
  it('is not asked of a source that is caught up', () => {
    const { assigned, clock, lag, red, start } = line();
    start();
    assigned(0, 1);
    lag(0, 0);
    void clock.sleep(WITHIN + 1);
    // nothing is known of partition 1
    expect(red()).toEqual(['progress']);
    lag(0, 1);
    expect(red()).toEqual([]);
  });
  it('counts from when there was something to do again', () => {
    const { assigned, clock, lag, red, start } = line();
    start();
    assigned(0);
    lag(0);
    void clock.sleep(100 * WITHIN);
    lag(500);
    expect(red()).toEqual([]);
    void clock.sleep(WITHIN + 1);
    lag(700);
    expect(red()).toEqual(['progress']);
  });
  it('a lag that went away with its partition is forgotten', () => {
    const { assigned, clock, events, lag, red, start } = line();
    start();
    assigned(0, 1);
    lag(0, 0);
    lag(9, 1);
    void clock.sleep(WITHIN + 1);
    expect(red()).toEqual(['progress']);
    events.emit('source.revoked', { source: 'kafka', partitions: [1] });
    assigned(0);
    expect(red()).toEqual([]);
  });
});

describe('the checkpoint', () => {
  it('turns red when rows wait for too long to be saved, while others come', () => {
    const { clock, red, start, rows } = line();
    start();
    for (let i = 0; i <= 6; i++) {
      rows();
      expect(red()).toEqual([]);
      void clock.sleep(10_000);
    }
    rows();
    expect(red()).toEqual(['checkpoint']);
  });
  it('is not asked for where nothing is to be saved', () => {
    const { clock, red, start, rows, saved, assigned, lag } = line();
    start();
    assigned(0);
    lag(0);
    rows();
    saved();
    void clock.sleep(100 * WITHIN);
    expect(red()).toEqual([]);
    // the first row after a long rest is no old one
    rows();
    expect(red()).toEqual([]);
  });
  it('rows that came while it was written wait from its cut on', () => {
    const { clock, red, start, rows, saved, lag } = line();
    start();
    lag(0);
    rows();
    void clock.sleep(30_000);
    rows();
    void clock.sleep(5000);
    saved(6000);
    void clock.sleep(WITHIN - 6000);
    expect(red()).toEqual([]);
    void clock.sleep(1);
    expect(red()).toEqual(['checkpoint']);
  });
});
