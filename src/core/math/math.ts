/**
 * Elementary functions whose bits do not depend on the machine, the engine or its version.
 *
 * `Math.exp` and its kin may differ between versions of V8, and a forecast must not; these are musl's algorithms compiled to
 * WebAssembly, whose arithmetic is fully specified. The linter forbids the ones of `Math`.
 */
import { readFileSync } from 'node:fs';

interface MathModule {
  exp(x: number): number;
  log(x: number): number;
  pow(x: number, y: number): number;
  sin(x: number): number;
  cos(x: number): number;
  tanh(x: number): number;
}

const bytes = readFileSync(new URL('./math.wasm', import.meta.url));
const imports = { env: { abort: () => undefined } };

/** `exp`, `log`, `pow`, `sin`, `cos`, `tanh` of doubles, within 1 ulp or so of the true value. */
export const { exp, log, pow, sin, cos, tanh } = new WebAssembly.Instance(new WebAssembly.Module(bytes), imports)
  .exports as unknown as MathModule;
