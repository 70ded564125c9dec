// Regression trees: the walk through grown ones, and what growing does with every row. Sums of signs and counts are whole numbers; nothing is rounded.

/** A node is 16 bytes: the address of its input, what that is compared with or a leaf's value, left child, right child. A leaf is its own child. */
// @ts-ignore: decorator
@inline
function next(node: usize): usize {
  return <usize>select<u32>(load<u32>(node, 8), load<u32>(node, 12), load<f32>(<usize>load<u32>(node)) <= load<f32>(node, 4));
}

/** The sum over trees, whose roots stand at `roots`; a multiple of 8 of them: one walk waits for memory at every step, eight wait together. */
export function sumOfTrees(roots: usize, trees: i32): f64 {
  let sum: f64 = 0;
  for (const end = roots + (<usize>trees << 2); roots < end; roots += 32) {
    let a: usize = load<u32>(roots);
    let b: usize = load<u32>(roots, 4);
    let c: usize = load<u32>(roots, 8);
    let d: usize = load<u32>(roots, 12);
    let e: usize = load<u32>(roots, 16);
    let f: usize = load<u32>(roots, 20);
    let g: usize = load<u32>(roots, 24);
    let h: usize = load<u32>(roots, 28);
    let moved: usize;
    do {
      const a1 = next(a);
      const b1 = next(b);
      const c1 = next(c);
      const d1 = next(d);
      const e1 = next(e);
      const f1 = next(f);
      const g1 = next(g);
      const h1 = next(h);
      moved = (a1 ^ a) | (b1 ^ b) | (c1 ^ c) | (d1 ^ d) | (e1 ^ e) | (f1 ^ f) | (g1 ^ g) | (h1 ^ h);
      a = a1;
      b = b1;
      c = c1;
      d = d1;
      e = e1;
      f = f1;
      g = g1;
      h = h1;
    } while (moved);
    sum += load<f32>(a, 4);
    sum += load<f32>(b, 4);
    sum += load<f32>(c, 4);
    sum += load<f32>(d, 4);
    sum += load<f32>(e, 4);
    sum += load<f32>(f, 4);
    sum += load<f32>(g, 4);
    sum += load<f32>(h, 4);
  }
  return sum;
}

/** Bytes of an input's histogram: 64 bins of 4. */
const BINS: usize = 256;

/**
 * Histograms of the inputs that are named at `used` (a multiple of 4), over `n` rows: to bin `codes[input x rows + row]` goes `marks[row]`.
 * `marked` takes `n` words that are of no use afterwards.
 */
export function histogram(order: usize, n: i32, marks: usize, marked: usize, codes: usize, rows: i32, used: usize, inputs: i32, out: usize): void {
  const bytes = <usize>n << 2;
  for (let i: usize = 0; i < bytes; i += 4) store<i32>(marked + i, load<i32>(marks + (<usize>load<u32>(order + i) << 2)));
  memory.fill(out, 0, <usize>inputs * BINS);
  for (const end = used + (<usize>inputs << 2); used < end; used += 16) {
    const a = codes + <usize>load<u32>(used) * rows;
    const b = codes + <usize>load<u32>(used, 4) * rows;
    const c = codes + <usize>load<u32>(used, 8) * rows;
    const d = codes + <usize>load<u32>(used, 12) * rows;
    for (let i: usize = 0; i < bytes; i += 4) {
      const row: usize = load<u32>(order + i);
      const mark = load<i32>(marked + i);
      const p = out + (<usize>load<u8>(a + row) << 2);
      const q = out + (<usize>load<u8>(b + row) << 2);
      const r = out + (<usize>load<u8>(c + row) << 2);
      const s = out + (<usize>load<u8>(d + row) << 2);
      store<i32>(p, load<i32>(p) + mark);
      store<i32>(q, load<i32>(q, BINS) + mark, BINS);
      store<i32>(r, load<i32>(r, 2 * BINS) + mark, 2 * BINS);
      store<i32>(s, load<i32>(s, 3 * BINS) + mark, 3 * BINS);
    }
    out += 4 * BINS;
  }
}

/** Of histograms at `a` those at `b` are taken away; words, a multiple of 4. */
export function subtract(a: usize, b: usize, words: i32): void {
  const bytes = <usize>words << 2;
  for (let i: usize = 0; i < bytes; i += 16) v128.store(a + i, i32x4.sub(v128.load(a + i), v128.load(b + i)));
}

/**
 * The best split of `n` rows whose signs sum up to `sum`: the largest gain in G^2 / n, the first of equals. Of a bin the upper half counts
 * rows and the lower half sums their signs. Edges of each input are at `edges`; a side has at least `least` rows.
 * Writes to `best`: the gain (f64, 0: there is none), which of the inputs, the last bin on the left, the sum of signs there.
 */
export function bestSplit(histogram: usize, edges: usize, inputs: i32, n: i32, sum: i32, least: i32, best: usize): void {
  const whole = (<f64>sum * <f64>sum) / <f64>max(1, n);
  let gain: f64 = 0;
  for (let input = 0; input < inputs; input++) {
    const bins = load<i32>(edges + (<usize>input << 2));
    let signs = 0;
    let count = 0;
    for (let bin = 0; bin < bins; bin++) {
      const both = load<i32>(histogram + (<usize>bin << 2));
      // a split after an empty bin is the one before it
      if (both == 0) continue;
      const own = (both << 16) >> 16;
      signs += own;
      count += (both - own) >> 16;
      if (count < least) continue;
      if (n - count < least) break;
      const left = <f64>signs;
      const right = <f64>(sum - signs);
      const better = (left * left) / <f64>count + (right * right) / <f64>(n - count) - whole;
      if (better > gain) {
        gain = better;
        store<i32>(best, input, 8);
        store<i32>(best, bin, 12);
        store<i32>(best, signs, 16);
      }
    }
    histogram += BINS;
  }
  store<f64>(best, gain);
}

/** Rows `order[0 .. n)` whose code is at most `bin` go first, in their order, the others after them; gives how many go first. */
export function part(order: usize, n: i32, codes: usize, bin: i32, side: usize): i32 {
  let left = order;
  let right = side;
  for (const end = order + (<usize>n << 2); order < end; order += 4) {
    const row = load<u32>(order);
    const goes: usize = load<u8>(codes + row) <= <u8>bin ? 4 : 0;
    store<u32>(left, row);
    store<u32>(right, row);
    left += goes;
    right += 4 - goes;
  }
  const others = right - side;
  memory.copy(left, side, others);
  return n - <i32>(others >> 2);
}
