/** Series of a batch: from codes into all names ever met to codes into the names of this batch. */

/** Renumbers codes to the names that occur, in the order of their first row. The scratch array grows with the names. */
export class SeriesCodes {
  #seen = new Int32Array(64).fill(-1);

  /** The distinct names of the rows and each row's index into them; codes are not negative. */
  compact(codes: Int32Array, names: readonly string[]): { readonly series: string[]; readonly codes: Int32Array } {
    if (names.length > this.#seen.length) this.#seen = new Int32Array(names.length * 2).fill(-1);
    const seen = this.#seen;
    const used: number[] = [];
    const out = new Int32Array(codes.length);
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i]!;
      let place = seen[code]!;
      if (place === -1) {
        seen[code] = place = used.length;
        used.push(code);
      }
      out[i] = place;
    }
    for (const code of used) seen[code] = -1;
    return { series: used.map((code) => names[code]!), codes: out };
  }
}
