/** Secrets are never shown: whatever a verb says goes through a veil that knows the secrets of its pipeline. */
import type { PipelineComponents } from '../pipeline/check.ts';
import { FieldSchemas } from '../pipeline/field-schemas.ts';
import type { Part } from '../pipeline/part.ts';
import { pipelineSchema, type Spec } from '../pipeline/spec.ts';
import type { Terminal } from './terminal.ts';

/** Puts `***` in place of every secret. */
export type Veil = (text: string) => string;

/** Shorter ones are left alone: hiding every `a` tells what the secret is. */
const SHORTEST = 4;
const IN_ADDRESS = /\/\/[^/\s:@]*:([^/\s@]+)@/;

/** The veil over the fields that are marked secret, and over passwords inside of addresses. */
export function veilOver(spec: Spec, components: PipelineComponents): Veil {
  const written = { source: flat(spec.source), history: spec.history && flat(spec.history), sinks: spec.sinks.map(flat) };
  const fields = new FieldSchemas(() => pipelineSchema(components));
  const secrets = new Set<string>();
  const walk = (value: unknown, path: readonly (string | number)[]): void => {
    if (Array.isArray(value)) value.forEach((each, i) => walk(each, [...path, i]));
    else if (typeof value === 'object' && value !== null)
      for (const [key, each] of Object.entries(value)) walk(each, [...path, key]);
    else if (typeof value === 'string' || typeof value === 'number') {
      const text = String(value);
      const inside = IN_ADDRESS.exec(text)?.[1];
      for (const secret of [fields.isSecret(path, written) ? text : undefined, inside])
        if (secret !== undefined && secret.length >= SHORTEST) for (const form of forms(secret)) secrets.add(form);
    }
  };
  walk(written, []);
  // a secret that is part of another would leave the rest of it to be seen
  const longest = [...secrets].sort((a, b) => b.length - a.length);
  return (text) => longest.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
}

/** A terminal that says everything through the veil; what is JSON stays JSON. */
export function veiled(terminal: Terminal, veil: Veil): Terminal {
  const shown = (text: string) => {
    const document = text.startsWith('{') ? parsed(text) : undefined;
    return document === undefined ? veil(text) : JSON.stringify(veiledDeep(document, veil), null, text.includes('\n') ? 2 : 0);
  };
  return { ...terminal, out: (text) => terminal.out(shown(text)), err: (text) => terminal.err(shown(text)) };
}

/** A value with every text in it veiled; numbers and keys are as they were. */
export function veiledDeep<T>(value: T, veil: Veil): T {
  if (typeof value === 'string') return veil(value) as T;
  if (Array.isArray(value)) return value.map((each: unknown) => veiledDeep(each, veil)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, veiledDeep(each as unknown, veil)])) as T;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function flat({ type, config }: Part): Record<string, unknown> {
  return { ...(config as object), type };
}

/** As it is, inside JSON text, and inside an address. */
function forms(secret: string): string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret), encodeURI(secret)];
}
