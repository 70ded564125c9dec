/** `tidecast inspect`: what is in a folder of state or of a model, without changing or locking it. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { EXIT, TidecastError } from '../core/errors.ts';
import type { Saved } from '../core/state.ts';
import { columns, printable } from './cell.ts';
import type { Terminal } from './terminal.ts';
import type { Call, Verb } from './verbs.ts';

type Facts = Readonly<Record<string, unknown>>;

export const inspect: Verb = async (call, terminal) => {
  const [what, path] = call.arguments as [string, string];
  if (what !== 'state' && what !== 'model')
    throw new TidecastError('CLI_USAGE', { inspect: what.slice(0, 60), problem: 'can look into `state` or `model`' });
  const folder = resolve(terminal.folder, path);
  if (what === 'model') return model(folder, call, terminal);
  if (call.options['data'] ?? call.options['out'])
    throw new TidecastError('CLI_USAGE', { inspect: what, problem: '`--data` and `--out` go with `model`' });
  const found = await stateFacts(folder);
  terminal.out(call.options['json'] ? JSON.stringify(found, null, 2) : columns(rowsOf(found, '')).join('\n'));
  return EXIT.ok;
};

async function model(folder: string, call: Call, terminal: Terminal): Promise<number> {
  const { inspectModel, diagnosisText } = await import('./inspect-model.ts');
  const found = await inspectModel(folder, call, terminal);
  const { facts, diagnosis, passes } = found;
  if (call.options['json']) terminal.out(JSON.stringify({ ...facts, diagnosis, training: passes }, null, 2));
  else terminal.out([...columns(rowsOf(facts, '')), '', diagnosisText(found, terminal.paint)].join('\n').trimEnd());
  return EXIT.ok;
}

async function stateFacts(folder: string): Promise<Facts> {
  const { readNewest } = await import('../pipeline/state-store.ts');
  const newest = existsSync(folder) ? readNewest(folder) : undefined;
  if (!newest) throw new TidecastError('CLI_NO_STATE', { folder });
  return { file: newest.file, ...(outline(newest.state) as Facts) };
}

/** A state without its bulk: columns and long lists by their size. */
function outline(saved: Saved): unknown {
  if (ArrayBuffer.isView(saved)) return saved.length <= 8 ? [...saved] : `${saved.length} numbers`;
  if (Array.isArray(saved)) return saved.length <= 8 ? saved.map(outline) : `${saved.length} entries`;
  if (typeof saved !== 'object' || saved === null) return saved;
  const entries = Object.entries(saved as Readonly<Record<string, Saved>>);
  const shown = Object.fromEntries(entries.slice(0, 200).map(([key, each]) => [key, outline(each)]));
  return entries.length > 200 ? { ...shown, '...': `${entries.length - 200} more` } : shown;
}

/** Nested facts as rows: `lanes.size  3`. */
function rowsOf(facts: unknown, prefix: string): string[][] {
  if (typeof facts !== 'object' || facts === null) return [[prefix, printable(String(facts))]];
  const entries = Object.entries(facts);
  if (Array.isArray(facts) && facts.every((each) => typeof each !== 'object'))
    return [[prefix, facts.map((each) => printable(String(each), 80)).join(', ')]];
  return entries.flatMap(([key, each]) => rowsOf(each, prefix ? `${prefix}.${printable(key, 80)}` : printable(key, 80)));
}
