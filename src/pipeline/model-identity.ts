/** What a trained model is a model of: the fields of a pipeline that give its tensors their meaning, kept with them. */
import { namesOf } from './attributes.ts';
import { layout } from './layout.ts';
import type { Spec } from './spec.ts';

/** Plain JSON. */
export type ModelIdentity = Readonly<Record<string, unknown>>;

/** The models that are trained, and not only updated. */
const TRAINED = ['boosted', 'recurrent', 'ridge'];

/** The identity of the trained models of a pipeline over such channels. What may change is not in it: other models, output, cleaning, memory. */
export function modelIdentity(spec: Spec, channels: readonly string[]): ModelIdentity {
  const { horizon, quantiles, season, known_ahead, attributes, models } = spec.forecast;
  const { ring: _, gaps: __, ...window } = spec.window;
  const { targets, names } = layout(spec, channels);
  return {
    window,
    channels: names,
    ...{ targets, horizon, quantiles, season, known_ahead, attributes: attributes && namesOf(attributes) },
    models: TRAINED.filter((trained) => models.some(({ type }) => type === trained)),
  };
}
