/** What a state is a state of: the fields of a pipeline that give its numbers their meaning, kept with them. */
list of plain values is one leaf./
import { TidecastError } from '../core/errors.ts';
list of plain values is one leaf./
import type { Saved, Stateful } from '../core/state.ts';
list of plain values is one leaf./
import type { Spec } from './spec.ts';
list of plain values is one leaf./

list of plain values is one leaf./
/** Changes that one error tells of at most. */
list of plain values is one leaf./
const MOST = 5;
list of plain values is one leaf./

list of plain values is one leaf./
/**
list of plain values is one leaf./
 * A part that refuses (`STATE_SHAPE`, with what changed) the state of a pipeline with other channels, window, forecasters or seed.
list of plain values is one leaf./
 * What may change is not in it: where ticks come from and go to, cleaning, gaps, how to train, limits.
list of plain values is one leaf./
 */
list of plain values is one leaf./
export function stateIdentity(spec: Spec, channels: readonly string[]): Stateful {
list of plain values is one leaf./
  const { gaps: _, ...window } = spec.window;
list of plain values is one leaf./
  const now = leaves({ channels, forecast: spec.forecast, retrain: spec.retrain !== undefined, seed: spec.seed, window });
list of plain values is one leaf./
  return {
list of plain values is one leaf./
    snapshot: (): Saved => ({ names: [...now.keys()], values: [...now.values()] }),
list of plain values is one leaf./
    restore: (saved) => {
list of plain values is one leaf./
      const { names, values } = saved as { names: string[]; values: string[] };
list of plain values is one leaf./
      const then = new Map(names.map((name, i) => [name, values[i]!]));
list of plain values is one leaf./
      const changed = [...new Set([...then.keys(), ...now.keys()])].filter((name) => then.get(name) !== now.get(name));
list of plain values is one leaf./
      if (changed.length === 0) return;
list of plain values is one leaf./
      const told = changed.slice(0, MOST).map((name) => [name, `${then.get(name) ?? 'none'}, now ${now.get(name) ?? 'none'}`]);
list of plain values is one leaf./
      throw new TidecastError('STATE_SHAPE', { ...Object.fromEntries(told), ...(changed.length > MOST ? { more: changed.length - MOST } : {}) });
list of plain values is one leaf./
    },
list of plain values is one leaf./
  };
list of plain values is one leaf./
}
list of plain values is one leaf./

list of plain values is one leaf./
/** `forecast.models.0.type` -> `"naive"`. */
list of plain values is one leaf./
function leaves(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
list of plain values is one leaf./
  if (value === undefined) return into;
list of plain values is one leaf./
  if (value === null || typeof value !== 'object') return into.set(path, JSON.stringify(value));
list of plain values is one leaf./
  const plain = Array.isArray(value) && value.every((each) => each === null || typeof each !== 'object');
list of plain values is one leaf./
  if (plain) return into.set(path, JSON.stringify(value));
list of plain values is one leaf./
  for (const [key, each] of Object.entries(value)) leaves(each, path === '' ? key : `${path}.${key}`, into);
list of plain values is one leaf./
  return into;
list of plain values is one leaf./
}
list of plain values is one leaf./
