/** Numbered ticks, the same for every trial: what a run without faults and one with faults are fed. */
import type { Message } from 'kafkajs';

export interface Input {
  readonly series: number;
  /** Rows of each series, a minute apart. */
  readonly rows: number;
  readonly partitions: number;
}

const START = Date.parse('2024-03-04T00:00:00Z');

/** Ticks in order of time; a series lies in one partition. `value` is a pattern over the hours with seeded noise. */
export function* ticksOf({ series, rows, partitions }: Input, from = 0, to = rows): Generator<Message & { partition: number }> {
  for (let t = from; t < to; t++) {
    for (let s = 0; s < series; s++) {
      const time = START + t * 60_000;
      const noise = ((t * 7919 + s * 104_729 + ((t * t) % 1009)) % 97) / 97;
      const value = 100 * (s + 1) + 10 * Math.sin(((t + s) * 2 * Math.PI) / 24) + 3 * noise;
      yield {
        key: `series-${s}`,
        value: JSON.stringify({ ts: time, value: Number(value.toFixed(4)) }),
        partition: s % partitions,
        timestamp: String(time),
      };
    }
  }
}
