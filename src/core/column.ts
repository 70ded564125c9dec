/** Columns: what a station remembers per series, `stride` numbers a lane in one typed array. */

export type ColumnArray = Float64Array | Float32Array | Int32Array | Uint8Array;

/** One number, or `stride` numbers, a lane. Re-read `data` after a lane was opened: growing replaces the array. */
export interface Column<A extends ColumnArray = ColumnArray> {
  readonly name: string;
  readonly stride: number;
  readonly data: A;
}

/** Memory that somebody else owns (the kernel's hidden states) and lends to the lanes as a column. */
export interface LentColumn {
  readonly stride: number;
  /** The current view: at least `lanes x stride` numbers, zero where no lane was opened yet. */
  data(): Float32Array;
  reserve(lanes: number): void;
}

const MAKE = {
  f64: (n: number) => new Float64Array(n),
  f32: (n: number) => new Float32Array(n),
  i32: (n: number) => new Int32Array(n),
  u8: (n: number) => new Uint8Array(n),
};

/** A column in memory of its own, grown by copying. */
export class OwnColumn implements Column {
  readonly name: string;
  readonly stride: number;
  readonly fill: number;
  data: ColumnArray;
  readonly make: (n: number) => ColumnArray;

  constructor(name: string, type: keyof typeof MAKE, stride: number, fill: number, capacity: number) {
    this.name = name;
    this.stride = stride;
    this.fill = fill;
    this.make = MAKE[type];
    this.data = this.make(0);
    this.reserve(capacity);
  }

  reserve(capacity: number): void {
    const old = this.data;
    if (old.length >= capacity * this.stride) return;
    this.data = this.make(capacity * this.stride);
    copyPages(old, this.data);
    if (this.fill !== 0) this.data.fill(this.fill, old.length);
  }
}

const PAGE = 4096;
const ZEROS = Buffer.alloc(16 * PAGE);

/** Copies numbers, but for pages of zeros: one that was never written to costs no memory, and most of a ring is not filled yet. */
function copyPages(from: ColumnArray, to: ColumnArray): void {
  const bytes = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  const into = Buffer.from(to.buffer, to.byteOffset, to.byteLength);
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const end = Math.min(at + ZEROS.length, bytes.length);
    if (isZero(bytes, at, end)) continue;
    for (let page = at; page < end; page += PAGE) {
      const pageEnd = Math.min(page + PAGE, end);
      if (!isZero(bytes, page, pageEnd)) bytes.copy(into, page, page, pageEnd);
    }
  }
}

function isZero(bytes: Buffer, from: number, to: number): boolean {
  return bytes[from] === 0 && ZEROS.compare(bytes, from, to, 0, to - from) === 0;
}

/** A column in memory that somebody else lends. */
export class LentColumnView implements Column {
  readonly name: string;
  readonly fill = 0;
  readonly lent: LentColumn;

  constructor(name: string, lent: LentColumn) {
    this.name = name;
    this.lent = lent;
  }

  get stride(): number {
    return this.lent.stride;
  }

  get data(): Float32Array {
    return this.lent.data();
  }

  reserve(capacity: number): void {
    this.lent.reserve(capacity);
  }
}

export type AnyColumn = OwnColumn | LentColumnView;
