// i, f, o = sigmoid(W x + b + U h_prev), g = tanh(...); c = f * c_prev + i * g; h = o * tanh(c). Gates in the order i, f, g, o.
import { sigmoidAll, tanh4 } from '../gates';
import { product } from '../product';
import { Layer, Model } from '../structs';

/** a [rows][4 hp] is left holding i, f, g, o; h may be hPrev, c may be cPrev. */
export function forward(
  m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize, cPrev: usize, c: usize,
): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  product(rows, hPrev, s, m.hidden, l.u, m.hp << 2, a, as, a, as);
  // Several short loops, because the chain from i to tanh c is longer than what a processor looks ahead.
  for (let r = 0; r < rows; r++) {
    sigmoidAll(a, 2 * m.hp);
    sigmoidAll(a + s * 3, m.hp);
    cellRow(a, s, cPrev, c);
    outputRow(a + s * 3, s, c, h);
    a += as;
    cPrev += s;
    c += s;
    h += s;
  }
}

/** g, and c = f * c_prev + i * g, of one row. */
// @ts-ignore: decorator
@inline
function cellRow(a: usize, s: usize, cPrev: usize, c: usize): void {
  for (const end = a + s; a < end; a += 16) {
    const g = tanh4(v128.load(a + s * 2));
    v128.store(a + s * 2, g);
    v128.store(c, f32x4.add(f32x4.mul(v128.load(a + s), v128.load(cPrev)), f32x4.mul(v128.load(a), g)));
    cPrev += 16;
    c += 16;
  }
}

/** h = o * tanh c of one row. */
// @ts-ignore: decorator
@inline
function outputRow(o: usize, s: usize, c: usize, h: usize): void {
  for (const end = o + s; o < end; o += 16) {
    v128.store(h, f32x4.mul(v128.load(o), tanh4(v128.load(c))));
    c += 16;
    h += 16;
  }
}

/** Takes dL/dh from above (dOut) and after (dh) and dL/dc after (dc); leaves dL/d(pre-activations) in a, and the step before's in dh, dc. */
export function backward(
  m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, cPrev: usize, c: usize, dOut: usize, dh: usize, dc: usize,
): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  const one = f32x4.splat(1);
  let p = dh;
  for (let r = 0; r < rows; r++) {
    let at = a + <usize>r * as;
    let f = at + s;
    let g = f + s;
    let o = g + s;
    for (const end = f; at < end; at += 16) {
      const vi = v128.load(at);
      const vf = v128.load(f);
      const vg = v128.load(g);
      const vo = v128.load(o);
      const t = tanh4(v128.load(c));
      const d = f32x4.add(v128.load(dOut), v128.load(p));
      const e = f32x4.add(v128.load(dc), f32x4.mul(f32x4.mul(d, vo), f32x4.sub(one, f32x4.mul(t, t))));
      v128.store(at, f32x4.mul(f32x4.mul(e, vg), f32x4.mul(vi, f32x4.sub(one, vi))));
      v128.store(f, f32x4.mul(f32x4.mul(e, v128.load(cPrev)), f32x4.mul(vf, f32x4.sub(one, vf))));
      v128.store(g, f32x4.mul(f32x4.mul(e, vi), f32x4.sub(one, f32x4.mul(vg, vg))));
      v128.store(o, f32x4.mul(f32x4.mul(d, t), f32x4.mul(vo, f32x4.sub(one, vo))));
      v128.store(dc, f32x4.mul(e, vf));
      v128.store(p, f32x4.splat(0));
      f += 16;
      g += 16;
      o += 16;
      c += 16;
      cPrev += 16;
      dOut += 16;
      p += 16;
      dc += 16;
    }
  }
  product(rows, a, as, m.hp << 2, l.ut, m.hp, dh, s, dh, s);
}
