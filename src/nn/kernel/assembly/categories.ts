// Rows whose first number is a category, spread to what the first layer sees: a row of a table, or one-hot, then the other numbers.
import { copyRow } from './rows';
import { Model } from './structs';

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
