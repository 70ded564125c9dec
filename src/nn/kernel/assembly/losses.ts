// The loss of a forecast and its gradient: a squared, Huber or absolute loss of the mean, and pinball losses of the quantiles.
// Loss = mean over the (row, target) whose truth is known of (loss of the mean + mean over quantiles of pinball).
import { Batch, Model } from './structs';

/** o [n][op] = for each target: mean, q_0 .. q_{Q-1}; a target of NaN is unknown. Fills do [n][op], gives the loss. */
export function loss(m: Model, t: Batch): f64 {
  const n = t.steps * t.batch;
  const os = <usize>m.op << 2;
  const known = countKnown(t.target, n * t.targets);
  memory.fill(t.do, 0, <usize>n * os);
  if (known == 0) return 0;
  const scale = 1 / <f64>known;
  const q = t.quantiles;
  const share = q > 0 ? scale / <f64>q : 0;
  let at = t.target;
  let sum: f64 = 0;
  for (let r = 0; r < n; r++) {
    let o = t.o + <usize>r * os;
    let d = t.do + <usize>r * os;
    for (let k = 0; k < t.targets; k++) {
      const truth = f32.load(at);
      at += 4;
      if (truth == truth) {
        sum += scale * ofMean(t.mean, <f64>t.delta, <f64>f32.load(o) - <f64>truth, d, scale);
        for (let i = 0; i < q; i++) {
          const place = <usize>(i + 1) << 2;
          const e = <f64>truth - <f64>f32.load(o + place);
          const level = <f64>f32.load(t.levels + (<usize>i << 2));
          sum += share * (e >= 0 ? level * e : (level - 1) * e);
          // At e = 0 any value from -level to 1 - level is a subgradient; 0 leaves a forecast that is exactly right alone.
          f32.store(d + place, <f32>(share * (e > 0 ? -level : e < 0 ? 1 - level : e)));
        }
      }
      o += <usize>(q + 1) << 2;
      d += <usize>(q + 1) << 2;
    }
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
