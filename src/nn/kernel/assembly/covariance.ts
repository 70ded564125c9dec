// Recursive least squares with forgetting: the covariance's update, and the gain that goes with it.

/**
 * Lets the covariance P = U D U' take in the input x[size] and writes the gain P x / (keep + x' P x), of P as it was, to k[size].
 *
 * At `p`: D, then for each j the j numbers of U above the diagonal; each of these is padded with zeros to a multiple of 4, and so are x and k
 * (what stands in x there is not read as a number of its own). Bierman's update (Factorization Methods for Discrete Sequential Estimation,
 * 1977, V.3) keeps D positive whatever the rounding; D is bounded by `prior`, so that P does not wind up where nothing is learned.
 */
export function follow(p: usize, x: usize, k: usize, size: i32, keep: f32, prior: f32): void {
  const wide = <usize>((size + 3) & ~3) << 2;
  memory.fill(k, 0, wide);
  let column = p + wide;
  let alpha = keep;
  for (let j = 0; j < size; j++) {
    const end = <usize>((j + 3) & ~3) << 2;
    const at = <usize>j << 2;
    let sums = f32x4.splat(0);
    for (let i: usize = 0; i < end; i += 16) sums = f32x4.add(sums, f32x4.mul(v128.load(column + i), v128.load(x + i)));
    const f =
      load<f32>(x + at) +
      (f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1) + (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3)));
    const d = load<f32>(p + at);
    const g = d * f;
    const next = alpha + f * g;
    store<f32>(p + at, min<f32>(prior, (d * alpha) / (next * keep)));
    const by = f32x4.splat(-f / alpha);
    const gs = f32x4.splat(g);
    // beyond j both are zero, and stay it
    for (let i: usize = 0; i < end; i += 16) {
      const u = v128.load(column + i);
      const b = v128.load(k + i);
      v128.store(column + i, f32x4.add(u, f32x4.mul(b, by)));
      v128.store(k + i, f32x4.add(b, f32x4.mul(u, gs)));
    }
    store<f32>(k + at, g);
    alpha = next;
    column += end;
  }
  const per = f32x4.splat(1 / alpha);
  for (let i: usize = 0; i < wide; i += 16) v128.store(k + i, f32x4.mul(v128.load(k + i), per));
}
