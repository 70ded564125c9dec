/** THE MAP: the stations of a line, in order. */
import { map, pipe, type Observable } from 'rxjs';
import type { ForecastBatch, Reject, RowBatch, TickBatch } from '../core/batch.ts';
import type { Clock } from '../core/clock.ts';
import type { Sink, Source } from '../core/connector.ts';
import type { EventBus } from '../core/events.ts';
import type { State } from '../core/state.ts';
import { buildEnsemble } from '../forecast/build-ensemble.ts';
import type { Ensemble } from '../forecast/ensemble.ts';
import type { ForecasterComponent } from '../forecast/forecaster.ts';
import type { Recurrent } from '../forecast/recurrent.ts';
import { clean } from '../stream/clean.ts';
import { deliver, Delivery } from '../stream/deliver.ts';
import { forecast } from '../stream/forecast.ts';
import { ingest, type Place } from '../stream/ingest.ts';
import { window } from '../stream/window.ts';
import { calendar, type CalendarOptions } from '../window/calendar.ts';
import type { Ring } from '../window/ring.ts';
import type { TrainingRunner } from '../train/worker.ts';
import { givenWeights } from './given-weights.ts';
import { layout, type Layout } from './layout.ts';
import { Retraining } from './retraining.ts';
import type { Spec } from './spec.ts';
import { stateIdentity } from './state-identity.ts';
import type { SwapLog } from './swap-log.ts';

