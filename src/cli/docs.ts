/** `tidecast docs`: writes the generated pages and the JSON Schema, or says which are stale. */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT } from '../core/errors.ts';
import { COMPONENTS } from './components.ts';
import { generated } from './reference.ts';
import type { Verb } from './verbs.ts';

const PAGES = 'docs/reference';

export const docs: Verb = async ({ options }, terminal) => {
  const files = generated(COMPONENTS);
  const stale = [...files].filter(([file, text]) => textOf(join(terminal.folder, file)) !== text).map(([file]) => file);
  const orphans = orphansOf(terminal.folder, new Set(files.keys()));
  if (options['check']) {
    for (const file of stale) terminal.err(`${file} is stale: run \`npm run docs\``);
    for (const file of orphans) terminal.err(`${file} belongs to nothing: run \`npm run docs\``);
    return stale.length + orphans.length === 0 ? EXIT.ok : EXIT.unexpected;
  }
  for (const file of orphans) rmSync(join(terminal.folder, file));
  for (const file of stale) {
    const path = join(terminal.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, files.get(file)!);
  }
  terminal.out(`${files.size} files, ${stale.length} written, ${orphans.length} removed`);
  return EXIT.ok;
};

/** Pages below docs/reference that nothing generates. */
export function orphansOf(folder: string, known: ReadonlySet<string>): string[] {
  try {
    const found = readdirSync(join(folder, PAGES), { recursive: true, encoding: 'utf8', withFileTypes: false });
    return found
      .map((name) => `${PAGES}/${name}`)
      .filter((file) => file.endsWith('.md') && !known.has(file))
      .sort();
  } catch {
    return [];
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
