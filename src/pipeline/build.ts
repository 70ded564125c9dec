/** THE MAP: the stations of a line, in order. */
import { map, pipe, type Observable } from 'rxjs';
import type { ForecastBatch, Reject, RowBatch, TickBatch } from '../core/batch.ts';
import type { Clock } from '../core/clock.ts';
import type { Sink, Source } from '../core/connector.ts';
import type { EventBus } from '../core/events.ts';
import type { State } from '../core/state.ts';
import type { Ensemble } from '../forecast/ensemble.ts';
import type { ForecasterComponent } from '../forecast/forecaster.ts';
import type { Recurrent } from '../forecast/recurrent.ts';
import { clean } from '../stream/clean.ts';
import { deliver, Delivery } from '../stream/deliver.ts';
import { forecast } from '../stream/forecast.ts';
import { ingest, type Place } from '../stream/ingest.ts';
import { compete } from '../stream/compete.ts';
import { window } from '../stream/window.ts';
import { calendar, type CalendarOptions } from '../window/calendar.ts';
import { Spacing } from '../window/spacing.ts';
import type { TrainingRunner } from '../train/worker.ts';
import { competitor, shadowOf } from './competitors.ts';
import { Gates } from './gates.ts';
import { layout, type Layout } from './layout.ts';
import type { PromotionRecord } from './promotion.ts';
import type { RecordLog } from './record-log.ts';
import type { Retraining } from './retraining.ts';
import type { RollbackRequests } from './rollback.ts';
import type { Spec } from './spec.ts';
import { stateIdentity } from './state-identity.ts';
import type { SwapLog } from './swap-log.ts';

/** Where trainings run, and where swaps are recorded. */
export interface Training {
  readonly runner: TrainingRunner;
  readonly log: SwapLog;
  /** Where earlier weights may be asked for. */
  readonly rollbacks?: RollbackRequests | undefined;
}

/** What a line is built from, beside its spec. */
export interface LineParts {
  readonly state: State;
  readonly source: Source;
  readonly sinks: readonly Sink[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly forecasters: readonly ForecasterComponent<any>[];
  /** What `loadForecasters` gave, for the models and for those of the shadow. */
  readonly loaded?: readonly unknown[];
  readonly shadowLoaded?: readonly unknown[];
  readonly clock: Clock;
  readonly events: EventBus;
  readonly signal: AbortSignal;
  /** Waits for weights that are due, and does not pace. */
  readonly exact: boolean;
  readonly paced: boolean;
  /** Absent: the weights stay as they are. */
  readonly training?: Training | undefined;
  /** The same for the shadow, and where promotions are recorded. */
  readonly shadow?: { readonly training?: Training | undefined; readonly promotions: RecordLog<PromotionRecord> } | undefined;
  /** Relative paths of models start here. Default: the working folder. */
  readonly folder?: string | undefined;
  /** Called between two batches, where the state is a consistent cut. */
  readonly between?: (place: Place) => Promise<void> | undefined;
  /** Rows before this event time (epoch ms) are not scored. */
  readonly scoreFrom?: number | undefined;
  /** Whether batches say what every model said. */
  readonly opinions?: boolean | undefined;
  /** Sees the rows that forecasters see. */
  readonly rows?: (batch: RowBatch) => void;
}

export interface Line {
  readonly layout: Layout;
  readonly ensemble: Ensemble;
  readonly recurrent: Recurrent | undefined;
  /** The ensemble that runs in shadow, where there is one, whoever is in charge now. */
  readonly shadow: Ensemble | undefined;
  /** What trains the weights of the ensemble, where something does. */
  readonly retraining: Retraining | undefined;
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

  const kit = { parts, plan, days };
  const own = competitor(spec, kit, parts.training);
  const shadow = spec.shadow && shadowOf(spec, spec.shadow, kit);
  const { ensemble, recurrent } = own;
  const [first, ...more] = [own.gate, own.rollback, shadow?.gate, shadow?.promotion].filter((gate) => gate !== undefined);
  const gate = first && more.length > 0 ? new Gates([first, ...more]) : first;

  const spacing =
    spec.window.grid === 'rows'
      ? new Spacing({
          interval: spec.window.interval,
          filled: spec.window.gaps.policy === 'forward-fill',
          keys: state.lanes.keys,
          differ: (what) => events.emit('intervals.differed', what),
        })
      : undefined;
  const heard = { ...own, opinions: parts.opinions ?? false };
  const forecasts$ = ingest(state, source, {
    signal,
    clock,
    lateness: spec.clean.lateness,
    reject,
    room: () => delivery.room(),
    evicted: (series) => events.emit('series.evicted', { series }),
    maxAhead,
    ...(spec.state.time_to_live === undefined ? {} : { timeToLive: spec.state.time_to_live }),
    ...(gate
      ? { gate, idleAfter: ((spec.retrain ?? spec.shadow?.retrain)?.every ?? 0) + Math.max(spec.clean.lateness, AN_HOUR) }
      : {}),
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
    map((batch) => (spacing?.add(batch), parts.rows?.(batch), batch)),
    shadow ? compete([heard, shadow], shadow.duel) : forecast(ensemble, heard),
    deliver(delivery),
  );
  return { layout: plan, ensemble, recurrent, shadow: shadow?.ensemble, retraining: own.gate, delivery, forecasts$ };
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