/** What a line is built from, beside its spec. */
export interface LineParts {
  readonly state: State;
  readonly source: Source;
  readonly sinks: readonly Sink[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly forecasters: readonly ForecasterComponent<any>[];
  /** What `loadForecasters` gave. */
  readonly loaded?: readonly unknown[];
  readonly clock: Clock;
  readonly events: EventBus;
  readonly signal: AbortSignal;
  /** Waits for weights that are due, and does not pace. */
  readonly exact: boolean;
  readonly paced: boolean;
  /** Absent: the weights stay as they are. */
  readonly training?: { readonly runner: TrainingRunner; readonly log: SwapLog } | undefined;
  /** Relative paths of models start here. Default: the working folder. */
  readonly folder?: string | undefined;
  /** Called between two batches, where the state is a consistent cut. */
  readonly between?: (place: Place) => Promise<void> | undefined;
  /** Rows before this event time (epoch ms) are not scored. */
  readonly scoreFrom?: number | undefined;
  /** Sees the rows that forecasters see. */
  readonly rows?: (batch: RowBatch) => void;
}

export interface Line {
  readonly layout: Layout;
  readonly ensemble: Ensemble;
  readonly recurrent: Recurrent | undefined;
  readonly delivery: Delivery;
  /** Runs the line while subscribed. */
  readonly forecasts$: Observable<ForecastBatch>;
}

/** Builds the line: ingest -> clean -> window -> forecast -> deliver, with retraining at ingest's gate. */
export function buildLine(spec: Spec, parts: LineParts): Line {
  const { state, source, events, clock, signal } = parts;
  const plan = layout(spec, source.channels);
  const days: CalendarOptions = {
    interval: spec.window.interval,
    bars: plan.bars,
    timeZone: spec.window.time_zone,
    session: spec.window.session,
  };
  const hours = calendar(days);
  // a series with a row a year must not look as if it jumped into the future with each
  const maxAhead = spec.clean.max_ahead ?? Math.max(366 * 86_400_000, 50 * spec.window.interval);
  state.add('pipeline', stateIdentity(spec, source.channels));
  const delivery = new Delivery(parts.sinks);
  const reject = (rejects: readonly Reject[]): void => {
    delivery.reject(rejects);
    for (const { reason } of rejects) events.emit('ticks.rejected', { reason, count: 1 });
  };

  const { horizon, quantiles, season: seasons, models, output, baselines, warmup } = spec.forecast;
  const { ensemble, recurrent, ring } = buildEnsemble(state, {
    clock: hours,
    targets: plan.targets.length,
    channels: plan.rowChannels,
    ring: spec.window.ring,
    seed: spec.seed,
    components: parts.forecasters,
    failed: (series, reason) => events.emit('series.quarantined', { series, reason }),
    scoreFrom: parts.scoreFrom,
    models: models.map((model, i) => ({ ...model, loaded: parts.loaded?.[i] })),
    ...{ horizon, quantiles, seasons, output, baselines, warmup },
  });
  const given = spec.forecast.models.find(({ type }) => type === 'recurrent')?.config as { weights?: string } | undefined;
  if (recurrent && given?.weights !== undefined)
    state.add('weights', givenWeights(recurrent, parts.folder ?? '.', given.weights));
  const gate =
    spec.retrain && recurrent && parts.training ? retraining(spec, parts, { ring, recurrent, calendar: days }) : undefined;

  const forecasts$ = ingest(state, source, {
    signal,
    clock,
    lateness: spec.clean.lateness,
    reject,
    room: () => delivery.room(),
    evicted: (series) => events.emit('series.evicted', { series }),
    maxAhead,
    ...(spec.state.time_to_live === undefined ? {} : { timeToLive: spec.state.time_to_live }),
    ...(gate ? { gate, idleAfter: spec.retrain!.every + Math.max(spec.clean.lateness, AN_HOUR) } : {}),
    ...(parts.between ? { between: parts.between } : {}),
    ...(parts.paced && spec.replay ? { rowsPerSecond: spec.replay.rows_per_second } : {}),
  }).pipe(
    arrange(plan.order),
    clean(state, {
      targets: plan.tickTargets,
      channels: plan.order.length,
      lateness: spec.clean.lateness,
      duplicates: spec.clean.duplicates,
      maxJump: spec.clean.max_jump,
      jumpPatience: spec.clean.jump_patience,
      maxAhead,
      reject: (each) => reject([each]),
    }),
    window(state, {
      grid: spec.window.grid,
      slide: spec.window.slide,
      channels: plan.order.length,
      clock: hours,
      fields: plan.fields,
      gaps: spec.window.gaps,
      reject: (each) => reject([each]),
    }),
    map((batch) => (parts.rows?.(batch), batch)),
    forecast(ensemble, parts.sinks.some(({ takesScores }) => takesScores) ? { scoreEvery: spec.forecast.score_every } : {}),
    deliver(delivery),
  );
  return { layout: plan, ensemble, recurrent, delivery, forecasts$ };
}

/** Targets first: the order that every later station relies on. */
function arrange(order: readonly number[]) {
  const inOrder = order.every((channel, i) => channel === i);
  return pipe(
    map((batch: TickBatch) =>
      inOrder || batch.lanes.length === 0 ? batch : { ...batch, channels: order.map((channel) => batch.channels[channel]!) },
    ),
  );
}

/** Retraining waits for a partition until the others are this much more than a whole interval ahead. */
const AN_HOUR = 3_600_000;
/** Rows over all series that one training uses at most. */
const MAX_TRAINING_ROWS = 200_000;

function retraining(
  spec: Spec,
  parts: LineParts,
  of: { ring: Ring; recurrent: Recurrent; calendar: CalendarOptions },
): Retraining {
  const { every, lag, rows, holdout, epochs, batch, steps, burn_in, learning_rate, weight_decay, clip, loss } = spec.retrain!;
  const training = {
    rows,
    maxRows: MAX_TRAINING_ROWS,
    holdout,
    epochs,
    batch,
    steps,
    burnIn: burn_in,
    learningRate: learning_rate,
    weightDecay: weight_decay,
    clip,
    loss,
  };
  const { state, events, exact, clock, signal } = parts;
  return new Retraining({
    state,
    clock,
    signal,
    seed: spec.seed,
    every,
    lag,
    exact,
    training,
    events,
    ...of,
    ...parts.training!,
  });
}
