/** THE list of connectors. A test compares it with this folder. Clients are loaded when they are used, not here. */
import type { SinkComponent, SourceComponent } from '../src/core/component.ts';
import arrowSink from './arrow-sink.ts';
import arrowSource from './arrow-source.ts';
import consoleSink from './console-sink.ts';
import csvSource from './csv-source.ts';
import discardSink from './discard-sink.ts';
import syntheticSource from './synthetic-source.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
export const SOURCES: readonly SourceComponent<any>[] = [arrowSource, csvSource, syntheticSource];

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const SINKS: readonly SinkComponent<any>[] = [arrowSink, consoleSink, discardSink];
