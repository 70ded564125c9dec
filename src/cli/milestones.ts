/** What happened to the models in a run, in the order of time: for reports. */
import type { EventBus, EventName } from '../core/events.ts';

/** Events that are told: few in number, but for drift of many series. */
const NAMES = [
  'drift.detected',
  'training.started',
  'training.finished',
  'training.failed',
  'training.skipped',
  'weights.swapped',
  'model.promoted',
] as const satisfies readonly EventName[];
/** Of each, so many are kept; the rest is counted by the metrics only. */
const MOST = 10_000;

export interface Milestone {
  readonly event: EventName;
  readonly [fact: string]: unknown;
}

/** A list that grows as things happen. */
export function milestones(events: EventBus): readonly Milestone[] {
  const told: Milestone[] = [];
  for (const event of NAMES) {
    let n = 0;
    events.on(event, (facts) => {
      if (n++ < MOST) told.push({ event, ...facts });
    });
  }
  return told;
}
