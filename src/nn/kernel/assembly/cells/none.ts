// h = tanh(W x + b): a layer without memory, the control experiment. h_prev is never read.
import { tanh4 } from '../gates';
import { Layer, Model } from '../structs';

/** a [rows][hp] is scratch. */
export function forward(m: Model, rows: i32, a: usize, h: usize): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  for (let r = 0; r < rows; r++) {
    for (let j: usize = 0; j < s; j += 16) v128.store(h + j, tanh4(v128.load(a + j)));
    a += as;
    h += s;
  }
}

/** Takes dL/dh from above (dOut) and, at the last step, from outside (dh); leaves dL/d(pre-activation) in a, and in dh zero: nothing goes to the step before. */
export function backward(m: Model, rows: i32, a: usize, h: usize, dOut: usize, dh: usize): void {
  const s = <usize>m.hp << 2;
  const one = f32x4.splat(1);
  for (let r = 0; r < rows; r++) {
    for (let j: usize = 0; j < s; j += 16) {
      const t = v128.load(h + j);
      const d = f32x4.add(v128.load(dOut + j), v128.load(dh + j));
      v128.store(a + j, f32x4.mul(d, f32x4.sub(one, f32x4.mul(t, t))));
      v128.store(dh + j, f32x4.splat(0));
    }
    a += m.arow;
    h += s;
    dOut += s;
    dh += s;
  }
}
