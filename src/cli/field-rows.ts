/** The fields of a schema, one row each: what `describe` prints and the reference pages show. */
import { z } from 'zod';

export interface FieldRow {
  /** Path from the top: `gaps.policy`. */
  readonly name: string;
  readonly type: string;
  /** As YAML would write it; undefined: none. */
  readonly fallback: string | undefined;
  readonly required: boolean;
  readonly secret: boolean;
  readonly description: string;
}

type Json = { readonly [key: string]: unknown };

/** Rows of a component's configuration. */
export function fieldRows(config: z.ZodType): FieldRow[] {
  return rowsOf(z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' }) as Json, '');
}

/** Rows of a JSON Schema object, nested ones below their parent. */
export function rowsOf(schema: Json, prefix: string): FieldRow[] {
  const required = (schema['required'] as string[] | undefined) ?? [];
  return Object.entries((schema['properties'] as Record<string, Json> | undefined) ?? {}).flatMap(([key, field]) => {
    const name = prefix + key;
    const row: FieldRow = {
      name,
      type: typeOf(field),
      fallback: 'default' in field && !isEmptyMap(field['default']) ? yamlOf(field['default']) : undefined,
      required: required.includes(key) && !('default' in field),
      secret: field['secret'] === true,
      description: String(field['description'] ?? ''),
    };
    const nested = field['properties'] ? rowsOf(field, `${name}.`) : [];
    const item = field['items'] as Json | undefined;
    return [row, ...nested, ...(item?.['properties'] ? rowsOf(item, `${name}[].`) : [])];
  });
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

/** A value on one line, as YAML. */
export function yamlOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlOf).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, each]) => `${key}: ${yamlOf(each)}`)
      .join(', ')} }`;
  }
  if (typeof value !== 'string') return String(value);
  return /^[A-Za-z][\w-]*$|^\d+(ms|[smhdw])$/.test(value) ? value : JSON.stringify(value);
}

/** A JSON Schema's type in words. */
export function typeOf(field: Json): string {
  const {
    type,
    enum: options,
    anyOf,
    oneOf,
    items,
  } = field as { type?: string | string[]; enum?: unknown[]; anyOf?: Json[]; oneOf?: Json[]; items?: Json };
  if (options) return options.map(yamlOf).join(', ');
  if ('const' in field) return yamlOf(field['const']);
  const forms = anyOf ?? oneOf;
  if (forms?.every((form) => form['type'] === 'object')) return 'map with `type`';
  if (forms) {
    const words = [
      ...new Set(forms.map((form) => (form['enum'] ? 'name' : form['properties'] ? 'map with `type`' : typeOf(form)))),
    ];
    // text or number in one field: that is how durations are written
    if (words.length === 2 && words[0] === 'text' && words[1] === 'number') return 'duration';
    return words.map((word) => (word === 'text, number' ? 'duration' : word)).join(' or ');
  }
  if (Array.isArray(type)) return type.includes('string') && type.includes('number') ? 'duration' : type.join(' or ');
  if (type === 'array') return `list of ${items ? plural(typeOf(items)) : 'values'}`;
  if (type === 'integer') return `whole number${bounds(field)}`;
  if (type === 'number') return `number${bounds(field)}`;
  if (type === 'string') return 'text';
  if (type === 'boolean') return 'true, false';
  if (type === 'object') return 'map';
  return 'any';
}

function plural(word: string): string {
  const known: Readonly<Record<string, string>> = { text: 'texts', number: 'numbers' };
  if (word.startsWith('name or map')) return 'names or maps with `type`';
  if (word.startsWith('map')) return word.replace('map', 'maps');
  return known[word] ?? word.replace(/^(whole )?number/, '$1numbers');
}

function bounds(field: Json): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field as Record<string, number | undefined>;
  const low =
    exclusiveMinimum !== undefined ? `> ${exclusiveMinimum}` : minimum !== undefined && minimum > -9e15 ? `>= ${minimum}` : '';
  const high =
    exclusiveMaximum !== undefined ? `< ${exclusiveMaximum}` : maximum !== undefined && maximum < 9e15 ? `<= ${maximum}` : '';
  return low || high ? ` ${[low, high].filter(Boolean).join(', ')}` : '';
}
