/** What watched for drift in a backtest, and what came of its alarms. */
import type { Events } from '../core/events.ts';
import type { Mark } from './marks.ts';

/** A watch as it was set: whose (of no shadow: the forecast's), over what, and its cool-down (event time, ms). */
export type DriftWatch = Events['drift.watched'];

/** The same with its alarms. */
export interface WatchedDrift extends DriftWatch {
  /** By detector. */
  readonly alarms: Readonly<Record<Events['drift.detected']['detector'], number>>;
  /** Those that came within the cool-down after a training. */
  readonly inCoolDown: number;
}

/** A training starts the cool-down whatever it came to, and so does a model that the line begins with. */
const STARTS = /^(training\.|weights\.given)/;

/** Counts the alarms of a watch; `marks` in the order in which they came. */
export function watchedDrift(watch: DriftWatch, marks: readonly Mark[]): WatchedDrift {
  const alarms = { adwin: 0, 'page-hinkley': 0 };
  let inCoolDown = 0;
  let trained = -Infinity;
  for (const { event, time, facts } of marks) {
    if (facts['shadow'] !== watch.shadow) continue;
    if (STARTS.test(event)) trained = time;
    if (event !== 'drift.detected') continue;
    alarms[facts['detector'] as keyof typeof alarms]++;
    if (time - trained < watch.coolDown) inCoolDown++;
  }
  return { ...watch, alarms, inCoolDown };
}
