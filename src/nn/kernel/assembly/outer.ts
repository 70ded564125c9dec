// The product's other transpose: the gradient of packed weights, g[k][c] += sum over rows of x[r][k] * d[r][c].
// Rows are summed upwards from zero and the sum is then added to what is there, so a long sequence is a sum of short ones.
import { COLUMNS, ROW } from './block';

/** 4 of k by 8 columns. */
// @ts-ignore: decorator
@inline
function tile4x8(rows: i32, x: usize, xs: usize, d: usize, ds: usize, g: usize): void {
  let a0 = f32x4.splat(0);
  let b0 = a0;
  let a1 = a0;
  let b1 = a0;
  let a2 = a0;
  let b2 = a0;
  let a3 = a0;
  let b3 = a0;
  for (let r = 0; r < rows; r++) {
    const p = v128.load(d);
    const q = v128.load(d, 16);
    let v = v128.load32_splat(x);
    a0 = f32x4.add(a0, f32x4.mul(v, p));
    b0 = f32x4.add(b0, f32x4.mul(v, q));
    v = v128.load32_splat(x, 4);
    a1 = f32x4.add(a1, f32x4.mul(v, p));
    b1 = f32x4.add(b1, f32x4.mul(v, q));
    v = v128.load32_splat(x, 8);
    a2 = f32x4.add(a2, f32x4.mul(v, p));
    b2 = f32x4.add(b2, f32x4.mul(v, q));
    v = v128.load32_splat(x, 12);
    a3 = f32x4.add(a3, f32x4.mul(v, p));
    b3 = f32x4.add(b3, f32x4.mul(v, q));
    x += xs;
    d += ds;
  }
  addTo(g, a0, b0);
  addTo(g + ROW, a1, b1);
  addTo(g + 2 * ROW, a2, b2);
  addTo(g + 3 * ROW, a3, b3);
}

/** 1 of k by 8 columns: what remains below. */
// @ts-ignore: decorator
@inline
function tile1x8(rows: i32, x: usize, xs: usize, d: usize, ds: usize, g: usize): void {
  let a = f32x4.splat(0);
  let b = a;
  for (let r = 0; r < rows; r++) {
    const v = v128.load32_splat(x);
    a = f32x4.add(a, f32x4.mul(v, v128.load(d)));
    b = f32x4.add(b, f32x4.mul(v, v128.load(d, 16)));
    x += xs;
    d += ds;
  }
  addTo(g, a, b);
}

// @ts-ignore: decorator
@inline
function addTo(g: usize, a: v128, b: v128): void {
  v128.store(g, f32x4.add(v128.load(g), a));
  v128.store(g, f32x4.add(v128.load(g, 16), b), 16);
}

/** x [rows][k], d [rows][cols], g packed [k][cols], added to. Row by row of g, which is the largest of the three and so is read once, in order. */
export function outer(rows: i32, x: usize, xs: usize, k: i32, d: usize, ds: usize, cols: i32, g: usize): void {
  const quads = k & ~3;
  for (let c = 0; c < cols; c += COLUMNS) {
    const width = <usize>min(COLUMNS, cols - c) << 2;
    const dc = d + (<usize>c << 2);
    for (let i = 0; i < quads; i += 4) {
      for (let j: usize = 0; j < width; j += 32) tile4x8(rows, x + (<usize>i << 2), xs, dc + j, ds, g + j);
      g += 4 * ROW;
    }
    for (let i = quads; i < k; i++) {
      for (let j: usize = 0; j < width; j += 32) tile1x8(rows, x + (<usize>i << 2), xs, dc + j, ds, g + j);
      g += ROW;
    }
  }
}

/** The gradient of a bias: g[c] += sum over rows of d[r][c]. */
export function columnSums(rows: i32, d: usize, ds: usize, cols: i32, g: usize): void {
  for (let c = 0; c < cols; c += 8) {
    let a = f32x4.splat(0);
    let b = a;
    let at = d + (<usize>c << 2);
    for (let r = 0; r < rows; r++) {
      a = f32x4.add(a, v128.load(at));
      b = f32x4.add(b, v128.load(at, 16));
      at += ds;
    }
    addTo(g + (<usize>c << 2), a, b);
  }
}

/** Rows d[r] = w[r] * [1, y[r], x[r][0 .. k)] and zeros up to `ds` bytes; a row of weight 0 is zero whatever it holds. */
export function weigh(rows: i32, x: usize, k: i32, y: usize, w: usize, d: usize, ds: usize): void {
  const width = <usize>k << 2;
  const whole = width & ~15;
  for (const end = w + (<usize>rows << 2); w < end; w += 4, y += 4, x += width, d += ds) {
    memory.fill(d, 0, ds);
    const weight = load<f32>(w);
    if (weight == 0) continue;
    store<f32>(d, weight);
    store<f32>(d, load<f32>(y) * weight, 4);
    const by = f32x4.splat(weight);
    for (let i: usize = 0; i < whole; i += 16) v128.store(d + i, f32x4.mul(v128.load(x + i), by), 8);
    for (let i = whole; i < width; i += 4) store<f32>(d + i, load<f32>(x + i) * weight, 8);
  }
}
