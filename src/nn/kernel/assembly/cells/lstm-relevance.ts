// An LSTM with a relevance gate: r, u, f, o = sigmoid(W x + b + U h_prev); n = tanh(W_n x + b_n + U_n (r * h_prev));
// c = u * n + f * c_prev; h = o * c, without a tanh. Gates in the order r, u, f, o, n.
import { sigmoidAll, tanh4 } from '../gates';
import { product } from '../product';
import { Layer, Model } from '../structs';

/** a [rows][5 hp] is left holding the gates, e [rows][hp] r * h_prev; h may be hPrev, c may be cPrev. */
export function forward(
  m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize, cPrev: usize, c: usize, e: usize,
): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  product(rows, hPrev, s, m.hidden, l.u, m.hp << 2, a, as, a, as);
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    sigmoidAll(at, m.hp << 2);
    for (let j: usize = 0; j < s; j += 16) v128.store(e + row + j, f32x4.mul(v128.load(at + j), v128.load(hPrev + row + j)));
  }
  product(rows, e, s, m.hidden, l.un, m.hp, a + s * 4, as, a + s * 4, as);
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    for (let j: usize = 0; j < s; j += 16) {
      const vn = tanh4(v128.load(at + s * 4 + j));
      v128.store(at + s * 4 + j, vn);
      const kept = f32x4.mul(v128.load(at + s * 2 + j), v128.load(cPrev + row + j));
      const vc = f32x4.add(kept, f32x4.mul(v128.load(at + s + j), vn));
      v128.store(c + row + j, vc);
      v128.store(h + row + j, f32x4.mul(v128.load(at + s * 3 + j), vc));
    }
  }
}

/** As in `lstm.ts`; e holds r * h_prev, de [rows][hp] is scratch. */
export function backward(
  m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, cPrev: usize, c: usize, e: usize,
  dOut: usize, dh: usize, dc: usize, de: usize,
): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  const one = f32x4.splat(1);
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    for (let j: usize = 0; j < s; j += 16) {
      const vu = v128.load(at + s + j);
      const vf = v128.load(at + s * 2 + j);
      const vo = v128.load(at + s * 3 + j);
      const vn = v128.load(at + s * 4 + j);
      const d = f32x4.add(v128.load(dOut + row + j), v128.load(dh + row + j));
      const g = f32x4.add(v128.load(dc + row + j), f32x4.mul(d, vo)); // dL/dc
      v128.store(at + s + j, f32x4.mul(f32x4.mul(g, vn), f32x4.mul(vu, f32x4.sub(one, vu))));
      v128.store(at + s * 2 + j, f32x4.mul(f32x4.mul(g, v128.load(cPrev + row + j)), f32x4.mul(vf, f32x4.sub(one, vf))));
      v128.store(at + s * 3 + j, f32x4.mul(f32x4.mul(d, v128.load(c + row + j)), f32x4.mul(vo, f32x4.sub(one, vo))));
      v128.store(at + s * 4 + j, f32x4.mul(f32x4.mul(g, vu), f32x4.sub(one, f32x4.mul(vn, vn))));
      v128.store(dc + row + j, f32x4.mul(g, vf));
      v128.store(de + row + j, f32x4.splat(0));
    }
  }
  product(rows, a + s * 4, as, m.hp, l.unt, m.hp, de, s, de, s); // de = dL/d(r * h_prev)
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    for (let j: usize = 0; j < s; j += 16) {
      const vr = v128.load(at + j);
      const d = v128.load(de + row + j);
      v128.store(at + j, f32x4.mul(f32x4.mul(d, v128.load(hPrev + row + j)), f32x4.mul(vr, f32x4.sub(one, vr))));
      v128.store(dh + row + j, f32x4.mul(d, vr));
    }
  }
  product(rows, a, as, m.hp << 2, l.ut, m.hp, dh, s, dh, s);
}
