/** Lays one value over another: maps are merged field by field, everything else replaces what was there. */

/** A new value; neither argument is changed. Keys that would reach a prototype are left out. */
export function mergeValues(under: unknown, over: unknown): unknown {
  if (over === undefined) return under;
  if (!isMap(under) || !isMap(over)) return over;
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    if (key !== '__proto__') merged[key] = mergeValues(Object.hasOwn(merged, key) ? merged[key] : undefined, value);
  }
  return merged;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
