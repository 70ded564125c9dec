/** The sequences of a source that ends, each series one. */
import { TidecastError } from '../core/errors.ts';
import type { Source } from '../core/connector.ts';

/** Values of one series, a column for each channel that was asked for. */
export interface Sequence {
  readonly name: string;
  readonly columns: readonly Float64Array[];
  readonly rows: number;
}

/** The most rows that are read, because all of them are held. */
export const MOST_ROWS = 20_000_000;

/** Reads everything; throws LEARN_CHANNEL, LEARN_SOURCE or LEARN_ROWS. */
export async function readSequences(source: Source, channels: readonly string[]): Promise<Sequence[]> {
  if (!source.bounded) throw new TidecastError('LEARN_SOURCE', {});
  const places = channels.map((name) => {
    const place = source.channels.indexOf(name);
    if (place < 0) throw new TidecastError('LEARN_CHANNEL', { channel: name, known: source.channels.join(' ') });
    return place;
  });
  const found = new Map<string, number[][]>();
  let rows = 0;
  for await (const batch of source.read(undefined, new AbortController().signal)) {
    rows += batch.times.length;
    if (rows > MOST_ROWS) throw new TidecastError('LEARN_ROWS', { rows, largest: MOST_ROWS });
    const columns = batch.series.map((name) => {
      const known = found.get(name) ?? channels.map(() => []);
      found.set(name, known);
      return known;
    });
    for (let row = 0; row < batch.times.length; row++) {
      const into = columns[batch.codes[row]!]!;
      for (let c = 0; c < places.length; c++) into[c]!.push(batch.channels[places[c]!]![row]!);
    }
  }
  return [...found].map(([name, columns]) => ({
    name,
    columns: columns.map((column) => Float64Array.from(column)),
    rows: columns[0]!.length,
  }));
}
