/** Thrown by the codecs where bytes are not what they must be; whoever knows the file and the place turns it into a `TidecastError`. */
export class Damage extends Error {
  override readonly name = 'Damage';
}

/** Throws {@link Damage} unless the condition holds. */
export function sound(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Damage(problem);
}
