/** What a state is a state of: the fields of a pipeline that give its numbers their meaning, kept with them. */
import { TidecastError } from '../core/errors.ts';
import type { Saved, Stateful } from '../core/state.ts';
import { namesOf } from './attributes.ts';
import type { Spec } from './spec.ts';

/** Changes that one error tells of at most. */
const MOST = 5;

/**
 * A part that refuses (`STATE_SHAPE`, with what changed) the state of a pipeline with other channels, window, forecasters or seed.
 * What may change is not in it: where ticks come from and go to, cleaning, gaps, how to train, limits.
 */
export function stateIdentity(spec: Spec, channels: readonly string[]): Stateful {
  const { gaps: _, ...window } = spec.window;
  const { shared } = spec.state;
  const shadow = spec.shadow && { ...own(spec.shadow, shared), promoted: spec.shadow.promote !== undefined };
  const now = { channels, ...own(spec, shared), shadow, seed: spec.seed, window };
  return {
    snapshot: (): Saved => {
      const all = leaves(now);
      return { names: [...all.keys()], values: [...all.values()] };
    },
    restore: (saved) => {
      const { names, values } = saved as { names: string[]; values: string[] };
      const changed = changes(new Map(names.map((name, i) => [name, values[i]!])), leaves(now));
      if (changed) throw new TidecastError('STATE_SHAPE', changed);
    },
  };
}

/** What differs between two values as {@link leaves}, for an error; undefined where nothing does. */
export function changes(
  then: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): Record<string, string | number> | undefined {
  const changed = [...new Set([...then.keys(), ...now.keys()])].filter((name) => then.get(name) !== now.get(name));
  if (changed.length === 0) return undefined;
  const told = changed.slice(0, MOST).map((name) => [name, `${then.get(name) ?? 'none'}, now ${now.get(name) ?? 'none'}`]);
  return { ...Object.fromEntries(told), ...(changed.length > MOST ? { more: changed.length - MOST } : {}) };
}

/** What a forecast and its training put into the state. */
function own({ forecast, retrain }: Pick<Spec, 'forecast' | 'retrain'>, shared: boolean) {
  // other weights of the same shape are taken up like those of a training
  const { score_every: _, weights: __, attributes, ...rest } = forecast;
  const retrained = retrain !== undefined && !shared;
  const { error, inputs } = retrain?.drift ?? {};
  return {
    // a further series of a known kind changes nothing
    forecast: { ...rest, attributes: attributes && namesOf(attributes) },
    retrain: retrained,
    drift: retrained && (error || inputs) ? { error, inputs } : undefined,
  };
}

/** `forecast.models.0.type` -> `"naive"`; a list of plain values is one leaf. */
export function leaves(value: unknown, path = '', into = new Map<string, string>()): Map<string, string> {
  if (value === undefined) return into;
  if (value === null || typeof value !== 'object') return into.set(path, JSON.stringify(value));
  const plain = Array.isArray(value) && value.every((each) => each === null || typeof each !== 'object');
  if (plain) return into.set(path, JSON.stringify(value));
  for (const [key, each] of Object.entries(value)) leaves(each, path === '' ? key : `${path}.${key}`, into);
  return into;
}
