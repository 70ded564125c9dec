// Packed matrices [k][columns] lie in blocks of columns, [block][k][24], so that one row of a block is read on end.
// 24 is six registers: with six of weights, one of input and one of product it is what V8 keeps without spilling.

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
