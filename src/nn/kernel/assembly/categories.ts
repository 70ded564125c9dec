// Rows whose first number is a category, spread to what the first layer sees: a row of a table, or one-hot, then the other numbers.
import { outer } from './outer';
import { product } from './product';
import { copyRow } from './rows';
import { Layer, Model } from './structs';

/** Whether every row's category is a whole number below `categories`. */
export function areCategories(m: Model, rows: i32, x: usize): bool {
  for (let r = 0; r < rows; r++) {
    const c = f32.load(x + <usize>(r * m.raw) * 4);
    if (!(c >= 0 && c < <f32>m.categories && c == Mathf.floor(c))) return false;
  }
  return true;
}

/** x [rows][raw] to xw [rows][inputs]. */
export function spread(m: Model, rows: i32, x: usize, xw: usize): void {
  const width = <usize>m.spread << 2;
  for (let r = 0; r < rows; r++) {
    const c = <usize>f32.load(x);
    if (m.table) copyRow(m.table + c * width, xw, m.spread);
    else {
      memory.fill(xw, 0, width);
      f32.store(xw + (c << 2), 1);
    }
    copyRow(x + 4, xw + width, m.raw - 1);
    x += <usize>m.raw << 2;
    xw += <usize>m.inputs << 2;
  }
}

/** The gradient of the table: dxw [rows] with stride ds is added to the rows of the categories in x. */
export function addToTable(m: Model, rows: i32, x: usize, dxw: usize, ds: usize): void {
  const width = <usize>m.spread << 2;
  for (let r = 0; r < rows; r++) {
    const g = m.gtable + <usize>f32.load(x) * width;
    for (let j: usize = 0; j < width; j += 4) f32.store(g + j, f32.load(g + j) + f32.load(dxw + j));
    x += <usize>m.raw << 2;
    dxw += ds;
  }
}

/** The rows of the categories in x, which are one number a row: a [rows] of n numbers, a row and one of `all` with stride as. */
export function rowsByCategory(rows: i32, x: usize, all: usize, as: usize, n: i32, a: usize): void {
  for (let r = 0; r < rows; r++) {
    copyRow(all + <usize>f32.load(x) * as, a, n);
    x += 4;
    a += as;
  }
}

/** Rows of n numbers, with stride as, are added to the rows of sums of the categories in x, which are one number a row. */
export function addByCategory(rows: i32, x: usize, a: usize, as: usize, n: i32, sums: usize): void {
  for (let r = 0; r < rows; r++) {
    const to = sums + <usize>f32.load(x) * as;
    for (let j: usize = 0; j < <usize>n << 2; j += 16) v128.store(to + j, f32x4.add(v128.load(to + j), v128.load(a + j)));
    x += 4;
    a += as;
  }
}

/** From these sums, what the rows would have added to the gradients of the first layer's weights and of the table. */
export function spreadSums(m: Model, l: Layer, gates: i32, sums: usize, as: usize, dxw: usize): void {
  const width = <usize>m.spread << 2;
  const wide = (m.spread + 7) & ~7;
  const ws = <usize>wide << 2;
  outer(m.categories, m.table, width, m.spread, sums, as, gates, l.gw);
  memory.fill(dxw, 0, <usize>m.categories * ws);
  product(m.categories, sums, as, gates, l.wt, wide, dxw, ws, dxw, ws);
  for (let c = 0; c < m.categories; c++) {
    const g = m.gtable + <usize>c * width;
    const d = dxw + <usize>c * ws;
    for (let j: usize = 0; j < width; j += 4) f32.store(g + j, f32.load(g + j) + f32.load(d + j));
  }
}
