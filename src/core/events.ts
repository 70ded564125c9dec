/**
 * What happened, for whoever watches: console, live view, metrics, log. Listeners can change nothing.
 *
 * One table: event name, payload, when. The reference page of events is generated from it. `shadow`: it happened to the shadow of that name.
 */
export interface Events {
  'run.started': { pipeline: string; resumed: boolean; rows: number };
  'run.stopped': { rows: number; clean: boolean };
  'seasons.found': { seasons: readonly number[]; rows: number; time: number; first?: number | undefined };
  'seasons.off': { reason: string };
  'ticks.ingested': { rows: number; total: number; time: number };
  'ticks.rejected': { reason: string; count: number };
  'series.opened': { lanes: number };
  'series.evicted': { series: string };
  'intervals.differed': { interval: number; series: string; apart: number; other?: string; otherApart?: number };
  'series.quarantined': { series: string; reason: string; shadow?: string };
  'drift.watched': { error: boolean; inputs: boolean; share: number; coolDown: number; shadow?: string };
  'drift.detected': { series: string; detector: 'adwin' | 'page-hinkley'; of: string; time: number; shadow?: string };
  'training.started': { trigger: number; rows: number; series: number; reason: 'schedule' | 'drift'; shadow?: string };
  'training.finished': {
    trigger: number;
    milliseconds: number;
    loss: number;
    champion: number;
    challenger: number;
    accepted: boolean;
    reason: 'schedule' | 'drift';
    shadow?: string;
  };
  'training.failed': { trigger: number; reason: string; shadow?: string };
  'training.skipped': { trigger: number; reason: string; shadow?: string };
  'model.promoted': { trigger: number; name: string; gain: number; rows: number };
  'weights.given': { trigger: number; hash: string; shadow?: string };
  'weights.swapped': { trigger: number; version: number; hash: string; shadow?: string };
  'checkpoint.saved': { generation: number; rows: number; pauseMilliseconds: number; milliseconds: number; bytes: number };
  'checkpoint.damaged': { file: string; reason: string };
  'checkpoint.started': { rows: number };
  'source.connected': { source: string; endpoint: string };
  'source.waiting': { source: string; endpoint: string; reason: string };
  'source.assigned': { source: string; partitions: readonly number[] };
  'source.revoked': { source: string; partitions: readonly number[] };
  'source.lag': { source: string; partition: number; lag: number };
  'source.committed': { source: string; partition: number; offset: number };
  'sink.connected': { sink: string; endpoint: string };
  'sink.waiting': { sink: string; endpoint: string; reason: string; attempt: number; wait: number };
  'sink.written': { sink: string; points: number; bytes: number; milliseconds: number };
  'points.refused': { sink: string; reason: string; count: number };
  'retraining.off': { reason: string };
  'partition.waiting': { partition: number; reason: string };
}

export type EventName = keyof Events;

/** When each event is sent; the keys are checked against {@link Events} by the compiler. */
export const EVENTS: Readonly<Record<EventName, string>> = {
  'run.started': 'The line was built and, if there was a checkpoint, restored; no tick was read yet.',
  'run.stopped': 'The last checkpoint was taken and the sinks are closed.',
  'seasons.found':
    'Where the pipeline names no season: lengths in rows, found in so many rows up to `time`, or taken from the model of `forecast.weights` (0 rows); before the line begins. `first`: where every row would be scored, the first rows of each series, which were looked at; they are not scored if a season was found in them.',
  'seasons.off': 'The pipeline names no season, and none was looked for.',
  'ticks.ingested': 'A batch went through the whole line; `time` is its newest event time.',
  'ticks.rejected': 'Ticks were refused and sent to the dead letters.',
  'series.opened': 'Series got lanes for the first time or again; `lanes` are open now.',
  'series.evicted': 'A series was idle for longer than its time to live and was spilled.',
  'intervals.differed':
    'With `grid: rows`: the rows of a series lie `apart` (median, ms), which differs from `window.interval` (`interval`), or from what the rows of another series do, by a factor of 2 or more. Once.',
  'series.quarantined': 'A forecaster failed on a series; the others go on.',
  'drift.watched':
    'The line watches for drift: the forecast error (`adwin`), the inputs (`page-hinkley`), or both. Where that `share` of the series has drifted a training comes early, but not within `coolDown` (event time, ms) of the last one.',
  'drift.detected':
    'A series left what it was like before: `adwin` in the forecast error of the target `of`, `page-hinkley` in the channel `of`.',
  'training.started': 'A retraining began for the trigger at that event time; `reason`: why then.',
  'training.finished':
    'A retraining ended, which came by schedule or early, because of drift (`reason`). The new network is taken if its loss on held-out rows (`challenger`) is below that of the old one (`champion`); not numbers: there is none. `accepted`: new weights are used, of the network or of what is fitted anew beside it.',
  'training.failed': 'A retraining threw, diverged or was stopped; the old weights stay.',
  'training.skipped': 'A trigger passed without training: too few rows.',
  'model.promoted':
    'The forecast of that name is sent out from here on; its MAE over so many rows was lower by `gain`, a share, at every step.',
  'weights.given':
    'The line begins with the weights of `forecast.weights`; they are in force for rows later than `trigger`, where what they learned from ends (-Infinity: for all).',
  'weights.swapped': 'New weights are in force for rows later than trigger + lag.',
  'checkpoint.saved': 'A generation of the state is durable.',
  'checkpoint.damaged': 'A generation could not be used; the one before it was.',
  'checkpoint.started': 'The line was cut; the copy is on its way to the sinks and the disk.',
  'source.connected': 'The source reached its server, for the first time or again.',
  'source.waiting': 'The source’s server is away or not ready; it is tried again until it answers.',
  'source.assigned': 'Partitions were given to this process; the list is all that it has now.',
  'source.revoked': 'Partitions were taken from this process; nothing of them is written or committed from here on.',
  'source.lag': 'How many messages of a partition are still to be read; at most every second.',
  'source.committed': 'The source was told that everything before this offset is safe.',
  'sink.connected': 'The sink’s server took something, for the first time or again.',
  'sink.waiting': 'The sink’s server did not take a request; it is sent again after `wait` ms, and nothing is lost meanwhile.',
  'sink.written': 'A request of so many points was acknowledged.',
  'points.refused': 'Points that the other side will never take went to the refused points of the state folder.',
  'retraining.off': 'The pipeline has a `retrain` section, but the weights stay as they are in this run.',
  'partition.waiting': 'A partition given to this process waits for the process that had it before.',
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
