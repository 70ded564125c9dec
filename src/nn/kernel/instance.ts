/** One instance of the kernel with a memory of its own, handed out from the bottom up. */
import { readFileSync } from 'node:fs';
import { TidecastError } from '../../core/errors.ts';

/** What `assembly/index.ts` exports. Addresses are in bytes. */
export interface Kernel {
  readonly memory: WebAssembly.Memory;
  base(): number;
  step(model: number, wave: number, rows: number): number;
  forward(model: number, batch: number): number;
  backward(model: number, batch: number): void;
  transposeAll(model: number): void;
  outer(rows: number, x: number, xs: number, k: number, d: number, ds: number, cols: number, g: number): void;
  weigh(rows: number, x: number, k: number, y: number, w: number, d: number, ds: number): void;
  squares(g: number, n: number): number;
  adam(
    w: number,
    g: number,
    m: number,
    v: number,
    n: number,
    clip: number,
    b1: number,
    b2: number,
    rate: number,
    root: number,
    epsilon: number,
    keep: number,
  ): void;
  follow(p: number, x: number, k: number, size: number, keep: number, prior: number): void;
  sumOfTrees(roots: number, trees: number): number;
  histogram(
    order: number,
    n: number,
    marks: number,
    marked: number,
    codes: number,
    rows: number,
    used: number,
    inputs: number,
    out: number,
  ): void;
  subtract(a: number, b: number, words: number): void;
  bestSplit(histogram: number, edges: number, inputs: number, n: number, sum: number, least: number, best: number): void;
  part(order: number, n: number, codes: number, bin: number, side: number): number;
  sigmoidAll(at: number, n: number): void;
  tanhAll(at: number, n: number): void;
}

/** The most memory an instance may take, in bytes. */
export const LARGEST_MEMORY = 2147483648;

const PAGE = 65536;
const module = new WebAssembly.Module(readFileSync(new URL('./kernel.wasm', import.meta.url)));

/** A kernel, its memory and the next free address. */
export class Instance {
  readonly kernel: Kernel;
  #top: number;

  constructor() {
    const imports = { env: { abort: () => undefined } };
    this.kernel = new WebAssembly.Instance(module, imports).exports as unknown as Kernel;
    this.#top = aligned(this.kernel.base());
  }

  /** The first address that nothing has taken. */
  get top(): number {
    return this.#top;
  }

  get buffer(): ArrayBuffer {
    return this.kernel.memory.buffer;
  }

  /** Takes so many 4-byte words, zero and aligned to 64 bytes, for good; throws NN_TOO_LARGE. Growing makes earlier views empty. */
  take(words: number): number {
    const at = this.#top;
    this.reach(at + 4 * words);
    this.#top = aligned(at + 4 * words);
    return at;
  }

  /** Makes the memory reach up to an address (and 64 bytes more, which a vector's tail may touch); throws NN_TOO_LARGE. */
  reach(end: number): void {
    const { memory } = this.kernel;
    if (!(end + 64 <= LARGEST_MEMORY)) throw new TidecastError('NN_TOO_LARGE', { bytes: end, largest: LARGEST_MEMORY });
    const missing = end + 64 - memory.buffer.byteLength;
    if (missing <= 0) return;
    try {
      memory.grow(Math.ceil(missing / PAGE));
    } catch (cause) {
      throw new TidecastError('NN_TOO_LARGE', { bytes: end, 'the system gives': memory.buffer.byteLength }, { cause });
    }
  }

  floats(at: number, length: number): Float32Array {
    return new Float32Array(this.buffer, at, length);
  }

  words(at: number, length: number): Int32Array {
    return new Int32Array(this.buffer, at, length);
  }
}

/** Rounds an address up to 64 bytes. */
export function aligned(at: number): number {
  return Math.ceil(at / 64) * 64;
}
