/** A component as it stands in a pipeline file: `type` beside the fields of that component's own configuration. */
import { z } from 'zod';
import type { ComponentStatus } from '../core/component.ts';
import { explain, nearest } from './problem.ts';

/** A chosen component: its name and its checked configuration (without `type`), as `build` wants it. */
export interface Part {
  readonly type: string;
  readonly config: unknown;
}

/** What this file needs to know of a component, whatever its kind. */
export interface Described {
  readonly kind: string;
  readonly name: string;
  readonly status: ComponentStatus;
  readonly summary: string;
  readonly config: z.ZodType;
  readonly example: string;
  readonly guarantees: readonly string[];
}

/**
 * A field that holds one of `components`; with `short`, a bare string stands for the component with its defaults.
 * The component's own schema does the checking, so whatever it is made of is kept.
 */
export function part(kind: string, components: readonly Described[], options: { readonly short?: boolean } = {}) {
  const names = components.map(({ name }) => name);
  return z
    .unknown()
    .transform((given, context): Part => {
      const refuse = (message: string, path: PropertyKey[] = []) => {
        context.issues.push({ code: 'custom', message, input: given, path });
        return z.NEVER;
      };
      const written = options.short && typeof given === 'string' ? { type: given } : given;
      if (typeof written !== 'object' || written === null || Array.isArray(written)) {
        return refuse(
          `must be ${options.short ? `the name of a ${kind}, or ` : ''}a map with \`type\`, one of ${names.join(', ')}`,
        );
      }
      const { type, ...rest } = written as Record<string, unknown>;
      if (type === undefined) return refuse(`needs a \`type\`, one of ${names.join(', ')}`);
      const component = components.find(({ name }) => name === type);
      if (!component) {
        const hint = nearest(String(type), names);
        return refuse(
          `names no ${kind} ${hint ? `(did you mean "${hint}"?)` : `(there are ${names.join(', ')})`}`,
          written === given ? ['type'] : [],
        );
      }
      const parsed = component.config.safeParse(rest, { error: explain });
      if (!parsed.success) {
        for (const issue of parsed.error.issues) context.issues.push(issue as never);
        return z.NEVER;
      }
      return { type: component.name, config: parsed.data };
    })
    .meta({ components: kind, short: options.short ?? false });
}

/** The JSON Schema of such a field: one branch a component, with its summary. */
export function partSchema(
  components: readonly Described[],
  short: boolean,
  schemaOf: (config: z.ZodType) => Record<string, unknown>,
): Record<string, unknown> {
  const branches = components.map(({ name, summary, config }) => {
    const { $schema: _, properties, required, ...rest } = schemaOf(config);
    return {
      ...rest,
      description: summary,
      type: 'object',
      properties: { type: { const: name, description: summary }, ...(properties as object) },
      required: ['type', ...((required as string[] | undefined) ?? [])],
    };
  });
  const names = { enum: components.map(({ name }) => name), description: 'A component with its defaults.' };
  return { anyOf: short ? [names, ...branches] : branches };
}
