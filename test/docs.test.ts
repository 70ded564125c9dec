/** Generated pages are fresh, none is left over, and every example is right. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { COMPONENTS, everyComponent } from '../src/cli/components.ts';
import { orphansOf } from '../src/cli/docs.ts';
import { EXIT_MEANINGS, VERBS } from '../src/cli/verbs.ts';
import { generated } from '../src/cli/reference.ts';
import { ERRORS, EXIT } from '../src/core/errors.ts';
import { EVENTS } from '../src/core/events.ts';

const root = new URL('..', import.meta.url).pathname;
const files = generated(COMPONENTS);

describe('generated files (renew them with `npm run docs`)', () => {
  it.each([...files.keys()])('%s is fresh', (file) => {
    expect(readFileSync(root + file, 'utf8')).toBe(files.get(file));
  });
  it('no page is left over', () => {
    expect(orphansOf(root, new Set(files.keys()))).toEqual([]);
  });
  it('a left-over page is seen', () => {
    const known = new Set([...files.keys()].filter((file) => !file.endsWith('errors.md')));
    expect(orphansOf(root, known)).toEqual(['docs/reference/errors.md']);
  });
});

describe('tables and pages agree in both directions', () => {
  const firstCells = (page: string) => [...files.get(page)!.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1]);
  it('errors', () => expect(firstCells('docs/reference/errors.md')).toEqual(Object.keys(ERRORS).sort()));
  it('events', () => expect(firstCells('docs/reference/events.md')).toEqual(Object.keys(EVENTS)));
  it('exit codes', () => {
    for (const code of Object.values(EXIT)) expect(EXIT_MEANINGS[code]).toBeTruthy();
  });
  it('verbs', () => {
    const headings = [...files.get('docs/reference/cli.md')!.matchAll(/^## tidecast (.*)$/gm)].map((match) => match[1]);
    expect(headings).toEqual(VERBS.filter(({ hidden }) => !hidden).map(({ name }) => name));
  });
});

describe('every component', () => {
  it.each(everyComponent().map((component) => [`${component.kind} ${component.name}`, component] as const))(
    '%s: its example is right',
    (_, component) => {
      const parsed = component.config.safeParse((parse(component.example) as unknown) ?? {});
      expect(parsed.error?.issues ?? []).toEqual([]);
    },
  );
  it.each(everyComponent().map((component) => [`${component.kind} ${component.name}`, component] as const))(
    '%s: one sentence, kebab-case, something it guarantees',
    (_, component) => {
      expect(component.name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(component.summary).toMatch(/^[A-Z].*\.$/);
      expect(component.guarantees.length).toBeGreaterThan(0);
    },
  );
  it.each(everyComponent().map((component) => [`${component.kind} ${component.name}`, component] as const))(
    '%s: every field is described',
    (_, component) => {
      const page = [...files].find(([file]) => file.endsWith(`/${component.kind}s/${component.name}.md`))![1];
      expect(page).not.toMatch(/^\| `[^`]+` \|.*\|\s*\|$/m);
    },
  );
});

describe('errors', () => {
  it.each(Object.entries(ERRORS))('%s reads what happened, then what to do', (code, { what, todo }) => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(what).not.toMatch(/\.$/);
    expect(todo).toMatch(/^[A-Z].*\.$/);
  });
});
