/** From the value of a file to a checked spec: every fault with its place, none of them with a value that should not be seen. */
import type { z } from 'zod';
import { pathKey, type Path, type Place } from './document.ts';
import type { Described } from './part.ts';
import { explain, nearest, type Problem } from './problem.ts';
import { broken, finish, type Lookback, type Sound } from './rules.ts';
import { FieldSchemas } from './field-schemas.ts';
import { pipelineSchema, sections, type Components, type Draft, type Spec } from './spec.ts';

/** What the checks need to know about where the value came from. */
export interface Origin {
  readonly file: string;
  readonly fromEnvironment: ReadonlyMap<string, string>;
  locate(path: Path, what?: 'key' | 'value'): Place;
}

/** Forecasters are checked for what they look back as well. */
export interface PipelineComponents extends Components {
  readonly forecasters: readonly (Described & Lookback)[];
}

/** The spec, or every problem. */
export function checkSpec(
  value: unknown,
  origin: Origin,
  components: PipelineComponents,
): { readonly spec?: Spec; readonly problems: readonly Problem[] } {
  if (value === null || value === undefined)
    return { problems: [{ ...origin.locate([]), message: 'the file is empty: a pipeline needs at least a `source`' }] };
  if (typeof value !== 'object' || Array.isArray(value))
    return { problems: [{ ...origin.locate([]), message: 'a pipeline is a map of fields such as `source:`' }] };

  const problems: Problem[] = [];
  const fields = new FieldSchemas(() => pipelineSchema(components));
  const shape = sections(components);
  const given = value as Record<string, unknown>;
  for (const key of Object.keys(given)) {
    if (!(key in shape)) problems.push({ ...origin.locate([key], 'key'), message: unknownKey([], key, Object.keys(shape)) });
  }
  const draft: Record<string, unknown> = {};
  for (const [key, schema] of Object.entries(shape) as [string, z.ZodType][]) {
    if (key === 'source' && given[key] === undefined) {
      problems.push({ ...origin.locate([]), message: 'source is missing: where ticks come from' });
      continue;
    }
    const parsed = schema.safeParse(given[key], { error: explain });
    if (parsed.success) draft[key] = parsed.data;
    else problems.push(...problemsOf(parsed.error, value, origin, fields, [key]));
  }
  const sound = draft as Sound;
  for (const { path, message } of broken(sound, components.forecasters)) {
    const steps = path.map((step) => (/^\d+$/.test(String(step)) ? Number(step) : step));
    problems.push({ ...origin.locate(steps), message: `${fieldName(steps)}: ${message}` });
  }
  if (problems.length > 0) return { problems };
  return { spec: finish(sound as Draft, origin.file), problems };
}

/** zod's issues as problems: named, placed, and with the value where that may be seen. `prefix` leads from the file's top to what was parsed. */
export function problemsOf(
  error: z.ZodError,
  given: unknown,
  origin: Origin,
  fields: FieldSchemas,
  prefix: Path = [],
): Problem[] {
  // a whole number out of every range breaks two bounds: that of exact integers need not be told as well
  const bounds = error.issues.filter(
    (issue) => !(issue.code === 'too_big' && issue.maximum === Number.MAX_SAFE_INTEGER && error.issues.length > 1),
  );
  return bounds.flatMap((issue) => problemOf(issue, given, origin, fields, prefix));
}

function problemOf(issue: z.core.$ZodIssue, given: unknown, origin: Origin, fields: FieldSchemas, prefix: Path): Problem[] {
  const full = [...prefix, ...issue.path];
  // a single number where a list may stand is `season`, not `season[0]`
  const path = typeof full.at(-1) === 'number' && !Array.isArray(valueAt(given, full.slice(0, -1))) ? full.slice(0, -1) : full;
  if (issue.code === 'unrecognized_keys') {
    const known = fields.keys(path, given);
    return issue.keys.map((key) => ({ ...origin.locate([...path, key], 'key'), message: unknownKey(path, key, known) }));
  }
  const value = valueAt(given, path);
  const hidden = origin.fromEnvironment.get(pathKey(path)) ?? (fields.isSecret(path, given) ? 'a secret' : undefined);
  const echo = issue.code !== 'custom' || issue.params?.['echo'] === true;
  const shown = echo && value !== undefined ? `, is ${hidden ?? show(value)}` : '';
  // a component's own message may quote the value
  const said =
    hidden !== undefined && typeof value === 'string' && value.length > 2
      ? issue.message.replaceAll(value, '***')
      : issue.message;
  return [{ ...origin.locate(path), message: `${fieldName(path)} ${said}${shown}` }];
}

function unknownKey(path: Path, key: string, known: readonly string[]): string {
  const hint = nearest(key, known);
  const shown = fieldName([...path, key.length > 60 ? `${key.slice(0, 57)}...` : key]);
  const others = known.length > 0 && known.length <= 24 ? ` (known here: ${known.join(', ')})` : '';
  return `${shown} is not a known field${hint ? ` (did you mean "${hint}"?)` : others}`;
}

/** `forecast.models[2].hidden`. */
export function fieldName(path: Path): string {
  return path.reduce<string>(
    (name, step) => (typeof step === 'number' ? `${name}[${step}]` : `${name}${name ? '.' : ''}${printable(String(step))}`),
    '',
  );
}

function printable(word: string): string {
  return JSON.stringify(word).slice(1, -1);
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, step) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, step) ? (at as Record<PropertyKey, unknown>)[step] : undefined,
    value,
  );
}

/** A value as a message may show it: short and printable. */
function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (value === null) return 'empty';
  if (typeof value === 'object') return 'a map';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
