// One cell step of a whole wave: every layer and the head in one call.
import { areCategories, spread } from './categories';
import { forward, hasC, input } from './cells/index';
import { product } from './product';
import { copyRows, gather, scatter } from './rows';
import { Layer, Model, Wave } from './structs';

/** Rows worked on together, so that a tile's scratch stays in the first-level cache. */
export const TILE = 32;

/** Steps rows 0..rows of the wave; with nothing changed -1 where a lane and -2 where a category is out of range. */
export function step(m: Model, v: Wave, rows: i32): i32 {
  for (let r = 0; r < rows; r++) {
    if (<u32>i32.load(v.lanes + (<usize>r << 2)) >= <u32>v.laneCount) return -1;
  }
  if (m.categories && !areCategories(m, rows, v.x)) return -2;
  for (let r = 0; r < rows; r += TILE) tile(m, v, r, min(TILE, rows - r));
  return 0;
}

function tile(m: Model, v: Wave, first: i32, rows: i32): void {
  const hs = <usize>m.hp << 2;
  const ss = <usize>v.stateSize << 2;
  const part = <usize>m.hidden << 2;
  const lanes = v.lanes + (<usize>first << 2);
  let x0 = v.x + <usize>(first * m.raw) * 4;
  const x0s = <usize>m.inputs << 2;
  if (m.categories) {
    spread(m, rows, x0, v.xw);
    x0 = v.xw;
  }
  // A single row whose width needs no rounding is stepped where it lies.
  const inPlace = rows == 1 && m.hidden == m.hp;
  let at = v.state;
  let x = x0;
  let xs = x0s;
  for (let i = 0; i < m.layers; i++) {
    const l = changetype<Layer>(m.first + <usize>i * offsetof<Layer>());
    input(m, l, rows, x, xs, v.a);
    let h = v.h + <usize>(i & 1) * TILE * hs;
    let c = v.c;
    if (inPlace) {
      h = at + <usize>i32.load(lanes) * ss;
      c = h + part;
      forward(m, l, 1, v.a, h, h, c, c, v.e);
    } else {
      gather(rows, lanes, at, ss, h, hs, m.hidden);
      if (hasC(m)) gather(rows, lanes, at + part, ss, c, hs, m.hidden);
      forward(m, l, rows, v.a, h, h, c, c, v.e);
      scatter(rows, lanes, h, hs, at, ss, m.hidden);
      if (hasC(m)) scatter(rows, lanes, c, hs, at + part, ss, m.hidden);
    }
    at += hasC(m) ? part << 1 : part;
    x = h;
    xs = hs;
  }
  const os = <usize>m.op << 2;
  product(rows, x, xs, m.hidden, m.w, m.op, m.b, 0, v.o, os);
  if (m.s) product(rows, x0, x0s, m.inputs, m.s, m.op, v.o, os, v.o, os);
  copyRows(rows, v.o, os, v.y + <usize>(first * m.outputs) * 4, <usize>m.outputs << 2, m.outputs);
}
