import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SINKS, SOURCES } from '../../connectors/index.ts';

const folder = new URL('../../connectors/', import.meta.url);

it.each([
  ['source', SOURCES],
  ['sink', SINKS],
] as const)('the list names every %s in the folder, in order', (kind, list) => {
  const files = readdirSync(folder).filter((name) => name.endsWith(`-${kind}.ts`));
  expect(list.map((component) => `${component.name}-${kind}.ts`).sort()).toEqual(files.sort());
  for (const component of list) expect(component.kind).toBe(kind);
});

it.each(readdirSync(folder).filter((name) => /-(source|sink)\.ts$/.test(name)))(
  '%s loads its client lazily and no other connector',
  async (name) => {
    const { readFileSync } = await import('node:fs');
    const imports = [...readFileSync(new URL(name, folder), 'utf8').matchAll(/^import (type )?.* from '(.+)';$/gm)]
      .filter(([, type]) => !type)
      .map(([, , from]) => from!);
    for (const from of imports) expect(from).toMatch(/^(node:.*|zod|\.\.\/src\/core\/.*|\.\/(formats|influx|kafka)\/.*)$/);
  },
);
