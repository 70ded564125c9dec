// h = tanh(W x + b): a layer without memory, the control experiment. h_prev is never read.
import { tanh4 } from '../gates';
import { product } from '../product';
import { Layer, Model } from '../structs';

/** a [rows][hp] is scratch. */
export function forward(m: Model, l: Layer, rows: i32, x: usize, xs: usize, a: usize, h: usize): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  product(rows, x, xs, l.inputs, l.w, m.hp, l.b, 0, a, as);
  for (let r = 0; r < rows; r++) {
    for (let j: usize = 0; j < s; j += 16) v128.store(h + j, tanh4(v128.load(a + j)));
    a += as;
    h += s;
  }
}

/** Takes dL/dh from above (dOut); leaves dL/d(pre-activation) in a. Nothing goes to the step before, so dh stays zero. */
export function backward(m: Model, rows: i32, a: usize, h: usize, dOut: usize): void {
  const s = <usize>m.hp << 2;
  const one = f32x4.splat(1);
  for (let r = 0; r < rows; r++) {
    for (let j: usize = 0; j < s; j += 16) {
      const t = v128.load(h + j);
      v128.store(a + j, f32x4.mul(v128.load(dOut + j), f32x4.sub(one, f32x4.mul(t, t))));
    }
    a += m.arow;
    h += s;
    dOut += s;
  }
}
