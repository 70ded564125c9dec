// Packed matrices [k][columns] lie in blocks of columns, [block][k][48]. A single row takes 24 of them at a time: six registers of
// sums, six of weights, one of input and one of product are what V8 keeps without spilling, and wider or narrower was slower.

export const COLUMNS: i32 = 48;

/** Bytes of one row of a block. */
export const ROW: usize = 192;

/** Bytes from a packed matrix's beginning to column c of its first row. */
// @ts-ignore: decorator
@inline
export function placeOf(c: i32, k: i32): usize {
  const block = c / COLUMNS;
  return <usize>(block * k) * ROW + (<usize>(c - block * COLUMNS) << 2);
}
