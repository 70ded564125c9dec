// h = tanh(W x + b + U h_prev)
import { tanh4 } from '../gates';
import { outer } from '../outer';
import { product } from '../product';
import { Layer, Model } from '../structs';

/** a [rows][hp] is scratch; h may be hPrev. */
export function forward(m: Model, l: Layer, rows: i32, x: usize, xs: usize, a: usize, hPrev: usize, h: usize): void {
  const s = <usize>m.hp << 2;
  product(rows, x, xs, l.inputs, l.w, m.hp, l.b, 0, a, s);
  product(rows, hPrev, s, m.hidden, l.u, m.hp, a, s, a, s);
  const bytes = <usize>rows * s;
  for (let j: usize = 0; j < bytes; j += 16) v128.store(h + j, tanh4(v128.load(a + j)));
}

/** Takes dL/dh from above (dOut) and from the step after (dh); leaves dL/d(pre-activation) in a and dL/dh_prev in dh. */
export function backward(m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize, dOut: usize, dh: usize): void {
  const s = <usize>m.hp << 2;
  const one = f32x4.splat(1);
  const bytes = <usize>rows * s;
  for (let j: usize = 0; j < bytes; j += 16) {
    const t = v128.load(h + j);
    const d = f32x4.add(v128.load(dOut + j), v128.load(dh + j));
    v128.store(a + j, f32x4.mul(d, f32x4.sub(one, f32x4.mul(t, t))));
    v128.store(dh + j, f32x4.splat(0));
  }
  product(rows, a, s, m.hp, l.ut, (m.hidden + 7) & ~7, dh, s, dh, s);
  outer(rows, hPrev, s, m.hidden, a, s, m.hp, l.gu);
}
