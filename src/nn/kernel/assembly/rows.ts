// Copies between rows as a caller sees them (dense) and as the kernel works on them (width rounded up to 8).

/** Copies n floats. */
// @ts-ignore: decorator
@inline
export function copyRow(from: usize, to: usize, n: i32): void {
  const end = from + (<usize>n << 2);
  while (from + 16 <= end) {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
  }
  while (from < end) {
    f32.store(to, f32.load(from));
    from += 4;
    to += 4;
  }
}

/** rows x n floats, strides in bytes. */
export function copyRows(rows: i32, from: usize, fs: usize, to: usize, ts: usize, n: i32): void {
  for (let r = 0; r < rows; r++) {
    copyRow(from, to, n);
    from += fs;
    to += ts;
  }
}

/** to[r] = from[lanes[r]] */
export function gather(rows: i32, lanes: usize, from: usize, fs: usize, to: usize, ts: usize, n: i32): void {
  for (let r = 0; r < rows; r++) copyRow(from + <usize>i32.load(lanes + (<usize>r << 2)) * fs, to + <usize>r * ts, n);
}

/** to[lanes[r]] = from[r] */
export function scatter(rows: i32, lanes: usize, from: usize, fs: usize, to: usize, ts: usize, n: i32): void {
  for (let r = 0; r < rows; r++) copyRow(from + <usize>r * fs, to + <usize>i32.load(lanes + (<usize>r << 2)) * ts, n);
}
