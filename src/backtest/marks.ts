/** What happened to the models on the way, on the axis of event time. */
import { EVENTS, type EventBus, type EventName } from '../core/events.ts';

/** Something that a reader wants to see beside the errors. */
export interface Mark {
  /** Event time, epoch ms. */
  readonly time: number;
  /** Name of the event. */
  readonly event: string;
  /** Its facts, as they were told. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Events about models and what they meet; a training says when it began by how it ended. */
const TOLD = /^(training\.(finished|failed|skipped)|weights\.(given|swapped)|drift\.|shadow\.|models?\.|seasons\.)/;

/** Of each event so many are kept; the rest is counted by the metrics only. */
const MOST = 10_000;

/** Collects marks while a line runs; the function gives what came so far. */
export function marksOf(events: EventBus): () => readonly Mark[] {
  const marks: Mark[] = [];
  const kept = new Map<string, number>();
  for (const name of Object.keys(EVENTS).filter((each) => TOLD.test(each)) as EventName[]) {
    kept.set(name, 0);
    events.on(name, (payload) => {
      if (kept.get(name)! >= MOST) return;
      kept.set(name, kept.get(name)! + 1);
      const { trigger, time = trigger, ...facts } = payload as unknown as Record<string, unknown>;
      if (typeof time === 'number' && Number.isFinite(time)) marks.push({ time, event: name, facts });
    });
  }
  return () => marks;
}
