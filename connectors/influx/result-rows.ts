/** Rows of a query's answer on their way into a batch. */
import type { Reject, SourceBatch } from '../../src/core/batch.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { short } from '../../src/core/lanes.ts';

/** One part of the answer as InfluxDB sends it. */
export interface ResultPart {
  readonly error?: string;
  readonly results?: readonly {
    readonly error?: string;
    readonly partial?: boolean;
    readonly series?: readonly {
      readonly name?: string;
      readonly tags?: Readonly<Record<string, string>>;
      readonly columns: readonly string[];
      readonly values?: readonly (readonly unknown[])[];
    }[];
  }[];
}

export interface ResultColumns {
  readonly values: readonly string[];
  /** The column of series names; without it all rows are `name`'s. */
  readonly series?: string | undefined;
  readonly name: string;
}

/** Turns the parts of one answer into batches. Rows before `start` are counted, not kept. */
export class ResultRows {
  readonly #columns: ResultColumns;
  readonly #facts: { readonly url: string; readonly query: string };
  readonly #start: number;
  #newest = -Infinity;
  /** Rows met so far. */
  rows = 0;

  constructor(columns: ResultColumns, facts: { readonly url: string; readonly query: string }, start: number) {
    this.#columns = columns;
    this.#facts = facts;
    this.#start = start;
  }

  /** The rows of a part; undefined where none is new. Throws `INFLUX_QUERY`. */
  batch(part: ResultPart): SourceBatch | undefined {
    const names = new Map<string, number>();
    const [codes, times, offsets]: [number[], number[], number[]] = [[], [], []];
    const channels: number[][] = this.#columns.values.map(() => []);
    const rejects: Reject[] = [];
    for (const { tags, columns, values = [] } of part.results?.[0]?.series ?? []) {
      if (tags)
        throw this.#fail(
          'GROUP BY with tags gives one series after the other, not rows in time order: select the tags as columns',
        );
      const at = this.#places(columns);
      for (const row of values) {
        const offset = this.rows++;
        const time = row[at.time] as number;
        if (time < this.#newest)
          throw this.#fail('its rows are not in time order: select from one measurement, without ORDER BY time DESC');
        this.#newest = time;
        if (offset < this.#start) continue;
        const name = at.series < 0 ? this.#columns.name : row[at.series];
        const found = at.values.map((place) => row[place]);
        const undecodable = found.some((value) => typeof value !== 'number' && value !== null);
        if (undecodable || typeof name !== 'string' || name === '') {
          const reason = undecodable ? 'undecodable' : 'no-series';
          rejects.push({ partition: 0, offset, reason, time, raw: JSON.stringify(row).slice(0, 1000) });
          continue;
        }
        let code = names.get(name);
        if (code === undefined) names.set(name, (code = names.size));
        codes.push(code);
        times.push(time);
        offsets.push(offset);
        found.forEach((value, i) => channels[i]!.push((value as number | null) ?? NaN));
      }
    }
    if (offsets.length === 0 && rejects.length === 0) return undefined;
    return {
      partition: 0,
      series: [...names.keys()],
      codes: Int32Array.from(codes),
      times: Float64Array.from(times),
      channels: channels.map((channel) => Float64Array.from(channel)),
      offsets: Float64Array.from(offsets),
      rejects: rejects.length > 0 ? rejects : undefined,
    };
  }

  #places(columns: readonly string[]): { time: number; series: number; values: number[] } {
    const place = (name: string) => {
      const at = columns.indexOf(name);
      if (at < 0) throw this.#fail(`its answer has no column ${short(name)}, but ${columns.slice(0, 20).map(short).join(', ')}`);
      return at;
    };
    const { series, values } = this.#columns;
    return { time: place('time'), series: series === undefined ? -1 : place(series), values: values.map(place) };
  }

  #fail(problem: string): TidecastError {
    return new TidecastError('INFLUX_QUERY', { ...this.#facts, problem });
  }
}
