/**
 * One value describes a component: from it come validation, defaults, the JSON Schema, the reference page, `list`, `describe` and
 * the contract tests.
 */
import type { z } from 'zod';
import type { ConnectorContext, Sink, Source } from './connector.ts';

export type ComponentStatus = 'stable' | 'beta' | 'experimental';

export interface Component<Kind extends string, Config, Context, Built> {
  readonly kind: Kind;
  /** The name in the spec: `type: name`. Kebab-case. */
  readonly name: string;
  readonly status: ComponentStatus;
  /** One sentence. */
  readonly summary: string;
  /** Every field carries `.describe()`, last in its chain. Unknown keys are refused: use `z.strictObject`. */
  readonly config: z.ZodType<Config>;
  /** YAML of the smallest useful configuration, without `type`. It is parsed by a test. */
  readonly example: string;
  /** What holds and what does not, a sentence each: delivery, order, memory, what is refused. */
  readonly guarantees: readonly string[];
  build(config: Config, context: Context): Built;
}

export type SourceComponent<Config = unknown> = Component<'source', Config, ConnectorContext, Source>;
export type SinkComponent<Config = unknown> = Component<'sink', Config, ConnectorContext, Sink>;

/** Declares a source: `export default defineSource({ name: 'csv', ... })`. */
export function defineSource<Config>(component: Omit<SourceComponent<Config>, 'kind'>): SourceComponent<Config> {
  return { kind: 'source', ...component };
}

/** Declares a sink. */
export function defineSink<Config>(component: Omit<SinkComponent<Config>, 'kind'>): SinkComponent<Config> {
  return { kind: 'sink', ...component };
}
