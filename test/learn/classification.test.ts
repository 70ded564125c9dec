/** Many to one: a class for a whole sequence, beside controls that count; what ships holds its claims. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SOURCES } from '../../connectors/index.ts';
import { main } from '../../src/cli/program.ts';
import { BagOfWords } from '../../src/learn/bag-of-words.ts';
import { baseRate, judgeChances } from '../../src/learn/counted.ts';
import { runningMeans, type Encoded } from '../../src/learn/encoding.ts';
import { learn } from '../../src/learn/learn.ts';
import { checkLearning } from '../../src/learn/load.ts';
import type { LearningSpec } from '../../src/learn/spec.ts';
import { readPipelineFile } from '../../src/pipeline/load.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-classes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const written = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

function loaded(text: string): LearningSpec {
  const file = written('learning.yaml', text);
  return checkLearning(file, readPipelineFile(file, { env: {} }), SOURCES);
}

const LINES = `
name: lines
source: { type: text, path: ${written('lines.txt', 'up\trise rise and rise\ndown\tfall and fall\n'.repeat(8))}, by: line, labels: [up, down] }
learn:
  inputs: [character]
  symbols: true
  target: label
  asked: last
  bag_of_words: true
  networks: [{ name: gru, hidden: 8 }]
  steps: 30
  batch: 4
  epochs: 60
prove:
  - name: again
    source: { take: 40 }
    claims:
      - { network: gru, measure: right, above: base-rate }
      - { network: gru, measure: bits, below: base-rate }
      - { network: base-rate, measure: right, above: gru }
`;

describe('what ships', () => {
  it.each(['classify-text', 'classify-vectors', 'learn-word'])('%s: every claim holds', async (name) => {
    const terminal = fakeTerminal();
    expect(await main(['run', `pipelines/${name}.yaml`], terminal), terminal.said.out.join('\n')).toBe(0);
    const said = terminal.said.out.join('\n');
    expect(said).toMatch(/^holds/m);
    expect(said).not.toMatch(/^fails/m);
    expect(said).toContain('base-rate');
  });
});

describe('a label for each sequence', () => {
  it('is asked at its last row alone, and claims compare with the controls', async () => {
    const { judged, proofs, claims } = await learn(loaded(LINES), { sources: SOURCES });
    expect(judged).toEqual(['gru', 'bag-of-words', 'base-rate']);
    expect(proofs[0]!.judgements[0]).toMatchObject({ sequences: 2, answers: 2, right: 1 });
    expect(proofs[0]!.judgements[2]).toEqual({ sequences: 2, answers: 2, exact: 0.5, right: 0.5, bits: 1 });
    expect(claims.map(({ above, below, than, holds }) => [above ?? below, than, holds])).toEqual([
      ['base-rate', 0.5, true],
      ['base-rate', 1, true],
      ['gru', 1, false],
    ]);
  });

  it.each([
    ['asked: last', 'asked: every', /bag_of_words goes with symbols, and classes that are asked: last/],
    ['asked: last', 'asked: last\n  ahead: 1', /learn.asked: last does not go with learn.ahead/],
    ['above: base-rate', 'above: baserate', /claims\[0\].above names none of gru, bag-of-words, base-rate/],
    ['above: base-rate', 'above: base-rate, below: gru', /below or above, not both/],
    ['name: gru, hidden', 'name: base-rate, hidden', /networks\[0\]: the name base-rate is taken/],
    ['hidden: 8', 'hidden: 8, mean: true', /networks\[0\].mean does not go with learn.symbols/],
    ['by: line', 'by: file', /source.labels goes with by: line/],
  ])('%s -> %s is refused', (from, to, message) => {
    expect(() => loaded(LINES.replace(from, to))).toThrow(message);
  });

  it('a character that training had not is named', async () => {
    const path = written('other.txt', 'up\trise!\n');
    await expect(learn(loaded(LINES.replace('take: 40', `path: ${path}`)), { sources: SOURCES })).rejects.toMatchObject({
      code: 'LEARN_UNKNOWN',
      facts: { value: 33, character: '!', series: 'line-1', row: 4 },
    });
  });
});

describe('controls', () => {
  const text = (words: string, truth: number): Encoded => {
    const symbols = [...words].map((letter) => letter.codePointAt(0)!);
    return {
      name: words,
      rows: symbols.length,
      columns: [Float64Array.from(symbols)],
      truth: Float64Array.from(symbols, (_, i) => (i === symbols.length - 1 ? truth : NaN)),
    };
  };
  const symbols = Array.from({ length: 128 }, (_, i) => i);

  it('the base rate: shares of the answers, of equals the lower class', () => {
    const training = [text('ab', 2), text('cd', 2), text('e', 0), { ...text('xyz', 1), truth: Float64Array.of(0, NaN, 1) }];
    expect([...baseRate(3, training)]).toEqual([0.4, 0.2, 0.4]);
    const judged = judgeChances([text('a', 0), text('b', 2)], () => baseRate(3, training));
    expect(judged).toMatchObject({ answers: 2, right: 0.5, exact: 0.5 });
    expect(judged.bits).toBeCloseTo(-Math.log2(0.4), 12);
  });

  it('a bag of words: the formula by hand; order and case do not matter, unknown words tell nothing', () => {
    const bag = new BagOfWords(symbols, 2, [text('red red blue', 0), text('blue Green', 1), text('blue', 1)]);
    // words of the classes: 3 and 3, different words: 3
    const zero = (1 / 3) * (3 / 6) * (2 / 6);
    const one = (2 / 3) * (1 / 6) * (3 / 6);
    const expected = -Math.log2(zero / (zero + one));
    for (const words of ['red blue', 'Blue red', 'blue, strange RED'])
      expect(bag.judge([text(words, 0)]).bits, words).toBeCloseTo(expected, 12);
    expect(bag.judge([text('red', 0), text('green', 1)])).toMatchObject({ answers: 2, right: 1 });
  });

  it('means of the rows so far', () => {
    const [means] = runningMeans([{ name: 's', rows: 3, columns: [Float64Array.of(1, 3, 8)], truth: Float64Array.of(0, 0, 1) }]);
    expect([...means!.columns[0]!]).toEqual([1, 2, 4]);
  });
});
