// The packed product, where nearly all of the time goes: y[r][c] = from[r][c] + sum over k of x[r][k] * w[k][c].
//
// Weights are packed in blocks of 48 columns, [block][k][48], the last block padded with zeros; see `packing.ts`.
// Every output is its own chain of additions, k upwards, one rounding after each product and each sum. How many rows or columns
// share the registers therefore changes no bit: one row alone, or four of a thousand, give the same result.
// Strides are in bytes. `from` is the bias (stride 0) or y itself (to go on with a sum that was begun).
import { COLUMNS, placeOf, ROW } from './block';

/** One row, 24 columns in six registers. */
// @ts-ignore: decorator
@inline
function tile1x24(x: usize, k: i32, w: usize, from: usize, y: usize): void {
  let a0 = v128.load(from);
  let a1 = v128.load(from, 16);
  let a2 = v128.load(from, 32);
  let a3 = v128.load(from, 48);
  let a4 = v128.load(from, 64);
  let a5 = v128.load(from, 80);
  const end = x + (<usize>k << 2);
  while (x < end) {
    const v = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(v, v128.load(w)));
    a1 = f32x4.add(a1, f32x4.mul(v, v128.load(w, 16)));
    a2 = f32x4.add(a2, f32x4.mul(v, v128.load(w, 32)));
    a3 = f32x4.add(a3, f32x4.mul(v, v128.load(w, 48)));
    a4 = f32x4.add(a4, f32x4.mul(v, v128.load(w, 64)));
    a5 = f32x4.add(a5, f32x4.mul(v, v128.load(w, 80)));
    x += 4;
    w += ROW;
  }
  v128.store(y, a0);
  v128.store(y, a1, 16);
  v128.store(y, a2, 32);
  v128.store(y, a3, 48);
  v128.store(y, a4, 64);
  v128.store(y, a5, 80);
}

/** One row, 16 columns in four registers. */
// @ts-ignore: decorator
@inline
function tile1x16(x: usize, k: i32, w: usize, from: usize, y: usize): void {
  let a0 = v128.load(from);
  let a1 = v128.load(from, 16);
  let a2 = v128.load(from, 32);
  let a3 = v128.load(from, 48);
  const end = x + (<usize>k << 2);
  while (x < end) {
    const v = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(v, v128.load(w)));
    a1 = f32x4.add(a1, f32x4.mul(v, v128.load(w, 16)));
    a2 = f32x4.add(a2, f32x4.mul(v, v128.load(w, 32)));
    a3 = f32x4.add(a3, f32x4.mul(v, v128.load(w, 48)));
    x += 4;
    w += ROW;
  }
  v128.store(y, a0);
  v128.store(y, a1, 16);
  v128.store(y, a2, 32);
  v128.store(y, a3, 48);
}

/** One row, 8 columns: what remains at the right edge. */
// @ts-ignore: decorator
@inline
function tile1x8(x: usize, k: i32, w: usize, from: usize, y: usize): void {
  let a0 = v128.load(from);
  let a1 = v128.load(from, 16);
  const end = x + (<usize>k << 2);
  while (x < end) {
    const v = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(v, v128.load(w)));
    a1 = f32x4.add(a1, f32x4.mul(v, v128.load(w, 16)));
    x += 4;
    w += ROW;
  }
  v128.store(y, a0);
  v128.store(y, a1, 16);
}

