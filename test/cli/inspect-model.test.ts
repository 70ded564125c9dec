/** `run --out` saves what was learnt, and `inspect model` looks at it: as text, as JSON, as SVG files; with its own data or without. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import type { Diagnosis } from '../../src/nn/diagnostics.ts';
import { loadModel, saveModel } from '../../src/nn/files.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-inspect-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FILE = `
name: small
source: { type: exercise, task: memory, sequences: 40, length: 30 }
learn:
  inputs: [value, marked]
  target: sum
  classes: false
  networks: [{ name: a/b, cell: lstm, hidden: 5 }, { name: plain, cell: rnn, hidden: 5, layers: 2 }]
  steps: 30
  batch: 8
  epochs: 3
  clip: 0.1
prove: [{ name: same, source: {} }]
`;

async function call(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = fakeTerminal(folder);
  const code = await main(words, terminal);
  return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
}

beforeAll(async () => {
  writeFileSync(join(folder, 'small.yaml'), FILE);
  expect((await call('run', 'small.yaml', '--out', 'models')).code).toBe(0);
});

describe('a learning file’s networks', () => {
  it('are saved each in a folder of its own, with what their numbers mean', () => {
    expect(readdirSync(join(folder, 'models')).sort()).toEqual(['a%2Fb', 'plain']);
    const { shape, meta } = loadModel(join(folder, 'models/plain'));
    expect(shape).toMatchObject({ cell: 'rnn', layers: 2, inputs: 2, outputs: 1 });
    expect(meta).toMatchObject({ origin: 'learn', file: 'small', network: 'plain', inputs: ['value', 'marked'], target: 'sum' });
    const { epochs } = meta['training'] as { epochs: { updates: number; clipped: number }[] };
    expect(epochs.map(({ updates }) => updates)).toEqual([5, 5, 5]);
    expect(epochs[0]!.clipped).toBeGreaterThan(0);
  });

  it('are looked at with the loss and the sequences of their file', async () => {
    const { code, out } = await call('inspect', 'model', 'models/plain', '--data', 'small.yaml');
    expect(code).toBe(0);
    expect(out).toContain('looked at with sequences of small, the loss of the last answer');
    expect(out).toMatch(/\|dL\/dh\| of layer 1( +[\d.e-]+){7}/);
    expect(out).toMatch(/slope of h, layer 2 +-[\d.]+ powers of ten in 100 rows/);
    expect(out).toMatch(/an input is felt +for/);
    expect(out).toMatch(/units of layer 2 +\|h\| 0\.\d+ on average, above 0\.95 in [\d.]+ %/);
    expect(out).toMatch(/clipping +\d+ of 15 updates, largest gradient norm [\d.]+/);
  });

  it('or with rows that are made up from a seed: the same each time', async () => {
    const [first, again] = [
      await call('inspect', 'model', 'models/a%2Fb', '--json'),
      await call('inspect', 'model', 'models/a%2Fb', '--json'),
    ];
    expect(again.out).toBe(first.out);
    const { diagnosis, training } = JSON.parse(first.out) as { diagnosis: Diagnosis & { of: string }; training: unknown[] };
    expect(diagnosis).toMatchObject({ of: expect.stringContaining('seeded random rows') as string, rows: 256, probes: 8 });
    expect(diagnosis.gradient.map(({ of, norms }) => [of, norms.length])).toEqual([
      ['h', 256],
      ['c', 256],
    ]);
    expect(training).toHaveLength(3);
  });

  it('are drawn as SVG files', async () => {
    expect((await call('inspect', 'model', 'models/plain', '--out', 'plots')).code).toBe(0);
    expect(readdirSync(join(folder, 'plots')).sort()).toEqual(['clipping.svg', 'gradient.svg', 'hidden.svg', 'impulse.svg']);
    for (const [name, lines] of [
      ['gradient.svg', 2],
      ['impulse.svg', 1],
      ['hidden.svg', 5],
      ['clipping.svg', 1],
    ] as const) {
      const svg = readFileSync(join(folder, 'plots', name), 'utf8');
      const { document } = parseHTML(svg);
      expect(document.querySelectorAll('[aria-label=line] path')).toHaveLength(lines);
      expect(svg).toContain('--paper');
      expect(svg).not.toMatch(/NaN|undefined/);
    }
  });
});

it('a pipeline’s network: what its training clipped stands with its weights', async () => {
  writeFileSync(
    join(folder, 'waves.yaml'),
    `
source: { type: synthetic, kind: seasonal, series: 2, rows: 1200, interval: 1m, period: 24 }
window: { grid: rows, interval: 1m, ring: 512 }
forecast: { models: [naive, { type: recurrent, hidden: 4, rebuild: 32 }], season: 24 }
retrain: { every: 4h, rows: 200, epochs: 1, clip: 0.01, swap: exact }
`,
  );
  expect((await call('run', 'waves.yaml', '--fast')).code).toBe(0);
  const weights = join('.tidecast/waves/weights');
  const newest = readdirSync(join(folder, weights)).sort().at(-1)!;
  const { code, out } = await call('inspect', 'model', join(weights, newest));
  expect(code).toBe(0);
  expect(out).toMatch(/meta\.version +\d+$/m);
  expect(out).toMatch(/clipping +[1-9]\d* of \d+ updates, largest gradient norm \d/);
});

describe('networks that answer when all is read', () => {
  it('of one that reads both ways it is shown how far an input is felt before and later', async () => {
    const both = FILE.replace(/networks: .*/, 'networks: [{ name: both, hidden: 5, bidirectional: true }]');
    writeFileSync(join(folder, 'both.yaml'), both);
    expect((await call('run', 'both.yaml', '--out', 'closed')).code).toBe(0);
    const { code, out } = await call('inspect', 'model', 'closed/both', '--out', 'closed-plots');
    expect(code).toBe(0);
    expect(out).toMatch(/change of outputs later( +[\d.e-]+){8}/);
    expect(out).toMatch(/change of outputs before( +[\d.e-]+){8}/);
    expect(out).toMatch(/an input is felt before +for/);
    expect(out).toMatch(/units of layer 1, back +\|h\| 0\.\d+ on average/);
    expect(readdirSync(join(folder, 'closed-plots')).sort()).toEqual(['clipping.svg', 'hidden.svg', 'impulse.svg']);
    const { document } = parseHTML(readFileSync(join(folder, 'closed-plots/impulse.svg'), 'utf8'));
    expect(document.querySelectorAll('[aria-label=line] path')).toHaveLength(2);
    const given = await call('inspect', 'model', 'closed/both', '--data', 'both.yaml');
    expect([given.code, given.err]).toEqual([64, expect.stringMatching(/is looked at without `--data`/)]);
  });

  it('of an encoder it is shown how far back its decoder’s first output reaches', async () => {
    const pairs = FILE.replace('task: memory', 'task: parity')
      .replace(/inputs: .*/, 'inputs: [bit]')
      .replace('target: sum', 'target: parity')
      .replace('networks:', 'decoder: { read: 6, answer: 3 }\n  networks:');
    writeFileSync(join(folder, 'pairs.yaml'), pairs);
    const ran = await call('run', 'pairs.yaml', '--out', 'paired');
    expect(ran.code, ran.err).toBe(0);
    const { code, out } = await call('inspect', 'model', 'paired/a%2Fb');
    expect(code).toBe(0);
    expect(out).toContain('rows that the encoder reads, a random direction of the first output of the decoder');
    expect(out).toMatch(/\|dL\/dc\| of layer 1( +[\d.e-]+){8}/);
    expect(out).toMatch(/an input is felt +for/);
  });
});

describe('refused', () => {
  it.each([
    [['inspect', 'model', 'models/plain', '--data', 'other.yaml'], 78, /not one of this learning file/],
    [['inspect', 'model', 'keras', '--data', 'small.yaml'], 78, /not one of this learning file/],
    [['inspect', 'model', 'models/plain', '--out', 'small.yaml'], 73, /small.yaml/],
    [['inspect', 'state', 'models', '--out', 'x'], 64, /go with `model`/],
    [['run', 'line.yaml', '--out', 'x'], 64, /goes with a learning file/],
  ])('%j', async (words, code, message) => {
    writeFileSync(join(folder, 'other.yaml'), FILE.replace('layers: 2', 'layers: 1'));
    writeFileSync(join(folder, 'line.yaml'), 'name: line\n');
    const { shape, weights } = loadModel(join(folder, 'models/plain'));
    saveModel(join(folder, 'keras'), { shape, weights, meta: { origin: 'keras' } });
    const said = await call(...words);
    expect(said.code).toBe(code);
    expect(said.err).toMatch(message);
  });
});
