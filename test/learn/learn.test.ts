/** Learning files: what ships holds its claims; what is wrong is said with its place; judging agrees with training; same file, same bits. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, describe, expect, it } from 'vitest';
import { SOURCES } from '../../connectors/index.ts';
import { main } from '../../src/cli/program.ts';
import { Encoding, writeRow, type Encoded } from '../../src/learn/encoding.ts';
import { fit } from '../../src/learn/fit.ts';
import { judge } from '../../src/learn/judge.ts';
import { learn, type Learnt } from '../../src/learn/learn.ts';
import { checkLearning, isLearning } from '../../src/learn/load.ts';
import { NGram } from '../../src/learn/n-gram.ts';
import { knownWords } from '../../src/learn/sample.ts';
import type { Sequence } from '../../src/learn/sequences.ts';
import type { LearningSpec } from '../../src/learn/spec.ts';
import { readPipelineFile } from '../../src/pipeline/load.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-learn-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SMALL = `
name: small
source: { type: exercise, task: parity, sequences: 40, length: 4 }
learn:
  inputs: [bit]
  target: parity
  networks: [{ name: gru, hidden: 5 }, { name: control, cell: none, hidden: 5, window: 4 }]
  steps: 3
  batch: 8
  epochs: 3
prove:
  - { name: other sequences, source: { seed: 9, sequences: 30 } }
`;

function loaded(text: string): LearningSpec {
  const file = join(folder, 'learning.yaml');
  writeFileSync(file, text);
  return checkLearning(file, readPipelineFile(file, { env: {} }), SOURCES);
}

const run = (text: string): Promise<Learnt> => learn(loaded(text), { sources: SOURCES });

describe('what ships', () => {
  const files = readdirSync('pipelines').filter(
    (name) => name.endsWith('.yaml') && isLearning(readPipelineFile(join('pipelines', name))),
  );

  it.each(files)('%s is valid', (name) => {
    const file = join('pipelines', name);
    const read = readPipelineFile(file);
    expect(checkLearning(file, read, SOURCES).name).toBe(name.slice(0, -'.yaml'.length));
    const fits = new Ajv2020({ strict: false }).compile(
      JSON.parse(readFileSync('config/learning.schema.json', 'utf8')) as object,
    );
    expect(fits(read.value), JSON.stringify(fits.errors)).toBe(true);
  });

  it.each(['learn-addition', 'learn-parity'])('%s: every claim holds', async (name) => {
    const terminal = fakeTerminal();
    expect(await main(['run', `pipelines/${name}.yaml`], terminal), terminal.said.out.join('\n')).toBe(0);
    const said = terminal.said.out.join('\n');
    expect(said).toMatch(/1000 bits: exact at least 1, is 1$/m);
    expect(said).toMatch(/^holds {2}control/m);
    expect(said).not.toMatch(/^fails/m);
  });
});

describe('a learning file', () => {
  it('is checked, without being run', async () => {
    const terminal = fakeTerminal();
    expect(await main(['check', 'pipelines/learn-parity.yaml'], terminal)).toBe(0);
    expect(terminal.said.out).toEqual(['learn-parity trains lstm, control and judges them on: 16 bits; 17 bits; 1000 bits']);
  });

  it('ends with exit code 1 where a claim does not hold, as text and as JSON', async () => {
    const file = join(folder, 'fails.yaml');
    const claims = 'claims: [{ network: gru, measure: exact, at_least: 1 }, { network: gru, measure: bits, at_most: 9 }]';
    writeFileSync(file, SMALL.replace('sequences: 30 }', `sequences: 30 }, ${claims}`));
    const [text, json] = [fakeTerminal(), fakeTerminal()];
    expect(await main(['run', file], text)).toBe(1);
    expect(text.said.out.at(-1)).toMatch(/^fails {2}gru, other sequences: exact at least 1, is 0\.\d+$/m);
    expect(text.said.out.at(-1)).toMatch(/^holds {2}gru, other sequences: bits at most 9, is [\d.]+$/m);
    expect(await main(['run', file, '--json'], json)).toBe(1);
    const { name, claims: found } = JSON.parse(json.said.out.join('\n')) as Learnt & { name: string };
    expect([name, ...found.map(({ holds }) => holds)]).toEqual(['small', false, true]);
  });

  it('gives the same bits each time, and others for another seed', async () => {
    const told = ({ networks, proofs }: Learnt): unknown => [networks.map(({ loss, updates }) => [loss, updates]), proofs];
    const [first, again, other] = [await run(SMALL), await run(SMALL), await run(`seed: 2${SMALL}`)];
    expect(told(again)).toEqual(told(first));
    expect(told(other)).not.toEqual(told(first));
  });

  it.each([
    [
      'name: gru, hidden: 5',
      'name: gru, hidde: 5',
      /learning.yaml:7:\d+ learn.networks\[0\].hidde is not a known field \(did you mean "hidden"\?\)/,
    ],
    ['task: parity', 'task: party', /learning.yaml:3:\d+ source.task must be one of .* \(did you mean "parity"\?\)/],
    ['seed: 9', 'sead: 9', /learning.yaml:\d+:\d+ prove\[0\].source.*sead is not a known field/],
    ['name: control', 'name: gru', /learn.networks\[1\]: the name gru is taken/],
    ['name: gru, hidden', 'name: gru, variant: relevance, hidden', /variant goes with cell: lstm/],
    ['name: gru, hidden', 'name: gru, embedding: 2, hidden', /embedding goes with learn.symbols: true/],
    ['inputs: [bit]', 'inputs: [bit, bit]\n  symbols: true', /with symbols there is one input/],
    [
      'sequences: 30 }',
      'sequences: 30 }, claims: [{ network: grue, measure: error }]',
      /names none of gru, control(.|\n)*needs at_least, at_most, below or above(.|\n)*error is for numbers/,
    ],
  ])('%s -> %s is refused', (from, to, message) => {
    expect(() => loaded(SMALL.replace(from, to))).toThrow(message);
  });

  it.each([
    ['inputs: [bit]', 'inputs: [bits]', 'LEARN_CHANNEL'],
    ['target: parity', 'target: parity\n  ahead: 4', 'LEARN_NOTHING'],
    ['task: parity', 'task: memory', 'LEARN_CHANNEL'],
  ])('%s -> %s cannot be learnt', async (from, to, code) => {
    await expect(run(SMALL.replace(from, to))).rejects.toMatchObject({ code });
  });

  it('symbols and classes that training has not seen are refused', async () => {
    const text = (name: string, content: string): string => {
      writeFileSync(join(folder, name), content);
      return resolve(folder, name);
    };
    const file = `
name: letters
source: { type: text, path: ${text('seen.txt', 'abcabcabc'.repeat(20))} }
learn: { inputs: [character], symbols: true, target: character, ahead: 1, networks: [{ name: rnn, cell: rnn, hidden: 8, embedding: 3 }], steps: 9, batch: 2, epochs: 40 }
prove: [{ name: other, source: { path: ${text('other.txt', 'abcabc')} } }]
`;
    const { proofs } = await run(file);
    expect(proofs[0]!.judgements[0]).toMatchObject({ sequences: 1, answers: 5, right: 1 });
    text('other.txt', 'abcdbc');
    await expect(run(file)).rejects.toMatchObject({ code: 'LEARN_UNKNOWN', facts: { value: 100, row: 3 } });
    text('seen.txt', 'aaaa');
    await expect(run(file)).rejects.toMatchObject({ code: 'LEARN_CLASSES' });
  });
});

describe('a language model', () => {
  const word = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const file = `
name: machin
source: { type: text, path: ${word('machine.txt', 'machine\n'.repeat(40))} }
learn:
  inputs: [character]
  symbols: true
  target: character
  ahead: 1
  n_gram: 3
  sample: { length: 50, temperature: 0.5, known_words: 1 }
  networks: [{ name: rnn, cell: rnn, hidden: 12, embedding: 4 }]
  steps: 8
  batch: 4
  epochs: 60
prove:
  - { name: the word, source: { take: 8 }, claims: [{ network: rnn, measure: exact, at_least: 1 }, { network: rnn, measure: bits, below: 3-gram }] }
`;

  it('learns "machin" -> "achine", and writes it', async () => {
    const { samples, claims, judged, proofs } = await run(file);
    expect(judged).toEqual(['rnn', '3-gram', 'base-rate']);
    // of one word repeated, counting triples knows everything: the claim to be better fails, and it says so
    const found = Object.fromEntries(claims.map(({ measure, holds }) => [measure, holds]));
    expect(found).toEqual({ exact: true, bits: false, words: true });
    expect(samples[0]!.text).toMatch(/^achine\n/);
    expect(proofs[0]!.judgements[1]).toMatchObject({ answers: 7, exact: 1 });
  });

  it('a sample and an n-gram need symbols that are their own target', () => {
    expect(() => loaded(file.replace('ahead: 1', 'ahead: 2'))).toThrow(/learn.n_gram goes with(.|\n)*learn.sample goes with/);
    expect(() => loaded(file.replace('below: 3-gram', 'below: 4-gram'))).toThrow(/below names none of rnn, 3-gram, base-rate/);
  });

  it('an n-gram gives every symbol a chance, and its chances are those of Witten and Bell', () => {
    // after a came b twice and c once: of 3, 2 kinds; b by itself 2 of 7 (3 kinds), each symbol 1 of 3 below that
    const text = [0, 1, 0, 1, 0, 2, 0];
    const encoded = (symbols: number[]): Encoded => ({
      name: 'text',
      rows: symbols.length,
      columns: [Float64Array.from(symbols)],
      truth: Float64Array.from([...symbols.slice(1), NaN]),
    });
    const single = (2 + 3 * (1 / 3)) / (6 + 3);
    const expected = (2 + 2 * single) / (3 + 2);
    const { bits, answers } = new NGram(2, 3, [encoded(text)]).judge([encoded([0, 1])]);
    expect(answers).toBe(1);
    expect(2 ** -bits!).toBeCloseTo(expected, 12);
  });

  it('known words are whole words of the other text', () => {
    expect(knownWords('cut the wors of Noah’s ark cut', 'the ark of Noah’s, words')).toBeCloseTo(4 / 5, 12);
  });
});

describe('judging', () => {
  const { learn: spec } = loaded(SMALL);
  const sequences = (channels: number, lengths: readonly number[]): Sequence[] =>
    lengths.map((rows, i) => ({
      name: `s${i}`,
      rows,
      columns: Array.from({ length: channels + 1 }, (_, c) =>
        Float64Array.from({ length: rows }, (_, t) => (t * (c + 2) + i) % 3),
      ),
    }));

  it('shows a window of rows, oldest first, zeros before the beginning, and asks for the row that is ahead', () => {
    const settings = { ...spec, inputs: ['a', 'b'], classes: false, ahead: 2 };
    const columns = [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [10, 20, 30, 40],
    ].map((values) => Float64Array.from(values));
    const data = [{ name: 's', rows: 4, columns }];
    const [encoded] = new Encoding(settings, data).encode(data);
    const x = new Float32Array(8);
    writeRow(encoded!, 1, 3, x, 1);
    expect([...x]).toEqual([0, 0, 0, 1, 5, 2, 6, 0]);
    expect([...encoded!.truth]).toEqual([30, 40, NaN, NaN]);
  });

  it.each([true, false])('agrees with the loss of training; classes: %s', (classes) => {
    const settings = { ...spec, classes, steps: 4, batch: 2, epochs: 200, learning_rate: 0.02 };
    // more than rows of the batch, so that one begins where another ended
    const data = sequences(1, [9, 4, 7, 5, 2]);
    const encoding = new Encoding(settings, data);
    const encoded = encoding.encode(data);
    const network = { ...spec.networks[0]!, window: 2 };
    const shape = encoding.shape(network);
    const { weights, loss } = fit(shape, encoding.loss, settings, network, encoded, 5, () => {});
    const found = judge(shape, weights, encoding.classes.length, 2, encoded);
    const truths = encoded.flatMap(({ truth }) => [...truth]);
    const mean = truths.reduce((sum, value) => sum + value, 0) / truths.length;
    const variance = truths.reduce((sum, value) => sum + (value - mean) ** 2, 0) / truths.length;
    expect(found.answers).toBe(27);
    // the last epoch still learns a little
    expect((classes ? found.bits! * Math.LN2 : found.error! * variance) / loss).toBeCloseTo(1, 1);
    expect(loss).toBeLessThan(classes ? 0.7 : 0.5);
  });
});
