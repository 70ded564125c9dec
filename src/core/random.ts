/** The only source of randomness: seeded, counted in integers, the same on every machine. */

/** Mixes strings and numbers into one 32-bit seed (FNV-1a over the text). */
export function seedOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    for (const byte of new TextEncoder().encode(`${part}\u0000`)) {
      hash ^= byte;
      hash = Math.imul(hash, 0x01000193);
    }
  }
  return hash >>> 0;
}

/**
 * A seeded generator: xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32.
 *
 * `snapshot()` gives its four words, `Random.restore` continues exactly there.
 */
export class Random {
  #s: Uint32Array;

  constructor(seed: number) {
    this.#s = new Uint32Array(4);
    let z = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let t = z ^ (z >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      this.#s[i] = (t ^ (t >>> 15)) >>> 0;
    }
  }

  static restore(words: readonly number[]): Random {
    const random = new Random(0);
    random.#s.set(words);
    return random;
  }

  snapshot(): number[] {
    return [...this.#s];
  }

  /** A 32-bit unsigned integer. */
  next(): number {
    const s = this.#s;
    const x = Math.imul(s[1]!, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return ((this.next() >>> 5) * 67108864 + (this.next() >>> 6)) / 9007199254740992;
  }

  /** A whole number in [0, n), n below 2^32. */
  below(n: number): number {
    return Math.floor(this.uniform() * n);
  }

  /** A standard normal draw: Marsaglia's polar method, of each pair the first (so that a snapshot is four words). */
  normal(log: (x: number) => number): number {
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const q = u * u + v * v;
      if (q > 0 && q < 1) return u * Math.sqrt((-2 * log(q)) / q);
    }
  }

  /** A random order of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const keep = order[i]!;
      order[i] = order[j]!;
      order[j] = keep;
    }
    return order;
  }
}
