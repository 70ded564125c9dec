/** The README's program is a program, and its first block is what a user types. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const README = readFileSync('README.md', 'utf8');

it('the program of piped operators has at most 15 lines and runs as it stands', { timeout: 120_000 }, () => {
  const program = /```ts\n(\/\/ forecast\.ts[\s\S]*?)```/.exec(README)?.[1];
  expect(program, 'a block that begins with `// forecast.ts`').toBeDefined();
  const lines = program!.trim().split('\n').slice(1);
  expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(15);
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-readme-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(resolve('.'), join(folder, 'node_modules', 'tidecast'));
    symlinkSync(resolve('pipelines'), join(folder, 'pipelines'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    // the program is plain JavaScript too, so that it runs on every supported Node
    writeFileSync(join(folder, 'forecast.js'), program!);
    const printed = execFileSync(process.execPath, ['forecast.js'], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
    expect(printed.length).toBeGreaterThan(100);
    expect(printed.at(-1)).toMatch(/^nyc_taxi 2015-02-01T05:00:00.000Z \d+$/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
