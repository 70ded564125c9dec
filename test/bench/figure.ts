/** One measured figure: for programs in the keys of the peers' results, for people with its bar beside it. */

export interface Figure {
  /** `bench`, `peer`, `model`, `batch`, `threads`, `p50_us`, `rows_per_s`, `p50_ms` ... */
  readonly keys: Readonly<Record<string, string | number | null>>;
  /** What was measured, in a few words. */
  readonly what: string;
  /** The figure as a person reads it. */
  readonly shown: string;
  /** What it must reach, and whether it did; absent where nothing was promised. */
  readonly bar?: string;
  readonly pass?: boolean;
}

export type Emit = (figure: Figure) => void;

/** The middle one, or the upper of the two in the middle. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

/** Four significant digits. */
export function round(value: number): number {
  return Number(value.toPrecision(4));
}

/** `1234567` as `1,234,567`. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

/** A section's figures as a table, ending in one line a miss. */
export function table(title: string, figures: readonly Figure[]): string {
  const rows = figures.map(({ what, shown, bar = '', pass }) => [
    what,
    shown,
    bar,
    pass === undefined ? '' : pass ? 'pass' : 'MISS',
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map(([what, shown, bar, verdict]) =>
    `  ${what!.padEnd(widths[0]!)}  ${shown!.padStart(widths[1]!)}  ${bar!.padEnd(widths[2]!)}  ${verdict}`.trimEnd(),
  );
  return [title, ...lines].join('\n');
}
