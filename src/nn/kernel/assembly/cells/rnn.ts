// h = tanh(W x + b + U h_prev)
import { tanh4 } from '../gates';
import { product } from '../product';
import { Layer, Model } from '../structs';

/** a [rows][hp] is scratch; h may be hPrev. */
export function forward(m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  product(rows, hPrev, s, m.hidden, l.u, m.hp, a, as, a, as);
  for (let r = 0; r < rows; r++) {
    for (let j: usize = 0; j < s; j += 16) v128.store(h + j, tanh4(v128.load(a + j)));
    a += as;
    h += s;
  }
}

/** Takes dL/dh from above (dOut) and from the step after (dh); leaves dL/d(pre-activation) in a and dL/dh_prev in dh. */
export function backward(m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize, dOut: usize, dh: usize): void {
  const s = <usize>m.hp << 2;
  const one = f32x4.splat(1);
  const as = m.arow;
  for (let r = 0; r < rows; r++) {
    const at = a + <usize>r * as;
    const row = <usize>r * s;
    for (let j: usize = 0; j < s; j += 16) {
      const t = v128.load(h + row + j);
      const d = f32x4.add(v128.load(dOut + row + j), v128.load(dh + row + j));
      v128.store(at + j, f32x4.mul(d, f32x4.sub(one, f32x4.mul(t, t))));
      v128.store(dh + row + j, f32x4.splat(0));
    }
  }
  product(rows, a, as, m.hp, l.ut, m.hp, dh, s, dh, s);
}
