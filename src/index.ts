/**
 * tidecast as a library: the operators, the contracts, and the types that flow between them.
 *
 * `ingest(state, source).pipe(clean(state, ...), window(state, ...), forecast(ensemble), deliver(delivery))`
 */

// -- what flows
export { REJECT_REASONS, ROW_IMPUTED, ROW_RESET } from './core/batch.ts';
export type { ForecastBatch, Reject, RejectReason, RowBatch, SourceBatch, TickBatch } from './core/batch.ts';
export type { Position } from './core/position.ts';

// -- operators, in the order of the line
export { ingest } from './stream/ingest.ts';
export type { Gate, IngestOptions, Place } from './stream/ingest.ts';
export { clean } from './stream/clean.ts';
export type { CleanOptions } from './stream/clean.ts';
export { window } from './stream/window.ts';
export type { WindowOptions } from './stream/window.ts';
export { forecast } from './stream/forecast.ts';
export { deliver, Delivery } from './stream/deliver.ts';

// -- state, clock, events, errors
export { State } from './core/state.ts';
export type { Saved, Stateful, StateSnapshot } from './core/state.ts';
export { Lanes } from './core/lanes.ts';
export type { Column, Spill } from './core/lanes.ts';
export { ManualClock, systemClock } from './core/clock.ts';
export type { Clock } from './core/clock.ts';
export { EventBus, EVENTS } from './core/events.ts';
export type { EventName, Events } from './core/events.ts';
export { ERRORS, EXIT, TidecastError } from './core/errors.ts';
export type { ErrorCode } from './core/errors.ts';

// -- connectors and forecasters: write your own with these
export { defineSink, defineSource } from './core/component.ts';
export type { SinkComponent, SourceComponent } from './core/component.ts';
export type { ConnectorContext, Cut, Sink, SinkContext, Source } from './core/connector.ts';
export { defineForecaster } from './forecast/forecaster.ts';
export type { Forecaster, ForecasterComponent, ForecasterContext, GridClock, Outlook, Wave } from './forecast/forecaster.ts';
export { FORECASTERS } from './forecast/index.ts';
export { buildEnsemble } from './forecast/build-ensemble.ts';
export type { BuiltEnsemble, EnsembleSpec } from './forecast/build-ensemble.ts';
export type { Ensemble } from './forecast/ensemble.ts';
export type { ScoreSummary } from './forecast/score.ts';
export { calendar } from './window/calendar.ts';
export type { Calendar, CalendarOptions } from './window/calendar.ts';

// -- whole pipelines
export { loadPipeline } from './pipeline/load.ts';
export { runPipeline } from './pipeline/run.ts';
export type { RunOptions, RunResult } from './pipeline/run.ts';
export { backtest } from './backtest/replay.ts';
export type { BacktestOptions, BacktestResult } from './backtest/replay.ts';
export { compare } from './backtest/compare.ts';
export type { Comparison, PairedDifference } from './backtest/compare.ts';
export { findLeaks } from './backtest/leaks.ts';
export type { Leak, LeakCheck, LeakOptions } from './backtest/leaks.ts';
