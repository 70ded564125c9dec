/** Looks a field up in the JSON Schema by its path: which keys it knows, whether it is secret. Made only when there is a fault to report. */
import type { Path } from './document.ts';

type Json = { readonly [key: string]: unknown };

/** The fields of a file, for messages about them; `make` gives its JSON Schema. */
export class FieldSchemas {
  readonly #make: () => Json;
  #root: Json | undefined;

  constructor(make: () => Json) {
    this.#make = make;
  }

  /** Keys that the map at `path` may have. */
  keys(path: Path, value: unknown): string[] {
    return Object.keys((this.#at(path, value)?.['properties'] as Json | undefined) ?? {});
  }

  /** Whether the field is marked with `.meta({ secret: true })`. */
  isSecret(path: Path, value: unknown): boolean {
    return this.#at(path, value)?.['secret'] === true;
  }

  #at(path: Path, value: unknown): Json | undefined {
    this.#root ??= this.#make();
    let schema: Json | undefined = branch(this.#root, value);
    let at = value;
    for (const step of path) {
      if (!schema) return undefined;
      const next =
        typeof step === 'number'
          ? schema['items']
          : ((schema['properties'] as Json | undefined)?.[String(step)] ?? schema['additionalProperties']);
      at = typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[step] : undefined;
      schema = typeof next === 'object' && next !== null ? branch(next as Json, at) : undefined;
    }
    return schema;
  }
}

/** Of several forms the one that the value has: by `type`, else by its JSON type. */
function branch(schema: Json, value: unknown): Json | undefined {
  const forms = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  if (!forms) return schema;
  const type = typeof value === 'object' && value !== null ? (value as Json)['type'] : undefined;
  const json = Array.isArray(value) ? 'array' : typeof value;
  return (
    forms.find(
      (form) =>
        type !== undefined && ((form['properties'] as Json | undefined)?.['type'] as Json | undefined)?.['const'] === type,
    ) ?? forms.find((form) => form['type'] === json)
  );
}