/** Four rows, 8 columns: eight chains in registers, each weight read once for four rows. */
// @ts-ignore: decorator
@inline
function tile4x8(x: usize, xs: usize, k: i32, w: usize, from: usize, fs: usize, y: usize, ys: usize): void {
  let x1 = x + xs;
  let x2 = x1 + xs;
  let x3 = x2 + xs;
  const f1 = from + fs;
  const f2 = f1 + fs;
  const f3 = f2 + fs;
  let a0 = v128.load(from);
  let b0 = v128.load(from, 16);
  let a1 = v128.load(f1);
  let b1 = v128.load(f1, 16);
  let a2 = v128.load(f2);
  let b2 = v128.load(f2, 16);
  let a3 = v128.load(f3);
  let b3 = v128.load(f3, 16);
  const end = x + (<usize>k << 2);
  while (x < end) {
    const p = v128.load(w);
    const q = v128.load(w, 16);
    let v = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(v, p));
    b0 = f32x4.add(b0, f32x4.mul(v, q));
    v = v128.load32_splat(x1);
    a1 = f32x4.add(a1, f32x4.mul(v, p));
    b1 = f32x4.add(b1, f32x4.mul(v, q));
    v = v128.load32_splat(x2);
    a2 = f32x4.add(a2, f32x4.mul(v, p));
    b2 = f32x4.add(b2, f32x4.mul(v, q));
    v = v128.load32_splat(x3);
    a3 = f32x4.add(a3, f32x4.mul(v, p));
    b3 = f32x4.add(b3, f32x4.mul(v, q));
    x += 4;
    x1 += 4;
    x2 += 4;
    x3 += 4;
    w += ROW;
  }
  v128.store(y, a0);
  v128.store(y, b0, 16);
  y += ys;
  v128.store(y, a1);
  v128.store(y, b1, 16);
  y += ys;
  v128.store(y, a2);
  v128.store(y, b2, 16);
  y += ys;
  v128.store(y, a3);
  v128.store(y, b3, 16);
}

/** x [rows][k], w packed [k][cols], from and y [rows][cols]; cols a multiple of 8. */
export function product(
  rows: i32, x: usize, xs: usize, k: i32, w: usize, cols: i32, from: usize, fs: usize, y: usize, ys: usize,
): void {
  const block = <usize>k * ROW;
  const quads = rows & ~3;
  for (let c = 0; c < cols; c += COLUMNS) {
    const width = min(COLUMNS, cols - c);
    const left = <usize>c << 2;
    for (let r = 0; r < quads; r += 4) {
      for (let j = 0; j < width; j += 8) {
        const at = left + (<usize>j << 2);
        tile4x8(x + <usize>r * xs, xs, k, w + (<usize>j << 2), from + <usize>r * fs + at, fs, y + <usize>r * ys + at, ys);
      }
    }
    for (let r = quads; r < rows; r++) {
      const xr = x + <usize>r * xs;
      const fr = from + <usize>r * fs + left;
      const yr = y + <usize>r * ys + left;
      for (let j = 0; j < width; j += 24) {
        const at = <usize>j << 2;
        if (width - j >= 24) tile1x24(xr, k, w + at, fr + at, yr + at);
        else if (width - j == 16) tile1x16(xr, k, w + at, fr + at, yr + at);
        else tile1x8(xr, k, w + at, fr + at, yr + at);
      }
    }
    w += block;
  }
}

/** Four rows of four, transposed. */
// @ts-ignore: decorator
@inline
function square(w: usize, t: usize): void {
  const a = v128.load(w);
  const b = v128.load(w + ROW);
  const c = v128.load(w + 2 * ROW);
  const d = v128.load(w + 3 * ROW);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const AB = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const CD = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(t, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(t + ROW, v128.shuffle<i64>(ab, cd, 1, 3));
  v128.store(t + 2 * ROW, v128.shuffle<i64>(AB, CD, 0, 2));
  v128.store(t + 3 * ROW, v128.shuffle<i64>(AB, CD, 1, 3));
}

/** w packed [k][cols] -> t packed [cols][k]: the weights as the backward pass multiplies by them. */
export function transpose(w: usize, k: i32, cols: i32, t: usize): void {
  const quads = k & ~3;
  for (let c = 0; c < cols; c += 4) {
    const from = w + placeOf(c, k);
    const to = t + <usize>c * ROW;
    for (let i = 0; i < quads; i += 4) square(from + <usize>i * ROW, to + placeOf(i, cols));
  }
  for (let i = quads; i < k; i++) {
    const column = t + placeOf(i, cols);
    const row = w + <usize>i * ROW;
    for (let c = 0; c < cols; c++) f32.store(column + <usize>c * ROW, f32.load(row + placeOf(c, k)));
  }
}
