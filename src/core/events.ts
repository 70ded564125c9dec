/**
 * What happened, for whoever watches: console, live view, metrics, log. Listeners can change nothing.
 *
 * One table: event name, payload, when. The reference page of events is generated from it.
 */
export interface Events {
  'run.started': { pipeline: string; resumed: boolean; rows: number };
  'run.stopped': { rows: number; clean: boolean };
  'ticks.ingested': { rows: number; total: number; time: number };
  'ticks.rejected': { reason: string; count: number };
  'series.opened': { lanes: number };
  'series.evicted': { series: string };
  'series.quarantined': { series: string; reason: string };
  'training.started': { trigger: number; rows: number; series: number };
  'training.finished': {
    trigger: number;
    milliseconds: number;
    loss: number;
    champion: number;
    challenger: number;
    accepted: boolean;
  };
  'training.failed': { trigger: number; reason: string };
  'training.skipped': { trigger: number; reason: string };
  'weights.swapped': { trigger: number; version: number; hash: string };
  'checkpoint.saved': { generation: number; rows: number; pauseMilliseconds: number; milliseconds: number; bytes: number };
  'checkpoint.damaged': { file: string; reason: string };
  'sink.busy': { pending: number };
}

export type EventName = keyof Events;

/** When each event is sent; the keys are checked against {@link Events} by the compiler. */
export const EVENTS: Readonly<Record<EventName, string>> = {
  'run.started': 'The line was built and, if there was a checkpoint, restored; no tick was read yet.',
  'run.stopped': 'The last checkpoint was taken and the sinks are closed.',
  'ticks.ingested': 'A batch went through the whole line; `time` is its newest event time.',
  'ticks.rejected': 'Ticks were refused and sent to the dead letters.',
  'series.opened': 'Series got lanes for the first time or again; `lanes` are open now.',
  'series.evicted': 'A series was idle for longer than its time to live and was spilled.',
  'series.quarantined': 'A forecaster failed on a series; the others go on.',
  'training.started': 'A retraining began for the trigger at that event time.',
  'training.finished': 'A retraining ended; the challenger is accepted if its loss on held-out rows is below the champion’s.',
  'training.failed': 'A retraining threw, diverged or was stopped; the old weights stay.',
  'training.skipped': 'A trigger passed without training: too few rows.',
  'weights.swapped': 'New weights are in force for rows later than trigger + lag.',
  'checkpoint.saved': 'A generation of the state is durable.',
  'checkpoint.damaged': 'A generation could not be used; the one before it was.',
  'sink.busy': 'Pulling waits for the sinks.',
};

type Listener<K extends EventName> = (payload: Events[K]) => void;

/** The bus. An event object is handed to every listener of its name; a throwing listener hurts nobody. */
export class EventBus {
  readonly #listeners = new Map<EventName, Set<Listener<never>>>();

  on<K extends EventName>(name: K, listener: Listener<K>): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listener as Listener<never>);
    return () => set.delete(listener as Listener<never>);
  }

  emit<K extends EventName>(name: K, payload: Events[K]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as Listener<K>)(payload);
      } catch {
        // a watcher can change nothing, not even by failing
      }
    }
  }
}
