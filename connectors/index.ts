/** THE list of connectors. A test compares it with this folder. Clients are loaded when they are used, not here. */
import { systemClock } from '../src/core/clock.ts';
import type { SinkComponent, SourceComponent } from '../src/core/component.ts';
import type { ConnectorContext, Sink, Source } from '../src/core/connector.ts';
import { EventBus } from '../src/core/events.ts';
import { TidecastError } from '../src/core/errors.ts';
import arrowSink from './arrow-sink.ts';
import arrowSource from './arrow-source.ts';
import consoleSink from './console-sink.ts';
import csvSource from './csv-source.ts';
import discardSink from './discard-sink.ts';
import exerciseSource from './exercise-source.ts';
import influxSink from './influx-sink.ts';
import influxSource from './influx-source.ts';
import kafkaSink from './kafka-sink.ts';
import kafkaSource from './kafka-source.ts';
import syntheticSource from './synthetic-source.ts';
import textSource from './text-source.ts';

export { createResult, readResult } from './formats/result-file.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
export const SOURCES: readonly SourceComponent<any>[] = [
  ...[arrowSource, csvSource, exerciseSource, influxSource, kafkaSource, syntheticSource, textSource],
];

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const SINKS: readonly SinkComponent<any>[] = [arrowSink, consoleSink, discardSink, influxSink, kafkaSink];

/** A source by its `type`, for programs: configured and checked as in a pipeline file, with paths relative to the working folder. */
export function openSource(type: string, config: unknown, context: Partial<ConnectorContext> = {}): Source {
  return build(SOURCES, type, config, context);
}

/** A sink by its `type`, for programs. */
export function openSink(type: string, config: unknown, context: Partial<ConnectorContext> = {}): Sink {
  return build(SINKS, type, config, context);
}

function build<Built>(
  list: readonly {
    name: string;
    config: { parse(config: unknown): unknown };
    build(config: unknown, context: ConnectorContext): Built;
  }[],
  type: string,
  config: unknown,
  context: Partial<ConnectorContext>,
): Built {
  const component = list.find(({ name }) => name === type);
  if (!component) throw new TidecastError('CONNECTOR_UNKNOWN', { type, known: list.map(({ name }) => name).join(' ') });
  return component.build(component.config.parse(config), {
    folder: '.',
    pipeline: 'program',
    clock: systemClock,
    seed: 1,
    events: new EventBus(),
    fresh: false,
    ...context,
  });
}
