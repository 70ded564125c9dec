/** What Prometheus is told: names, units, labels; and never a series. */
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { EventBus } from '../../src/core/events.ts';
import { metrics } from '../../src/web/metrics.ts';
import { Progress } from '../../src/web/progress.ts';

function watched() {
  const clock = new ManualClock();
  const events = new EventBus();
  const progress = new Progress(clock, events);
  const { text } = metrics({ pipeline: 'p', events, progress, clock, series: () => 1000, ready: () => true });
  /** Value of a sample, by its name and labels without the pipeline. */
  const sample = async (name: string) => {
    const lines = (await text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const found = lines.find((line) =>
      line
        .replace(/pipeline="p",?/, '')
        .replace(',}', '}')
        .replace('{}', '')
        .startsWith(`${name} `),
    );
    return found === undefined ? undefined : Number(found.split(' ').at(-1));
  };
  return { clock, events, text, sample };
}

const saved = { generation: 1, rows: 1, pauseMilliseconds: 2, milliseconds: 20, bytes: 4096 };
const finished = { reason: 'schedule' as const, trigger: 0, milliseconds: 1500, loss: 1, champion: 1, challenger: 1 };

describe('counters', () => {
  it('what happened, by end, reason and outcome', async () => {
    const { events, sample } = watched();
    for (const rows of [3, 4]) events.emit('ticks.ingested', { rows, total: rows, time: 1_700_000_000_000 });
    events.emit('ticks.rejected', { reason: 'late', count: 2 });
    events.emit('sink.written', { sink: 'influx', points: 5000, bytes: 400_000, milliseconds: 12 });
    events.emit('sink.waiting', { sink: 'influx', endpoint: 'x', reason: 'r', attempt: 1, wait: 1 });
    events.emit('source.waiting', { source: 'kafka', endpoint: 'x', reason: 'r' });
    events.emit('points.refused', { sink: 'influx', reason: 'r', count: 7 });
    events.emit('training.finished', { ...finished, accepted: true });
    events.emit('training.finished', { ...finished, accepted: false });
    events.emit('training.failed', { trigger: 0, reason: 'r' });
    events.emit('training.skipped', { trigger: 0, reason: 'r' });
    events.emit('weights.swapped', { trigger: 0, version: 1, hash: 'h' });
    events.emit('drift.detected', { series: 's', detector: 'adwin', of: 'value', time: 0 });
    events.emit('checkpoint.saved', saved);
    const wanted = {
      tidecast_rows_total: 7,
      'tidecast_rejects_total{reason="late"}': 2,
      'tidecast_rejects_total{reason="future"}': 0,
      'tidecast_points_written_total{sink="influx"}': 5000,
      'tidecast_written_bytes_total{sink="influx"}': 400_000,
      'tidecast_sink_retries_total{sink="influx"}': 1,
      'tidecast_source_retries_total{source="kafka"}': 1,
      'tidecast_points_refused_total{sink="influx"}': 7,
      'tidecast_trainings_total{outcome="accepted"}': 1,
      'tidecast_trainings_total{outcome="kept"}': 1,
      'tidecast_trainings_total{outcome="failed"}': 1,
      'tidecast_trainings_total{outcome="skipped"}': 1,
      tidecast_weight_swaps_total: 1,
      'tidecast_drifts_total{detector="adwin"}': 1,
      'tidecast_drifts_total{detector="page-hinkley"}': 0,
      tidecast_checkpoints_total: 1,
      tidecast_event_time_seconds: 1_700_000_000,
    };
    const found = await Promise.all(Object.keys(wanted).map(async (name) => [name, await sample(name)]));
    expect(Object.fromEntries(found)).toEqual(wanted);
  });
});

describe('histograms, in seconds', () => {
  it('a request, a checkpoint and its pause, a training', async () => {
    const { events, sample } = watched();
    events.emit('sink.written', { sink: 'influx', points: 1, bytes: 1, milliseconds: 12 });
    events.emit('checkpoint.saved', saved);
    events.emit('training.finished', { ...finished, accepted: true });
    expect([
      await sample('tidecast_sink_request_seconds_sum{sink="influx"}'),
      await sample('tidecast_sink_request_seconds_bucket{le="0.025",sink="influx"}'),
      await sample('tidecast_checkpoint_seconds_sum'),
      await sample('tidecast_checkpoint_pause_seconds_sum'),
      await sample('tidecast_training_seconds_sum'),
      await sample('tidecast_checkpoint_bytes'),
    ]).toEqual([0.012, 1, 0.02, 0.002, 1.5, 4096]);
  });
});

describe('gauges, as of the moment they are asked for', () => {
  it('ages', async () => {
    const { clock, events, sample } = watched();
    void clock.sleep(5000);
    expect(await sample('tidecast_checkpoint_age_seconds')).toBe(5);
    events.emit('ticks.ingested', { rows: 1, total: 1, time: 0 });
    events.emit('checkpoint.saved', { ...saved, milliseconds: 0 });
    void clock.sleep(3000);
    expect(await sample('tidecast_checkpoint_age_seconds')).toBe(3);
    expect(await sample('tidecast_progress_age_seconds')).toBe(3);
    expect(await sample('tidecast_series_open')).toBe(1000);
    expect(await sample('tidecast_ready')).toBe(1);
  });
  it('the lag of the partitions that this process has, and of no other', async () => {
    const { events, sample } = watched();
    const lag = (partition: number) => sample(`tidecast_source_lag{source="kafka",partition="${partition}"}`);
    events.emit('source.assigned', { source: 'kafka', partitions: [0, 1] });
    events.emit('source.lag', { source: 'kafka', partition: 0, lag: 10 });
    events.emit('source.lag', { source: 'kafka', partition: 1, lag: 20 });
    expect([await lag(0), await lag(1)]).toEqual([10, 20]);
    events.emit('source.revoked', { source: 'kafka', partitions: [0] });
    events.emit('source.assigned', { source: 'kafka', partitions: [1] });
    expect([await lag(0), await lag(1)]).toEqual([undefined, 20]);
  });
  it('delay of the event loop, memory, processor', async () => {
    const { text } = watched();
    const shown = await text();
    for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes', 'process_cpu_seconds_total'])
      expect(shown).toContain(`\ntidecast_${name}{`);
  });
});

it('no event brings the name of a series, or anything else without end, into a label', async () => {
  const { events, text } = watched();
  const before = (await text()).split('\n').length;
  for (let i = 0; i < 1000; i++) {
    const series = `series-canary-${i}`;
    events.emit('series.quarantined', { series, reason: series });
    events.emit('series.evicted', { series });
    events.emit('ticks.rejected', { reason: series, count: 1 });
    events.emit('points.refused', { sink: 'influx', reason: series, count: 1 });
    events.emit('training.failed', { trigger: i, reason: series });
    events.emit('sink.waiting', { sink: 'influx', endpoint: series, reason: series, attempt: i, wait: 1 });
    events.emit('checkpoint.damaged', { file: series, reason: series });
  }
  const shown = await text();
  expect(shown).not.toContain('canary');
  expect(shown).toContain('tidecast_rejects_total{reason="other",pipeline="p"} 1000');
  expect(shown.split('\n').length - before).toBeLessThan(10);
});

it('every sample has the pipeline, every name the prefix and a help text', async () => {
  const { events, text } = watched();
  events.emit('sink.written', { sink: 'influx', points: 1, bytes: 1, milliseconds: 1 });
  const lines = (await text()).split('\n').filter(Boolean);
  for (const line of lines.filter((each) => !each.startsWith('#'))) expect(line).toMatch(/^tidecast_\w+\{.*pipeline="p".*\} /);
  const helps = lines.filter((each) => each.startsWith('# HELP')).map((each) => each.split(' ')[2]);
  const types = lines.filter((each) => each.startsWith('# TYPE')).map((each) => each.split(' ')[2]);
  expect(helps).toEqual(types);
});
