/** A result as it is read back: rows of forecasts, a block at a time. */

/** Columns of some rows. Numbers and times (epoch ms) are doubles; a text is `names[codes[row]]`. */
export interface ResultBlock {
  readonly length: number;
  readonly numbers: Readonly<Record<string, Float64Array>>;
  readonly texts: Readonly<Record<string, { readonly codes: Int32Array; readonly names: readonly string[] }>>;
}

/** Reads some columns of a result, in the order in which its rows were written. */
export type ReadResult = (columns: readonly string[]) => AsyncIterable<ResultBlock>;
