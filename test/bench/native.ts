/** The yardstick: what a plain C kernel reaches on this machine now; without a compiler, a plain JavaScript loop. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Median nanoseconds of a step by model (`gru32`, `gru64`, `lstm64`, `lstm128`): input 8, batch 1, head of one output. */
export interface Yardstick {
  readonly peer: 'native' | 'javascript';
  readonly ns: ReadonlyMap<string, number>;
}

/** Prepares the yardstick; `measure` may be called often, `close` removes what was compiled. */
export function yardstick(): { measure(): Yardstick; close(): void } {
  const program = compiled();
  if (!program) return { measure: () => ({ peer: 'javascript', ns: plainLoops() }), close: () => undefined };
  const measure = (): Yardstick => {
    const lines = execFileSync(program.file, ['20000'], { encoding: 'utf8' }).trim().split('\n');
    return { peer: 'native', ns: new Map(lines.map((line) => [line.split(' ')[0]!, Number(line.split(' ')[1])])) };
  };
  return { measure, close: () => rmSync(program.folder, { recursive: true }) };
}

function compiled(): { file: string; folder: string } | undefined {
  // The C files stay in the source tree; from dist/test/bench it is three folders up.
  const source = [new URL('./native_main.c', import.meta.url), new URL('../../../test/bench/native_main.c', import.meta.url)]
    .map((url) => url.pathname)
    .find((path) => existsSync(path));
  if (source === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-native-'));
  const file = join(folder, 'native');
  try {
    execFileSync('gcc', ['-O3', '-march=native', '-ffast-math', source, '-o', file, '-lm'], { stdio: 'ignore' });
    return { file, folder };
  } catch {
    rmSync(folder, { recursive: true });
    return undefined;
  }
}

function plainLoops(): Map<string, number> {
  const models = [
    ['gru32', 3, 32],
    ['gru64', 3, 64],
    ['lstm64', 4, 64],
    ['lstm128', 4, 128],
  ] as const;
  return new Map(models.map(([name, gates, hidden]) => [name, plainLoop(gates, hidden, 8)]));
}

/** The products of a step and as many exponentials, in one plain loop a formula. */
function plainLoop(gates: number, hidden: number, inputs: number): number {
  const columns = gates * hidden;
  const w = Float32Array.from({ length: columns * (inputs + hidden) }, (_, i) => Math.sin(i) / 10);
  const xh = new Float32Array(inputs + hidden).fill(0.1);
  const a = new Float32Array(columns);
  const times: number[] = [];
  for (let block = 0; block < 60; block++) {
    const start = performance.now();
    for (let n = 0; n < 20; n++) {
      a.fill(0);
      for (let k = 0; k < xh.length; k++) for (let c = 0; c < columns; c++) a[c]! += w[k * columns + c]! * xh[k]!;
      for (let c = 0; c < columns; c++) a[c] = 1 / (1 + Math.exp(-a[c]!));
      for (let j = 0; j < hidden; j++) xh[inputs + j] = a[j]! * a[hidden + j]!;
    }
    times.push(((performance.now() - start) / 20) * 1e6);
  }
  return times.sort((x, y) => x - y)[30]!;
}
