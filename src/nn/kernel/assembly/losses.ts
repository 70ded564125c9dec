// The loss of an output and its gradient, the mean over the (row, target) whose truth is known of
//   a forecast: a squared, Huber or absolute loss of the mean, plus the mean over quantiles of the pinball losses;
//   a class: the log loss of the softmax; a density: the negative log likelihood, Gaussian or Student's t.
import { exp4 } from './gates';
import { Batch, Model } from './structs';

const CATEGORICAL = 3;
const GAUSSIAN = 4;
/** Below it e^x is taken for 0. */
const SMALLEST: f32 = -87;

/** o [n][op] = for each target its group of outputs; a target of NaN is unknown. Fills do [n][op], gives the loss. */
export function loss(m: Model, t: Batch): f64 {
  const n = t.steps * t.batch;
  const from = t.warm * t.batch;
  const os = <usize>m.op << 2;
  const first = t.target + (<usize>(from * t.targets) << 2);
  const known = countKnown(first, (n - from) * t.targets);
  memory.fill(t.do, 0, <usize>n * os);
  if (known == 0) return 0;
  const scale = 1 / <f64>known;
  const width = <usize>t.group << 2;
  let at = first;
  let sum: f64 = 0;
  for (let r = from; r < n; r++) {
    let o = t.o + <usize>r * os;
    let d = t.do + <usize>r * os;
    for (let k = 0; k < t.targets; k++) {
      const truth = f32.load(at);
      at += 4;
      if (truth == truth) {
        if (t.loss == CATEGORICAL) sum += scale * ofClass(<usize>truth, o, width, d, scale);
        else if (t.loss >= GAUSSIAN) sum += scale * ofDensity(t, <f64>truth, o, d, scale);
        else sum = ofForecast(t, <f64>truth, o, d, scale, sum);
      }
      o += width;
      d += width;
    }
  }
  return sum;
}

/** Logits o of every class: -log softmax(o)[truth], whose gradient is softmax(o) less 1 at the truth. What follows d in its last vector is set to 0. */
function ofClass(truth: usize, o: usize, width: usize, d: usize, scale: f64): f64 {
  let most = logits4(o, 0, width);
  for (let j: usize = 16; j < width; j += 16) most = f32x4.pmax(most, logits4(o, j, width));
  const largest = max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
  let low = f64x2.splat(0);
  let high = low;
  for (let j: usize = 0; j < width; j += 16) {
    const x = f32x4.sub(logits4(o, j, width), f32x4.splat(largest));
    const e = v128.andnot(exp4(x), f32x4.le(x, f32x4.splat(SMALLEST)));
    v128.store(d + j, e);
    low = f64x2.add(low, f64x2.promote_low_f32x4(e));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(e, e, 1, 0)));
  }
  const both = f64x2.add(low, high);
  const total = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  const place = truth << 2;
  const p = <f64>f32.load(d + place) / total;
  const share = f32x4.splat(<f32>(scale / total));
  for (let j: usize = 0; j < width; j += 16) v128.store(d + j, f32x4.mul(v128.load(d + j), share));
  f32.store(d + place, <f32>(scale * (p - 1)));
  return Math.log(total) + <f64>largest - <f64>f32.load(o + place);
}

/** Four logits; what is beyond the width is -Infinity. */
// @ts-ignore: decorator
@inline
function logits4(o: usize, j: usize, width: usize): v128 {
  const inside = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>((width - j) >> 2)));
  return v128.bitselect(v128.load(o + j), f32x4.splat(-Infinity), inside);
}

/** o = the mean and s, the log of the scale; with z = (mean - truth) / e^s, v the degrees of freedom. */
function ofDensity(t: Batch, truth: f64, o: usize, d: usize, scale: f64): f64 {
  const s = <f64>f32.load(o, 4);
  const inverse = Math.exp(-s);
  const z = (<f64>f32.load(o) - truth) * inverse;
  const v = <f64>t.delta;
  // How strongly the error pulls: z for Gauss, less and less beyond sqrt v for Student.
  const pull = t.loss == GAUSSIAN ? z : (z * (v + 1)) / (v + z * z);
  f32.store(d, <f32>(scale * pull * inverse));
  f32.store(d, <f32>(scale * (1 - pull * z)), 4);
  const tail = t.loss == GAUSSIAN ? 0.5 * z * z : 0.5 * (v + 1) * Math.log(1 + (z * z) / v);
  return s + tail + <f64>t.constant;
}

/** o = the mean, then the quantiles. Gives the sum with the loss added. */
function ofForecast(t: Batch, truth: f64, o: usize, d: usize, scale: f64, sum: f64): f64 {
  const q = t.group - 1;
  const share = q > 0 ? scale / <f64>q : 0;
  sum += scale * ofMean(t.loss, <f64>t.delta, <f64>f32.load(o) - truth, d, scale);
  for (let i = 0; i < q; i++) {
    const place = <usize>(i + 1) << 2;
    const e = truth - <f64>f32.load(o + place);
    const level = <f64>f32.load(t.levels + (<usize>i << 2));
    sum += share * (e >= 0 ? level * e : (level - 1) * e);
    // At e = 0 any value from -level to 1 - level is a subgradient; 0 leaves a forecast that is exactly right alone.
    f32.store(d + place, <f32>(share * (e > 0 ? -level : e < 0 ? 1 - level : e)));
  }
  return sum;
}

/** e = forecast - truth. Stores the gradient times `scale` at d, gives the loss. */
function ofMean(kind: i32, delta: f64, e: f64, d: usize, scale: f64): f64 {
  const size = Math.abs(e);
  if (kind == 0) {
    f32.store(d, <f32>(scale * 2 * e));
    return e * e;
  }
  if (kind == 1 && size <= delta) {
    f32.store(d, <f32>(scale * e));
    return 0.5 * e * e;
  }
  const slope = kind == 1 ? delta : 1;
  f32.store(d, <f32>(scale * slope * (e > 0 ? 1.0 : e < 0 ? -1.0 : e)));
  return kind == 1 ? delta * (size - 0.5 * delta) : size;
}

function countKnown(at: usize, n: i32): i32 {
  let known = 0;
  for (const end = at + (<usize>n << 2); at < end; at += 4) {
    const v = f32.load(at);
    known += i32(v == v);
  }
  return known;
}
