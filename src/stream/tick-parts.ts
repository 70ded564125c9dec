/** Parts of tick batches, column by column. */
import type { TickBatch } from '../core/batch.ts';

/** Rows `from .. to`, as views. */
export function slice(ticks: TickBatch, from: number, to: number): TickBatch {
  return {
    partition: ticks.partition,
    lanes: ticks.lanes.subarray(from, to),
    times: ticks.times.subarray(from, to),
    channels: ticks.channels.map((channel) => channel.subarray(from, to)),
    offsets: ticks.offsets.subarray(from, to),
    ...(ticks.ids ? { ids: ticks.ids.subarray(from, to) } : {}),
  };
}

/** Some rows, copied. */
export function pick(ticks: TickBatch, rows: readonly number[]): TickBatch {
  const take = (column: Float64Array) => Float64Array.from(rows, (i) => column[i]!);
  return {
    partition: ticks.partition,
    lanes: Int32Array.from(rows, (i) => ticks.lanes[i]!),
    times: take(ticks.times),
    channels: ticks.channels.map(take),
    offsets: take(ticks.offsets),
    ...(ticks.ids ? { ids: take(ticks.ids) } : {}),
  };
}

/** The rows of batches with the same channels, one after the other; the partition is the first one’s. */
export function concat(batches: readonly TickBatch[]): TickBatch {
  if (batches.length === 1) return batches[0]!;
  const join = (column: (batch: TickBatch) => Float64Array) => Float64Array.from(batches.flatMap((batch) => [...column(batch)]));
  const first = batches[0]!;
  return {
    partition: first.partition,
    lanes: Int32Array.from(batches.flatMap((batch) => [...batch.lanes])),
    times: join((batch) => batch.times),
    channels: first.channels.map((_, c) => join((batch) => batch.channels[c]!)),
    offsets: join((batch) => batch.offsets),
    ...(first.ids ? { ids: join((batch) => batch.ids!) } : {}),
  };
}
