/** What a state is a state of: the fields of a pipeline that give its numbers their meaning, kept with them. */
import { TidecastError } from '../core/errors.ts';
import type { Saved, Stateful } from '../core/state.ts';
import type { Spec } from './spec.ts';

/** Changes that one error tells of at most. */
const MOST = 5;

/**
 * A part that refuses (`STATE_SHAPE`, with what changed) the state of a pipeline with other channels, window, forecasters or seed.
 * What may change is not in it: where ticks come from and go to, cleaning, gaps, how to train, limits.
 */
export function stateIdentity(spec: Spec, channels: readonly string[]): Stateful {
  const { gaps: _, ...window } = spec.window;
  const models = spec.forecast.models.map(({ type, config }) => {
    // other weights of the same shape are taken up like those of a training
    const { weights: __, ...own } = config as { weights?: unknown };
    return { type, config: own };
  });
  const { score_every: ___, ...rest } = spec.forecast;
  const forecast = { ...rest, models };
  const retrained = spec.retrain !== undefined && !spec.state.shared;
  const { error, inputs } = spec.retrain?.drift ?? {};
  const drift = retrained && (error || inputs) ? { error, inputs } : undefined;
  const now = leaves({ channels, forecast, retrain: retrained, drift, seed: spec.seed, window });
  return {
    snapshot: (): Saved => ({ names: [...now.keys()], values: [...now.values()] }),
    restore: (saved) => {
      const { names, values } = saved as { names: string[]; values: string[] };
      const then = new Map(names.map((name, i) => [name, values[i]!]));
      const changed = [...new Set([...then.keys(), ...now.keys()])].filter((name) => then.get(name) !== now.get(name));
      if (changed.length === 0) return;
      const told = changed.slice(0, MOST).map((name) => [name, `${then.get(name) ?? 'none'}, now ${now.get(name) ?? 'none'}`]);
      throw new TidecastError('STATE_SHAPE', {
        ...Object.fromEntries(told),
        ...(changed.length > MOST ? { more: changed.length - MOST } : {}),
      });
    },
  };
}

/** `forecast.models.0.type` -> `"naive"`; a list of plain values is one leaf. */
function leaves(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (value === undefined) return into;
  if (value === null || typeof value !== 'object') return into.set(path, JSON.stringify(value));
  const plain = Array.isArray(value) && value.every((each) => each === null || typeof each !== 'object');
  if (plain) return into.set(path, JSON.stringify(value));
  for (const [key, each] of Object.entries(value)) leaves(each, path === '' ? key : `${path}.${key}`, into);
  return into;
}
