/**
 * `/metrics`: what Prometheus reads.
 *
 * Base units, prefix `tidecast_`, the pipeline as a label of everything. Labels are ends, partitions and reasons from fixed lists,
 * never a series: there may be a million of those.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { REJECT_REASONS } from '../core/batch.ts';
import type { Clock } from '../core/clock.ts';
import type { EventBus } from '../core/events.ts';
import type { Progress } from './progress.ts';

const PREFIX = 'tidecast_';
const REQUEST = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const CHECKPOINT = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const PAUSE = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const TRAINING = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const OUTCOMES = ['accepted', 'kept', 'failed', 'skipped'] as const;

/** What the numbers are read from beside the events. */
export interface MetricsOptions {
  readonly pipeline: string;
  readonly events: EventBus;
  readonly progress: Progress;
  readonly clock: Clock;
  /** Series with a lane now. */
  series(): number;
  ready(): boolean;
}

/** Starts counting; `text` is what a scrape gets. */
export function metrics(options: MetricsOptions): { readonly contentType: string; text(): Promise<string> } {
  const registry = new Registry();
  registry.setDefaultLabels({ pipeline: options.pipeline });
  // memory, CPU, garbage collection and the delay of the event loop
  collectDefaultMetrics({ register: registry, prefix: PREFIX });
  count(registry, options.events);
  measure(registry, options.events);
  look(registry, options);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

/** Counters: what happened since the start of the process. */
function count(registry: Registry, events: EventBus): void {
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter<L>({ name: `${PREFIX}${name}_total`, help, labelNames, registers: [registry] });
  const rows = counter('rows', 'Ticks that went through the line.');
  events.on('ticks.ingested', (event) => rows.inc(event.rows));
  const rejects = counter('rejects', 'Ticks refused, by reason.', 'reason');
  for (const reason of [...Object.keys(REJECT_REASONS), 'other']) rejects.inc({ reason }, 0);
  events.on('ticks.rejected', ({ reason, count: n }) =>
    rejects.inc({ reason: Object.hasOwn(REJECT_REASONS, reason) ? reason : 'other' }, n),
  );
  const written = counter('points_written', 'Points that a sink’s server acknowledged.', 'sink');
  const bytes = counter('written_bytes', 'Bytes of acknowledged requests.', 'sink');
  events.on('sink.written', (event) => {
    written.inc({ sink: event.sink }, event.points);
    bytes.inc({ sink: event.sink }, event.bytes);
  });
  const refused = counter('points_refused', 'Points that a sink’s server will never take; they are in the state folder.', 'sink');
  events.on('points.refused', ({ sink, count: n }) => refused.inc({ sink }, n));
  const retries = counter('sink_retries', 'Requests of a sink that failed for now and are sent again.', 'sink');
  events.on('sink.waiting', ({ sink }) => retries.inc({ sink }));
  const waits = counter('source_retries', 'Attempts of a source to reach its server that failed for now.', 'source');
  events.on('source.waiting', ({ source }) => waits.inc({ source }));
  const trainings = counter(
    'trainings',
    'Retrainings by how they ended: accepted, kept (the old weights), failed, skipped.',
    'outcome',
  );
  for (const outcome of OUTCOMES) trainings.inc({ outcome }, 0);
  const ended = (outcome: (typeof OUTCOMES)[number]) => trainings.inc({ outcome });
  events.on('training.finished', ({ accepted }) => ended(accepted ? 'accepted' : 'kept'));
  events.on('training.failed', () => ended('failed'));
  events.on('training.skipped', () => ended('skipped'));
  const drifts = counter('drifts', 'Times that a series was found to have drifted, by detector.', 'detector');
  for (const detector of ['adwin', 'page-hinkley']) drifts.inc({ detector }, 0);
  events.on('drift.detected', ({ detector }) => drifts.inc({ detector }));
  const plain = [
    ['weights.swapped', 'weight_swaps', 'Times that new weights came into force.'],
    ['model.promoted', 'promotions', 'Times that the shadow, or after it the pipeline’s own forecast, took over.'],
    ['checkpoint.saved', 'checkpoints', 'Checkpoints that became durable.'],
    ['checkpoint.damaged', 'checkpoints_damaged', 'Saved states that could not be used.'],
    ['series.quarantined', 'series_quarantined', 'Series on which a forecaster failed.'],
    ['series.evicted', 'series_evicted', 'Series that were spilled to disk.'],
  ] as const;
  for (const [event, name, help] of plain) {
    const each = counter(name, help);
    events.on(event, () => each.inc());
  }
}

/** Histograms: how long things take. */
function measure(registry: Registry, events: EventBus): void {
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram<L>({ name: `${PREFIX}${name}_seconds`, help, buckets, labelNames, registers: [registry] });
  const request = histogram('sink_request', 'From sending a request to its acknowledgement.', REQUEST, 'sink');
  events.on('sink.written', ({ sink, milliseconds }) => request.observe({ sink }, milliseconds / 1000));
  const whole = histogram('checkpoint', 'From the cut to the durable checkpoint.', CHECKPOINT);
  const pause = histogram('checkpoint_pause', 'How long the line stood still for a checkpoint.', PAUSE);
  const size = new Gauge({ name: `${PREFIX}checkpoint_bytes`, help: 'Size of the last checkpoint.', registers: [registry] });
  events.on('checkpoint.saved', ({ milliseconds, pauseMilliseconds, bytes }) => {
    whole.observe(milliseconds / 1000);
    pause.observe(pauseMilliseconds / 1000);
    size.set(bytes);
  });
  const training = histogram('training', 'How long a retraining took.', TRAINING);
  events.on('training.finished', ({ milliseconds }) => training.observe(milliseconds / 1000));
}

/** Gauges: how things stand when they are asked for. */
function look(registry: Registry, { progress, clock, series, ready }: MetricsOptions): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  const seconds = (ms: number) => ms / 1000;
  gauge('checkpoint_age_seconds', 'Since the last checkpoint, or since the start before the first.', () =>
    seconds(clock.elapsed() - (progress.savedAt ?? progress.startedAt)),
  );
  gauge('unsaved_seconds', 'How long the oldest row that no checkpoint holds waits.', () =>
    progress.unsavedSince === undefined ? 0 : seconds(clock.elapsed() - progress.unsavedSince),
  );
  gauge('progress_age_seconds', 'Since something went forward; 0 while there is nothing to read.', () => seconds(progress.still));
  gauge('event_time_seconds', 'Newest event time, since 1970.', () => seconds(progress.time));
  gauge('series_open', 'Series with a lane in memory.', series);
  gauge('ready', '1 where /ready is green.', () => (ready() ? 1 : 0));
  new Gauge({
    name: `${PREFIX}source_lag`,
    help: 'Messages of a partition that are still to be read.',
    labelNames: ['source', 'partition'],
    registers: [registry],
    collect() {
      // partitions that were taken away are gone
      this.reset();
      for (const [source, byPartition] of progress.lags)
        for (const [partition, lag] of byPartition) if (Number.isFinite(lag)) this.set({ source, partition }, lag);
    },
  });
}
