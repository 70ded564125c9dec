/** `tidecast generate`: a saved network of characters writes; greedily, by chance from a seed, and after a beginning. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { loadModel, saveModel } from '../../src/nn/files.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-generate-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function call(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = fakeTerminal(folder);
  const code = await main(words, terminal);
  return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
}

beforeAll(async () => {
  writeFileSync(join(folder, 'words.txt'), 'machine\nmarine\n'.repeat(30));
  writeFileSync(
    join(folder, 'words.yaml'),
    `
name: words
source: { type: text, path: words.txt }
learn:
  inputs: [character]
  symbols: true
  target: character
  ahead: 1
  networks: [{ name: rnn, cell: rnn, hidden: 16, embedding: 4 }, { name: next, cell: none, hidden: 4 }]
  steps: 16
  batch: 4
  epochs: 80
prove: [{ name: the words, source: { take: 15 } }]
`,
  );
  expect((await call('run', 'words.yaml', '--out', 'models')).code).toBe(0);
});

it('at temperature 0 it writes the likeliest, after what it was given', async () => {
  for (const [prompt, length, text] of [
    ['mach', 3, 'machine'],
    ['machine\nmar', 3, 'machine\nmarine'],
    ['m', 1, 'ma'],
  ] as const)
    expect(await call('generate', 'models/rnn', '--prompt', prompt, '--temperature', '0', '--length', String(length))).toEqual({
      code: 0,
      out: text,
      err: '',
    });
});

it('the same seed writes the same, another seed something else; a high temperature makes it strange', async () => {
  const [first, again, other] = [
    await call('generate', 'models/next', '--length', '200', '--seed', '3'),
    await call('generate', 'models/next', '--length', '200', '--seed', '3'),
    await call('generate', 'models/next', '--length', '200', '--seed', '4'),
  ];
  expect(first.out).toHaveLength(200);
  expect(again.out).toBe(first.out);
  expect(other.out).not.toBe(first.out);
  const words = (text: string): number => text.split('\n').filter((word) => /^(machine|marine)$/.test(word)).length;
  const hot = await call('generate', 'models/rnn', '--length', '400', '--temperature', '5');
  const cool = await call('generate', 'models/rnn', '--length', '400', '--temperature', '0.5');
  expect(words(cool.out)).toBeGreaterThan(40);
  expect(words(hot.out)).toBeLessThan(10);
  const { text } = JSON.parse((await call('generate', 'models/rnn', '--length', '5', '--json')).out) as { text: string };
  expect(text).toHaveLength(5);
});

it.each([
  [['models/rnn', '--prompt', 'mast'], 65, /none of those that occurred in training \(value: 115, character: s, row: 2\)/],
  [['models/rnn', '--temperature', 'hot'], 64, /--temperature is from 0 to 10/],
  [['models/rnn', '--temperature', '-1'], 64, /--temperature is from 0 to 10/],
  [['models/rnn', '--length', '0'], 64, /no whole number/],
  [['nowhere'], 66, /nowhere/],
  [['keras'], 65, /does not say what comes next in a text/],
  [['broken'], 65, /does not say what comes next in a text/],
  [['short'], 65, /damaged/i],
])('%j is refused', async (words, code, message) => {
  const { shape, weights, meta } = loadModel(join(folder, 'models/rnn'));
  saveModel(join(folder, 'keras'), { shape, weights, meta: { origin: 'keras' } });
  saveModel(join(folder, 'broken'), { shape, weights, meta: { ...meta, symbols: 'abc' } });
  const fewer = (meta['symbols'] as number[]).slice(1);
  saveModel(join(folder, 'short'), { shape, weights, meta: { ...meta, symbols: fewer, classes: fewer } });
  const said = await call('generate', ...words);
  expect([said.code, said.err], said.err).toEqual([code, expect.stringMatching(message)]);
});

it('what would move the cursor is not shown', async () => {
  const manifest = join(folder, 'models/rnn/model.json');
  const meta = JSON.parse(readFileSync(manifest, 'utf8')) as { meta: { symbols: number[]; classes: number[] } };
  // the letter that stood for `m` is an escape now
  for (const list of [meta.meta.symbols, meta.meta.classes]) list[list.indexOf(109)] = 27;
  writeFileSync(manifest, JSON.stringify(meta));
  const { out } = await call('generate', 'models/rnn', '--prompt', 'a', '--temperature', '0', '--length', '40');
  expect(out).toMatch(/^a/);
  expect(out).not.toContain('\u001b');
});

it('an encoder and decoder answers what it was taught; without a text, or with a strange letter, it says what is wrong', async () => {
  const words = ['ab', 'ba', 'abc', 'cab', 'bca', 'cba'];
  const lines = words.map((word) => `${word}\t${[...word].reverse().join('')}`);
  writeFileSync(join(folder, 'turned.txt'), `${lines.join('\n')}\n`.repeat(8));
  writeFileSync(
    join(folder, 'turned.yaml'),
    `
name: turned
source: { type: text, by: pair, path: turned.txt }
learn:
  inputs: [character]
  symbols: true
  target: answer
  decoder: { answer: 3, beam: 2, reach: 0.5 }
  networks: [{ name: taught, hidden: 24, teacher: linear }]
  batch: 8
  epochs: 80
  until: 0.01
prove: [{ name: the same words, source: {} }]
`,
  );
  expect((await call('run', 'turned.yaml', '--out', 'turned')).code).toBe(0);
  for (const word of ['cab', 'ba'])
    expect(await call('generate', 'turned/taught', '--prompt', word)).toEqual({
      code: 0,
      out: [...word].reverse().join(''),
      err: '',
    });
  expect((await call('generate', 'turned/taught')).err).toContain('--prompt is the text that it answers');
  expect((await call('generate', 'turned/taught', '--prompt', 'xyz')).err).toContain('character: x');
  expect((await call('generate', 'turned/taught', '--prompt', 'ab', '--beam', '99')).err).toContain('option of the search');
});
