// Gate functions on four lanes. Each lane is computed alone and alike, so an element's result does not depend on its place.

const LOG2E: f32 = 1.44269504;
const ROUND: f32 = 12582912; // 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits

/**
 * e^x, relative error below 1e-7 * (2 + |x|), between 2^-126 and 2^126; NaN for NaN.
 *
 * e^x = 2^n * 2^f with n = round(t), f = t - n, t = x / ln 2; 2^f is a polynomial of degree 5, exact at 0 and minimax for the
 * relative error on [-1/2, 1/2] (9e-8; own fit, by reweighted least squares).
 */
// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const t = f32x4.pmax(f32x4.pmin(f32x4.mul(x, f32x4.splat(LOG2E)), f32x4.splat(126)), f32x4.splat(-126));
  const m = f32x4.add(t, f32x4.splat(ROUND));
  const f = f32x4.sub(t, f32x4.sub(m, f32x4.splat(ROUND)));
  let p = f32x4.add(f32x4.mul(f, f32x4.splat(1.3264591107144952e-3)), f32x4.splat(9.671619161963463e-3));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(5.55073507130146e-2));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(0.24022240936756134));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(0.6931470036506653));
  p = f32x4.add(f32x4.mul(p, f), f32x4.splat(1));
  return i32x4.add(p, i32x4.shl(m, 23)); // the integer in m's low bits goes to the exponent
}

/** 1 / (1 + e^-x), absolute error below 1e-7, relative error below 1e-7 * (2 + |x|); 1 at +inf, about 1e-38 at -inf, NaN for NaN. */
// @ts-ignore: decorator
@inline
export function sigmoid4(x: v128): v128 {
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

/**
 * tanh x, relative error below 5e-7; +-1 at +-inf, NaN for NaN, never beyond +-1.
 *
 * x * P(x^2) / Q(x^2), both of degree 4, minimax for the relative error on [0, 9] (2e-8 before rounding; own fit, by reweighted
 * least squares); beyond 9 tanh x is 1 in float.
 */
// @ts-ignore: decorator
@inline
export function tanh4(x: v128): v128 {
  const s = f32x4.pmin(f32x4.mul(x, x), f32x4.splat(81));
  let p = f32x4.add(f32x4.mul(s, f32x4.splat(1.3354473082927143e-8)), f32x4.splat(2.060894257738255e-5));
  let q = f32x4.add(f32x4.mul(s, f32x4.splat(7.77648040184431e-7)), f32x4.splat(3.2856210600584745e-4));
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(3.4955795854330063e-3));
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(2.5876950472593307e-2));
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(0.13381019234657288));
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(0.46714332699775696));
  p = f32x4.add(f32x4.mul(p, s), f32x4.splat(1));
  q = f32x4.add(f32x4.mul(q, s), f32x4.splat(1));
  const y = f32x4.div(f32x4.mul(x, p), q);
  return f32x4.pmax(f32x4.pmin(y, f32x4.splat(1)), f32x4.splat(-1));
}

/** In place over n floats, n a multiple of 4. */
// @ts-ignore: decorator
@inline
export function sigmoidAll(at: usize, n: i32): void {
  for (const end = at + (<usize>n << 2); at < end; at += 16) v128.store(at, sigmoid4(v128.load(at)));
}

/** As {@link sigmoidAll}. */
// @ts-ignore: decorator
@inline
export function tanhAll(at: usize, n: i32): void {
  for (const end = at + (<usize>n << 2); at < end; at += 16) v128.store(at, tanh4(v128.load(at)));
}
