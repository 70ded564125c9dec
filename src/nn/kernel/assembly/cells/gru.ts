// r, z = sigmoid(W x + b + U h_prev); h = (1 - z) * n + z * h_prev, gates in the order r, z, n, and
//   reset before: n = tanh(W_n x + b_n + U_n (r * h_prev))
//   reset after:  n = tanh(W_n x + b_n + r * (U_n h_prev + bn))
// A row of a holds r, z, n and, reset after, U_n h_prev + bn.
import { sigmoidAll, tanh4 } from '../gates';
import { product } from '../product';
import { Layer, Model } from '../structs';

/** h may be hPrev. */
export function forwardAfter(m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  const q = a + s * 3;
  product(rows, hPrev, s, m.hidden, l.u, 2 * m.hp, a, as, a, as);
  product(rows, hPrev, s, m.hidden, l.un, m.hp, l.bn, 0, q, as);
  for (let r = 0; r < rows; r++) {
    sigmoidAll(a, 2 * m.hp);
    const z = a + s;
    const n = z + s;
    const k = n + s;
    for (let j: usize = 0; j < s; j += 16) {
      const vn = tanh4(f32x4.add(v128.load(n + j), f32x4.mul(v128.load(a + j), v128.load(k + j))));
      v128.store(n + j, vn);
      v128.store(h + j, mixed(v128.load(z + j), vn, v128.load(hPrev + j)));
    }
    a += as;
    hPrev += s;
    h += s;
  }
}

/** e [rows][hp] is left holding r * h_prev; h may be hPrev. */
export function forwardBefore(m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, h: usize, e: usize): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  product(rows, hPrev, s, m.hidden, l.u, 2 * m.hp, a, as, a, as);
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    sigmoidAll(at, 2 * m.hp);
    for (let j: usize = 0; j < s; j += 16) v128.store(e + row + j, f32x4.mul(v128.load(at + j), v128.load(hPrev + row + j)));
  }
  product(rows, e, s, m.hidden, l.un, m.hp, a + s * 2, as, a + s * 2, as);
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    for (let j: usize = 0; j < s; j += 16) {
      const vn = tanh4(v128.load(at + s * 2 + j));
      v128.store(at + s * 2 + j, vn);
      v128.store(h + row + j, mixed(v128.load(at + s + j), vn, v128.load(hPrev + row + j)));
    }
  }
}

/** (1 - z) * n + z * h */
// @ts-ignore: decorator
@inline
function mixed(z: v128, n: v128, h: v128): v128 {
  return f32x4.add(n, f32x4.mul(z, f32x4.sub(h, n)));
}

/** Leaves dL/d(pre-activations) in a and dL/dh_prev in dh, as in `lstm.ts`. */
export function backwardAfter(m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, dOut: usize, dh: usize): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  const one = f32x4.splat(1);
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    for (let j: usize = 0; j < s; j += 16) {
      const vr = v128.load(at + j);
      const vz = v128.load(at + s + j);
      const vn = v128.load(at + s * 2 + j);
      const k = v128.load(at + s * 3 + j);
      const d = f32x4.add(v128.load(dOut + row + j), v128.load(dh + row + j));
      const dn = f32x4.mul(f32x4.mul(d, f32x4.sub(one, vz)), f32x4.sub(one, f32x4.mul(vn, vn)));
      const dz = f32x4.mul(d, f32x4.sub(v128.load(hPrev + row + j), vn));
      v128.store(at + j, f32x4.mul(f32x4.mul(dn, k), f32x4.mul(vr, f32x4.sub(one, vr))));
      v128.store(at + s + j, f32x4.mul(dz, f32x4.mul(vz, f32x4.sub(one, vz))));
      v128.store(at + s * 2 + j, dn);
      v128.store(at + s * 3 + j, f32x4.mul(dn, vr));
      v128.store(dh + row + j, f32x4.mul(d, vz));
    }
  }
  product(rows, a, as, 2 * m.hp, l.ut, m.hp, dh, s, dh, s);
  product(rows, a + s * 3, as, m.hp, l.unt, m.hp, dh, s, dh, s);
}

/** As backwardAfter; e holds r * h_prev, de [rows][hp] is scratch. */
export function backwardBefore(m: Model, l: Layer, rows: i32, a: usize, hPrev: usize, dOut: usize, dh: usize, e: usize, de: usize): void {
  const s = <usize>m.hp << 2;
  const as = m.arow;
  const one = f32x4.splat(1);
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    for (let j: usize = 0; j < s; j += 16) {
      const vz = v128.load(at + s + j);
      const vn = v128.load(at + s * 2 + j);
      const d = f32x4.add(v128.load(dOut + row + j), v128.load(dh + row + j));
      const dz = f32x4.mul(d, f32x4.sub(v128.load(hPrev + row + j), vn));
      v128.store(at + s + j, f32x4.mul(dz, f32x4.mul(vz, f32x4.sub(one, vz))));
      v128.store(at + s * 2 + j, f32x4.mul(f32x4.mul(d, f32x4.sub(one, vz)), f32x4.sub(one, f32x4.mul(vn, vn))));
      v128.store(dh + row + j, f32x4.mul(d, vz));
      v128.store(de + row + j, f32x4.splat(0));
    }
  }
  product(rows, a + s * 2, as, m.hp, l.unt, m.hp, de, s, de, s); // de = dL/d(r * h_prev)
  for (let i = 0; i < rows; i++) {
    const at = a + <usize>i * as;
    const row = <usize>i * s;
    for (let j: usize = 0; j < s; j += 16) {
      const vr = v128.load(at + j);
      const d = v128.load(de + row + j);
      v128.store(at + j, f32x4.mul(f32x4.mul(d, v128.load(hPrev + row + j)), f32x4.mul(vr, f32x4.sub(one, vr))));
      v128.store(dh + row + j, f32x4.add(v128.load(dh + row + j), f32x4.mul(d, vr)));
    }
  }
  product(rows, a, as, 2 * m.hp, l.ut, m.hp, dh, s, dh, s);
}
