/** THE list of connectors. A test compares it with this folder. */
import type { SinkComponent, SourceComponent } from '../src/core/component.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
export const SOURCES: readonly SourceComponent<any>[] = [];

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export const SINKS: readonly SinkComponent<any>[] = [];
