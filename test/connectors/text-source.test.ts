import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import text from '../../connectors/text-source.ts';
import { collect, context, testSource } from '../contract/source.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-text-'));
afterAll(() => rmSync(folder, { recursive: true }));

const LINE = 'Größe, 日本 und 🌊\n';
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
file('book.txt', LINE.repeat(400));
const wide = [...LINE].length;

for (const by of ['file', 'line', 'pair'])
  testSource({
    component: text,
    title: `by ${by}`,
    folder,
    config: () => ({ path: 'book.txt', by }),
    rows: 400 * wide,
    large: () => ({ path: file('large.txt', LINE.repeat(25_000)), by }),
  });
testSource({ component: text, title: 'a part', folder, config: () => ({ path: 'book.txt', skip: 100, take: 5000 }), rows: 5000 });

testSource({
  component: text,
  title: 'lines with labels',
  folder,
  config: () => ({ path: file('labels.txt', `sea\t${LINE}land\t${LINE}`.repeat(200)), by: 'line', labels: ['land', 'sea'] }),
  rows: 400 * wide,
});

/** Text by series. */
async function series(content: string | Uint8Array, config: Record<string, unknown> = {}): Promise<Record<string, string>> {
  const path = file('some.txt', content);
  const source = text.build(text.config.parse({ path, ...config }), context());
  const found: Record<string, string> = {};
  for (const { content } of await collect(source, undefined, Infinity)) {
    const [name, , [character]] = content as [string, number, [number]];
    found[name] = (found[name] ?? '') + String.fromCodePoint(character);
  }
  return found;
}

describe('text', () => {
  it('is read character by character, over the borders of chunks too', async () => {
    const long = LINE.repeat(9000);
    expect(await series(long)).toEqual({ some: long });
  });

  it('lines are series, each with its line end', async () => {
    expect(await series('one\r\ntwo\n\nfour', { by: 'line' })).toEqual({
      'line-1': 'one\n',
      'line-2': 'two\n',
      'line-3': '\n',
      'line-4': 'four',
    });
  });

  it('pairs: before the first tab of a line and behind it', async () => {
    const path = file('pairs.txt', 'ab\tc\td\n\nef\n\tg');
    const source = text.build(text.config.parse({ path, by: 'pair' }), context());
    expect(source.channels).toEqual(['character', 'answer']);
    const found: Record<string, [string, string]> = {};
    for (const { content } of await collect(source, undefined, Infinity)) {
      const [name, , values] = content as [string, number, [number, number]];
      found[name] ??= ['', ''];
      for (const side of [0, 1] as const)
        if (!Number.isNaN(values[side])) found[name][side] += String.fromCodePoint(values[side]);
    }
    expect(found).toEqual({ 'line-1': ['ab', 'c\td'], 'line-2': ['', ''], 'line-3': ['ef', ''], 'line-4': ['', 'g'] });
  });

  it('drops a byte order mark, keeps a lone carriage return, replaces what is no UTF-8', async () => {
    expect(await series('\ufeffa\rb\r')).toEqual({ some: 'a\rb\r' });
    expect(await series(Uint8Array.of(97, 255, 98))).toEqual({ some: 'a\ufffdb' });
  });

  it('skips and takes', async () => {
    expect(await series('abcdefgh', { skip: 2, take: 3 })).toEqual({ some: 'cde' });
    expect(await series('ab\ncd\nef', { skip: 1, by: 'line' })).toEqual({ 'line-1': 'b\n', 'line-2': 'cd\n', 'line-3': 'ef' });
  });

  it('a file that is missing or empty is refused', async () => {
    await expect(series('')).rejects.toMatchObject({ code: 'SOURCE_NO_ROWS' });
    await expect(series('abc', { skip: 3 })).rejects.toMatchObject({ code: 'SOURCE_NO_ROWS' });
    const missing = text.build(text.config.parse({ path: 'nowhere.txt' }), context(folder));
    await expect(collect(missing, undefined, Infinity)).rejects.toMatchObject({ code: 'SOURCE_FILE_MISSING' });
  });
});

describe('labels', () => {
  /** Text and labels by series. */
  async function labelled(content: string, config: Record<string, unknown> = {}): Promise<Record<string, [string, number[]]>> {
    const path = file('labelled.txt', content);
    const source = text.build(text.config.parse({ path, by: 'line', labels: ['no', 'yes'], ...config }), context());
    const found: Record<string, [string, number[]]> = {};
    for (const { content } of await collect(source, undefined, Infinity)) {
      const [name, , [character, label]] = content as [string, number, [number, number]];
      const [text, labels] = (found[name] ??= ['', []]);
      found[name] = [text + String.fromCodePoint(character), [...labels, label]];
    }
    return found;
  }

  it('are taken off each line, and stand beside its characters', async () => {
    expect(await labelled('\ufeffyes\ta\tb\r\nno\tc')).toEqual({ 'line-1': ['a\tb\n', [1, 1, 1, 1]], 'line-2': ['c', [0]] });
    expect(await labelled('yes\tab\nno\tcd\n', { skip: 5, take: 6 })).toEqual({
      'line-1': ['b\n', [1, 1]],
      'line-2': ['c', [0]],
    });
  });

  it.each([
    ['no\ta\nmaybe\tb\n', 'mayb', 2],
    ['no\ta\n\nno\tb', '', 2],
    ['yes', 'yes', 1],
    ['yes\n', 'yes', 1],
    ['\ta', '', 1],
  ])('%j: a label outside the set is refused with its line', async (content, label, line) => {
    await expect(labelled(content)).rejects.toMatchObject({
      code: 'SOURCE_LABEL',
      facts: { file: join(folder, 'labelled.txt'), label, line, known: 'no, yes' },
    });
  });

  it('go with lines, and are two or more', () => {
    const problem = (config: Record<string, unknown>): string | undefined =>
      text.config.safeParse({ path: 'x', ...config }).error?.issues[0]?.message;
    expect(problem({ labels: ['a', 'b'] })).toBe('goes with by: line');
    expect(problem({ by: 'line', labels: ['a'] })).toMatch(/>=2/);
    expect(problem({ by: 'line', labels: ['a', 'b\t'] })).toMatch(/without tabs/);
  });
});
