// Clipping by the global norm and Adam with decoupled weight decay (Loshchilov and Hutter, 2019), over n floats, n a multiple of 4.

/** Sum of squares in double precision. */
export function squares(g: usize, n: i32): f64 {
  let low = f64x2.splat(0);
  let high = low;
  for (const end = g + (<usize>n << 2); g < end; g += 16) {
    const v = v128.load(g);
    const a = f64x2.promote_low_f32x4(v);
    const b = f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 0));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const both = f64x2.add(low, high);
  return f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
}

/**
 * g' = clip * g; m = b1 m + (1 - b1) g'; v = b2 v + (1 - b2) g'^2; w = keep * w - rate * m / (sqrt(v) * root + epsilon).
 *
 * The bias corrections are in rate = learning rate / (1 - b1^t) and root = 1 / sqrt(1 - b2^t); keep = 1 - learning rate * decay.
 */
export function adam(
  w: usize, g: usize, m: usize, v: usize, n: i32, clip: f32, b1: f32, b2: f32, rate: f32, root: f32, epsilon: f32, keep: f32,
): void {
  const b1s = f32x4.splat(b1);
  const b2s = f32x4.splat(b2);
  const c1 = f32x4.splat(1 - b1);
  const c2 = f32x4.splat(1 - b2);
  for (const end = w + (<usize>n << 2); w < end; w += 16) {
    const d = f32x4.mul(v128.load(g), f32x4.splat(clip));
    const mt = f32x4.add(f32x4.mul(b1s, v128.load(m)), f32x4.mul(c1, d));
    const vt = f32x4.add(f32x4.mul(b2s, v128.load(v)), f32x4.mul(c2, f32x4.mul(d, d)));
    v128.store(m, mt);
    v128.store(v, vt);
    const below = f32x4.add(f32x4.mul(f32x4.sqrt(vt), f32x4.splat(root)), f32x4.splat(epsilon));
    const step = f32x4.div(f32x4.mul(f32x4.splat(rate), mt), below);
    v128.store(w, f32x4.sub(f32x4.mul(f32x4.splat(keep), v128.load(w)), step));
    g += 16;
    m += 16;
    v += 16;
  }
}
