/** A source that ends, read before one that does not: the line is warm when the live rows begin. */
import type { SourceBatch } from '../core/batch.ts';
import type { Source } from '../core/connector.ts';
import { TidecastError } from '../core/errors.ts';

/** The partition that history's rows have; sources number theirs from 0. */
export const HISTORY = -1;

/**
 * Reads `history` as partition -1, then `live`. A position without a live partition lies in the history, which then goes on there.
 * `begun` is called when the live source is read. Channels are those of `live`, by name: throws `SPEC_CHANNEL` where history lacks one.
 */
export function afterHistory(history: Source, live: Source, begun: () => void): Source {
  const order = live.channels.map((name) => {
    const at = history.channels.indexOf(name);
    if (at < 0) throw new TidecastError('SPEC_CHANNEL', { channel: name, history: history.channels.join(' ') });
    return at;
  });
  return {
    channels: live.channels,
    bounded: live.bounded,
    async *read(from, signal): AsyncGenerator<SourceBatch> {
      const inHistory = from === undefined || Object.keys(from).every((partition) => Number(partition) === HISTORY);
      if (inHistory) {
        const done = from?.[HISTORY];
        for await (const batch of history.read(done === undefined ? undefined : { 0: done }, signal)) {
          if (batch.partition !== 0) throw new TidecastError('HISTORY_PARTITIONS', { partition: batch.partition });
          yield { ...batch, partition: HISTORY, channels: order.map((at) => batch.channels[at]!) };
        }
        if (signal.aborted) return;
        const none = new Float64Array(0);
        yield {
          partition: HISTORY,
          series: [],
          codes: new Int32Array(0),
          times: none,
          offsets: none,
          channels: order.map(() => none),
          ended: true,
        };
      }
      begun();
      const rest = inHistory ? undefined : Object.fromEntries(Object.entries(from).filter(([key]) => Number(key) !== HISTORY));
      yield* live.read(rest, signal);
    },
    ...(live.commit ? { commit: (position) => live.commit!(position) } : {}),
    ...(live.health ? { health: () => live.health!() } : {}),
    close: async () => {
      await history.close();
      await live.close();
    },
  };
}
