/** What forecasts: the ensemble with its training; and, where there is a shadow, a second one beside it on the same series. */
import { TidecastError } from '../core/errors.ts';
import { EventBus, type EventName, type Events } from '../core/events.ts';
import type { Beside } from '../forecast/beside.ts';
import { buildEnsemble } from '../forecast/build-ensemble.ts';
import { Duel } from '../forecast/duel.ts';
import type { Ensemble } from '../forecast/ensemble.ts';
import type { Recurrent } from '../forecast/recurrent.ts';
import type { Competitor } from '../stream/compete.ts';
import { Drift } from '../train/drift.ts';
import { calendar, type CalendarOptions } from '../window/calendar.ts';
import { attributesOf } from './attributes.ts';
import type { LineParts, Training } from './build.ts';
import { beginWith, givenFolder, keptWeights } from './given-weights.ts';
import type { Layout } from './layout.ts';
import { modelIdentity } from './model-identity.ts';
import { Promotion } from './promotion.ts';
import { Retraining, type RetrainingOptions } from './retraining.ts';
import { Rollback } from './rollback.ts';
import type { Spec } from './spec.ts';

/** What both are built from. */
export interface Kit {
  readonly parts: LineParts;
  readonly plan: Layout;
  readonly days: CalendarOptions;
}

export interface BuiltCompetitor extends Competitor {
  readonly ensemble: Ensemble;
  readonly recurrent: Recurrent | undefined;
  readonly gate: Retraining | undefined;
  readonly rollback: Rollback | undefined;
}

/** Builds the ensemble of a spec, and its training where there is a network. */
export function competitor(spec: Spec, { parts, plan, days }: Kit, training: Training | undefined): BuiltCompetitor {
  const { state, events } = parts;
  const { horizon, quantiles, season: seasons, models, output, baselines, warmup } = spec.forecast;
  const { ensemble, recurrent, inputs, ring } = buildEnsemble(state, {
    clock: calendar(days),
    targets: plan.targets.length,
    channels: plan.rowChannels,
    ring: spec.window.ring,
    seed: spec.seed,
    components: parts.forecasters,
    failed: (series, reason) => events.emit('series.quarantined', { series, reason }),
    scoreFrom: parts.scoreFrom,
    models: models.map((model, i) => ({ ...model, loaded: parts.loaded?.[i] })),
    ...{ horizon, quantiles, seasons, output, baselines, warmup, beside: besideOf(spec, plan) },
  });
  const trains = spec.retrain && inputs.trained && training;
  // a state that was trained on has its own
  const begins = spec.forecast.weights !== undefined && inputs.trained && !state.holds('retraining');
  const given = begins
    ? beginWith(
        inputs,
        givenFolder(parts.folder, spec.forecast.weights!),
        recurrent?.shape,
        modelIdentity(spec, parts.source.channels),
      )
    : undefined;
  if (given && trains) training.log.begin(given.until, inputs.box.current, recurrent?.shape);
  else if (given) state.add('weights', keptWeights(inputs.box));
  if (given) events.emit('weights.given', { trigger: given.until, hash: inputs.box.current.hash });
  const drift = trains ? driftOf(spec, parts, plan) : undefined;
  const gate = trains
    ? retraining(spec, parts, training, {
        calendar: days,
        ...{ ring, inputs, recurrent, drift, horizon, quantiles, given },
      })
    : undefined;
  const rollback =
    gate && training?.rollbacks
      ? new Rollback({ box: inputs.box, shape: recurrent?.shape }, training.log, training.rollbacks, events, parts.exact)
      : undefined;
  const scoreEvery = parts.sinks.some(({ takesScores }) => takesScores) ? { scoreEvery: spec.forecast.score_every } : {};
  return { ensemble, recurrent, gate, rollback, drift, ...scoreEvery };
}

/** What the trained models know beside the past, where the spec says so. */
function besideOf({ forecast: { known_ahead, attributes } }: Spec, { names, targets }: Layout): Beside | undefined {
  if (!known_ahead && !attributes) return undefined;
  const known = Object.entries(known_ahead ?? {}).map(([name, ahead]) => {
    const channel = names.indexOf(name);
    if (channel < targets.length)
      throw new TidecastError('SPEC_CHANNEL', { known_ahead: name, inputs: names.slice(targets.length).join(' ') });
    return { channel, ahead };
  });
  return { known, attributes: attributesOf(attributes ?? {}) };
}

/** Builds the shadow, and what decides who is in charge where it may be promoted. */
export function shadowOf(spec: Spec, shadow: NonNullable<Spec['shadow']>, kit: Kit) {
  const { parts, plan } = kit;
  const { state, exact, events } = parts;
  const named = { ...kit, parts: { ...parts, loaded: parts.shadowLoaded ?? [], events: eventsOf(shadow.name, events) } };
  const built = state.lanes.within('shadow.', () => competitor({ ...spec, ...shadow }, named, parts.shadow?.training));
  const { promote } = shadow;
  if (!promote || !parts.shadow) return { ...built, duel: undefined, promotion: undefined };
  const duel = new Duel(state, { targets: plan.targets.length, horizon: spec.forecast.horizon });
  const promotion = new Promotion({
    names: ['forecast', shadow.name],
    interval: spec.window.interval,
    log: parts.shadow.promotions,
    ...{ state, duel, exact, events, ...promote },
  });
  return { ...built, duel, promotion };
}

/** Tells what happens to the shadow with its name. */
function eventsOf(shadow: string, events: EventBus): EventBus {
  const own = new EventBus();
  const pass = <K extends EventName>(name: K) =>
    own.on(name, (payload: Events[K]) => events.emit(name, { ...payload, shadow } as Events[K]));
  pass('drift.watched');
  pass('drift.detected');
  pass('training.started');
  pass('training.finished');
  pass('training.failed');
  pass('training.skipped');
  pass('weights.given');
  pass('weights.swapped');
  pass('series.quarantined');
  return own;
}

/** Rows over all series that one training uses at most. */
const MAX_TRAINING_ROWS = 200_000;

/** The watch for drift, where it is wanted. */
function driftOf(spec: Spec, { state, events }: LineParts, { names, targets }: Layout): Drift | undefined {
  const { error, inputs, share, cool_down } = spec.retrain!.drift;
  if (!error && !inputs) return undefined;
  const { horizon, season } = spec.forecast;
  const coolDown = cool_down ?? spec.retrain!.every / (spec.retrain!.growing ? 1 : 4);
  events.emit('drift.watched', { error, inputs, share, coolDown });
  return new Drift(state, {
    channels: names,
    targets: targets.length,
    season: season[0],
    ...{ horizon, error, inputs, share, coolDown, events },
  });
}

function retraining(
  spec: Spec,
  parts: LineParts,
  { runner, log }: Training,
  of: Omit<
    RetrainingOptions,
    'state' | 'clock' | 'signal' | 'every' | 'growing' | 'lag' | 'exact' | 'training' | 'events' | 'runner' | 'log' | 'seed'
  >,
): Retraining {
  const { every, growing, lag, rows, holdout, epochs, batch, steps, burn_in, learning_rate, weight_decay, clip, loss } =
    spec.retrain!;
  const training = {
    rows,
    maxRows: MAX_TRAINING_ROWS,
    holdout,
    epochs,
    batch,
    steps,
    burnIn: burn_in,
    learningRate: learning_rate,
    weightDecay: weight_decay,
    clip,
    loss,
  };
  const { state, events, exact, clock, signal } = parts;
  return new Retraining({
    ...{ state, clock, signal, every, growing, lag, exact, training, events, runner, log },
    seed: spec.seed,
    ...of,
  });
}
