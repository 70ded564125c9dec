/** Ticks as tests write them, and the line of clean and window that they are fed to. */
import { Subject } from 'rxjs';
import type { Reject, RowBatch, TickBatch } from '../../src/core/batch.ts';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { clean, type CleanOptions } from '../../src/stream/clean.ts';
import { window, type WindowOptions } from '../../src/stream/window.ts';

export interface Tick {
  readonly key: string;
  readonly time: number;
  readonly values: readonly number[];
  readonly id?: number | undefined;
}

/** A tick, or a watermark. */
export type Item = Tick | { readonly watermark: number };

/** A batch of ticks; opens their lanes, as ingest does. `offset` is that of the first. */
export function batchOf(state: State, ticks: readonly Tick[], offset = 0, watermark?: number): TickBatch {
  const channels = ticks[0]?.values.length ?? 0;
  return {
    partition: 0,
    lanes: Int32Array.from(ticks, ({ key }) => state.lanes.lane(key)),
    times: Float64Array.from(ticks, ({ time }) => time),
    channels: Array.from({ length: channels }, (_, c) => Float64Array.from(ticks, ({ values }) => values[c]!)),
    ids: ticks.some(({ id }) => id !== undefined) ? Float64Array.from(ticks, ({ id }) => id ?? NaN) : undefined,
    offsets: Float64Array.from(ticks, (_, i) => offset + i),
    watermark,
  };
}

/** Cuts items into batches before the given positions, and wherever a watermark ends one. */
export function cut(
  items: readonly Item[],
  before: (at: number) => boolean,
): { ticks: Tick[]; offset: number; watermark?: number }[] {
  const batches: { ticks: Tick[]; offset: number; watermark?: number }[] = [];
  let open: { ticks: Tick[]; offset: number; watermark?: number } | undefined;
  items.forEach((item, at) => {
    if (!open || before(at)) batches.push((open = { ticks: [], offset: at }));
    if ('watermark' in item) {
      open.watermark = item.watermark;
      open = undefined;
    } else open.ticks.push(item);
  });
  return batches;
}

/** A row, whose lane no longer matters. */
export type Row = readonly [time: number, elapsed: number, steps: number, flags: number, ...values: number[]];

export interface Result {
  /** Rows by series, in order. */
  readonly rows: Map<string, Row[]>;
  readonly rejects: Reject[];
  /** State hash at the end. */
  readonly hash: string;
}

export interface LineOptions {
  readonly clean: CleanOptions;
  readonly window: Omit<WindowOptions, 'channels'>;
}

/** Feeds items through clean and window, cut and restarted where told; a restart goes on from a snapshot in a new state. */
export function feed(
  items: readonly Item[],
  options: LineOptions,
  { before = () => false, restart = () => false }: { before?: (at: number) => boolean; restart?: (at: number) => boolean } = {},
): Result {
  const rows = new Map<string, Row[]>();
  const rejects: Reject[] = [];
  let state = new State();
  let source = line(state, options, rows, rejects);
  for (const { ticks, offset, watermark } of cut(items, (at) => before(at) || restart(at))) {
    if (offset > 0 && restart(offset)) {
      const saved = state.snapshot();
      // what the old line does after the snapshot must not show in it
      const astray: Tick[] = ticks.map((tick) => ({ ...tick, time: tick.time + 1000, values: tick.values.map(() => -1) }));
      const kept = new Map([...rows].map(([key, list]) => [key, [...list]]));
      const rejected = rejects.length;
      source.next(batchOf(state, astray, offset, watermark));
      rejects.length = rejected;
      rows.clear();
      for (const [key, list] of kept) rows.set(key, list);
      state = new State();
      // stations may be built before the state is restored, or after
      const first = offset % 2 === 0;
      if (first) state.restore(saved);
      source = line(state, options, rows, rejects);
      if (!first) state.restore(saved);
      state.assertClaimed();
    }
    source.next(batchOf(state, ticks, offset, watermark));
  }
  return { rows, rejects, hash: state.hash() };
}

function line(state: State, options: LineOptions, rows: Map<string, Row[]>, rejects: Reject[]): Subject<TickBatch> {
  const source = new Subject<TickBatch>();
  const reject = (one: Reject): void => void rejects.push(one);
  const channels = options.clean.channels ?? options.clean.targets;
  source
    .pipe(clean(state, { ...options.clean, reject }), window(state, { ...options.window, channels, reject }))
    .subscribe((batch) => {
      for (const [key, row] of rowsOf(state, batch)) rows.set(key, [...(rows.get(key) ?? []), row]);
    });
  return source;
}

/** The rows of a batch with their series' names. */
export function rowsOf(state: State, batch: RowBatch): [string, Row][] {
  return Array.from({ length: batch.length }, (_, i) => {
    const values = batch.values.subarray(i * batch.channels, (i + 1) * batch.channels);
    return [
      state.lanes.keys[batch.lanes[i]!]!,
      [batch.times[i]!, batch.elapsed[i]!, batch.steps[i]!, batch.flags[i]!, ...values],
    ];
  });
}

/** Another interleaving of the same ticks: each series' own order is kept. */
export function interleave(ticks: readonly Tick[], seed: number): Tick[] {
  const random = new Random(seed);
  const order = random.permutation(ticks.length);
  const labels = [...order].map((i) => ticks[i]!.key);
  const queues = new Map<string, Tick[]>();
  for (const tick of ticks) queues.set(tick.key, [...(queues.get(tick.key) ?? []), tick]);
  return labels.map((key) => queues.get(key)!.shift()!);
}
