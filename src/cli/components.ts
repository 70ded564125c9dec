/** Every component that a pipeline file may name. The only importer of the list of connectors. */
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { FORECASTERS } from '../forecast/index.ts';
import keras from '../interop/keras-forecaster.ts';
import type { PipelineComponents } from '../pipeline/check.ts';
import type { Described } from '../pipeline/part.ts';

/** As the loader and the runner want them. */
export const COMPONENTS = { sources: SOURCES, sinks: SINKS, forecasters: [...FORECASTERS, keras] } satisfies PipelineComponents;

/** All of them in one list, kind by kind. */
export function everyComponent(components: PipelineComponents = COMPONENTS): readonly Described[] {
  return [...components.sources, ...components.sinks, ...components.forecasters];
}

/** The lines of a component's example; `{}` says that there is nothing to configure, and has none. */
export function exampleLines(example: string): string[] {
  return example.trim() === '{}' ? [] : example.trim().split('\n').filter(Boolean);
}
