/** A stretch of a line in memory: from a snapshot, or from nothing, to the end of its rows or to where it is stopped. */
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import type { Reject } from '../../src/core/batch.ts';
import { ManualClock, type Clock } from '../../src/core/clock.ts';
import type { Source } from '../../src/core/connector.ts';
import { EventBus, type EventName, EVENTS } from '../../src/core/events.ts';
import type { Spill } from '../../src/core/lanes.ts';
import { State, type StateSnapshot } from '../../src/core/state.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { buildLine } from '../../src/pipeline/build.ts';
import type { Spec } from '../../src/pipeline/spec.ts';
import { PROMOTIONS, type PromotionRecord } from '../../src/pipeline/promotion.ts';
import { RecordLog } from '../../src/pipeline/record-log.ts';
import type { RollbackRequests } from '../../src/pipeline/rollback.ts';
import { SwapLog } from '../../src/pipeline/swap-log.ts';
import { train } from '../../src/train/train.ts';
import type { TrainingRunner } from '../../src/train/worker.ts';
import { memorySource, record, type Row } from './whole-line.ts';

export interface Stretch {
  readonly rows?: readonly Row[];
  /** In place of `rows`. */
  readonly source?: Source;
  readonly batches?: readonly number[];
  readonly from?: StateSnapshot | undefined;
  /** Stops after so many rows of the input, as Ctrl-C would. */
  readonly until?: number;
  readonly exact?: boolean;
  /** Where swaps are recorded. */
  readonly folder: string;
  readonly spill?: Spill;
  readonly clock?: Clock;
  readonly runner?: TrainingRunner;
  /** A training's result comes after so many rows; Infinity: never, so that only what is recorded can be swapped. */
  readonly slow?: number | undefined;
  readonly rollbacks?: RollbackRequests;
  /** Snapshots are kept at these numbers of rows. */
  readonly keepAt?: readonly number[];
}

export interface StretchEnd {
  readonly outputs: Map<string, string>;
  readonly rejects: Reject[];
  readonly hash: string;
  readonly snapshot: StateSnapshot;
  readonly kept: Map<number, StateSnapshot>;
  readonly events: { readonly name: EventName; readonly payload: Record<string, unknown> }[];
  readonly state: State;
}

/** Every challenger is accepted, so that a swap is certain to show. */
export const eager: TrainingRunner = async (job) => ({ ...train(job), accepted: true });

/** Runs it. */
export async function stretch(spec: Spec, options: Stretch): Promise<StretchEnd> {
  const { rows = [], batches = [64], from, until, exact = true, folder, runner = eager, slow, keepAt = [] } = options;
  const state = new State({ maxLanes: spec.state.max_lanes });
  if (from) state.restore(structuredClone(from));
  if (options.spill) state.lanes.spillTo(options.spill);
  const outputs = new Map<string, string>();
  const rejects: Reject[] = [];
  const events: StretchEnd['events'] = [];
  const bus = new EventBus();
  for (const name of Object.keys(EVENTS) as EventName[])
    bus.on(name, (payload) => void events.push({ name, payload: payload as Record<string, unknown> }));
  const stop = new AbortController();
  const kept = new Map<number, StateSnapshot>();
  const waiting: { at: number; done: () => void }[] = [];
  let ingested = 0;
  const later: TrainingRunner = async (job) => {
    const result = runner(job);
    result.catch(() => undefined);
    await new Promise<void>((done) => waiting.push({ at: ingested + slow!, done }));
    return result;
  };
  const line = buildLine(spec, {
    state,
    source: options.source ?? memorySource(rows.slice(0, until), batches, () => until !== undefined && stop.abort()),
    sinks: [
      {
        open: async () => undefined,
        write: (batch) => record(batch, outputs),
        reject: (some) => void rejects.push(...some),
        flush: async () => undefined,
        close: async () => undefined,
      },
    ],
    forecasters: FORECASTERS,
    clock: options.clock ?? new ManualClock(),
    events: bus,
    signal: stop.signal,
    exact,
    paced: false,
    training: {
      runner: slow === undefined ? runner : later,
      log: new SwapLog(folder),
      rollbacks: options.rollbacks,
    },
    shadow: {
      training: { runner: slow === undefined ? runner : later, log: new SwapLog(join(folder, 'shadow')) },
      promotions: new RecordLog<PromotionRecord>(folder, PROMOTIONS),
    },
    between: async (place) => {
      ingested = place.rows;
      if (keepAt.includes(place.rows)) kept.set(place.rows, structuredClone(state.snapshot()));
      for (const { at, done } of waiting) if (at <= place.rows) done();
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  if (from) state.assertClaimed();
  await lastValueFrom(line.forecasts$, { defaultValue: undefined });
  await line.delivery.room();
  return { outputs, rejects, hash: state.hash(), snapshot: structuredClone(state.snapshot()), kept, events, state };
}

/** Evicted lanes in memory. */
export function memorySpill(): Spill & { readonly kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    put: (key, bytes) => void kept.set(key, bytes.slice()),
    take: (key) => {
      const bytes = kept.get(key);
      kept.delete(key);
      return bytes;
    },
    peek: (key) => kept.get(key),
    keys: () => kept.keys(),
  };
}
