/** A terminal that keeps what was said. */
import { plainPaint, type Terminal } from '../../src/cli/terminal.ts';

export interface FakeTerminal extends Terminal {
  readonly said: { readonly out: string[]; readonly err: string[] };
}

/** Plain, 100 columns wide, never interrupted. */
export function fakeTerminal(folder = process.cwd(), env: Record<string, string> = {}): FakeTerminal {
  const said = { out: [] as string[], err: [] as string[] };
  return {
    said,
    out: (text) => void said.out.push(text),
    err: (text) => void said.err.push(text),
    live: false,
    paint: plainPaint,
    folder,
    env,
    width: () => 100,
    height: () => 40,
    stopper: () => ({ signal: new AbortController().signal, dispose: () => {} }),
  };
}
