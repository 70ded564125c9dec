/** Identities of ticks as doubles: numbers as they are, everything else as 53-bit hashes. */

/** A 53-bit hash of text: equal texts are equal; among a million different ones two are equal with a probability of 0.00006. */
export function textIdentity(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  return mixed(a, b);
}

/** A 64-bit integer as a double; beyond 2^53, where doubles run together, a hash of it. */
export function integerIdentity(low: number, high: number): number {
  const value = high * 4294967296 + (low >>> 0);
  return Number.isSafeInteger(value) ? value : mixed(low, high);
}

function mixed(a: number, b: number): number {
  const x = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  const y = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(x ^ (x >>> 13), 3266489909);
  return 4294967296 * (2097151 & y) + (x >>> 0);
}
