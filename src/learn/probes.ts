/** Sequences of a learning file as probes for diagnostics: the loss looked at is the real one, of the last answer. */
import type { Probe } from '../nn/diagnostics.ts';
import { loss } from '../nn/reference-losses.ts';
import type { NetworkShape } from '../nn/shape.ts';
import { writeRow, type Encoded, type Encoding } from './encoding.ts';

/** Beginnings of the first sequences that have an answer latest, but within `rows`; all of one length. */
export function probesOf(
  shape: NetworkShape,
  encoding: Encoding,
  window: number,
  sequences: readonly Encoded[],
  { rows, count }: { readonly rows: number; readonly count: number },
): Probe[] {
  const last = sequences.map(({ truth }) => truth.subarray(0, rows).findLastIndex((value) => value === value));
  const latest = Math.max(...last);
  return sequences
    .filter((_, i) => last[i] === latest && latest >= 0)
    .slice(0, count)
    .map((sequence) => ({
      x: Array.from({ length: latest + 1 }, (_, row) => {
        const x = new Float32Array(shape.inputs);
        writeRow(sequence, row, window, x, 0);
        return Float64Array.from(x);
      }),
      dy: (y) => loss(encoding.loss, [[y]], [[sequence.truth.subarray(latest, latest + 1)]]).dy[0]![0]!,
    }));
}
