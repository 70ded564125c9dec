/** Encoder and decoder in learning files: pairs, teachers, training, judging, baselines, and what is refused. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SOURCES } from '../../connectors/index.ts';
import { main } from '../../src/cli/program.ts';
import { Decoding, logSoftmax, ownValue } from '../../src/learn/decoding.ts';
import { fitPairs, lossInUse, type FittedPairs } from '../../src/learn/fit-pairs.ts';
import { judgeAnswers, judgePairs, seasonalNaive } from '../../src/learn/judge-pairs.ts';
import { learn, type Learnt } from '../../src/learn/learn.ts';
import { checkLearning } from '../../src/learn/load.ts';
import { PairEncoding, type Pair } from '../../src/learn/pairs.ts';
import { loadAnswerer, pairModelOf } from '../../src/learn/saved-pairs.ts';
import type { Sequence } from '../../src/learn/sequences.ts';
import type { LearningSpec } from '../../src/learn/spec.ts';
import { trueShare } from '../../src/learn/teacher.ts';
import { saveModel, type ModelFile } from '../../src/nn/files.ts';
import { readPipelineFile } from '../../src/pipeline/load.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-decoder-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

/** Words and their letters turned round. */
const WORDS = ['ab', 'abc', 'bca', 'cab', 'ca', 'bb', 'cba', 'acb', 'bc', 'aab'];
const turned = (words: readonly string[]): string => words.map((word) => `${word}\t${[...word].reverse().join('')}\n`).join('');
const PAIRS = `
name: turned
source: { type: text, by: pair, path: ${written('turned.txt', turned(WORDS).repeat(8))} }
learn:
  inputs: [character]
  symbols: true
  target: answer
  decoder: { answer: 4, beam: 3, reach: 0.5 }
  networks: [{ name: taught, hidden: 24, teacher: linear }, { name: untaught, cell: lstm, hidden: 24, teacher: never }]
  batch: 8
  epochs: 60
  until: 0.01
prove:
  - name: the same words
    source: { path: ${written('words.txt', turned(WORDS))} }
    claims:
      - { network: taught, measure: exact, at_least: 1 }
      - { network: untaught, measure: exact, at_least: 1 }
      - { network: taught, measure: epochs, at_most: 60 }
`;

function loaded(text: string): LearningSpec {
  const file = written('learning.yaml', text);
  return checkLearning(file, readPipelineFile(file, { env: {} }), SOURCES);
}

const run = (text: string): Promise<Learnt> => learn(loaded(text), { sources: SOURCES });

/** A wave, on which a season of 6 rows and a network do well. */
const wave = (rows: number, name = 'wave'): Sequence => ({
  name,
  rows,
  columns: [0, 1].map(() => Float64Array.from({ length: rows }, (_, t) => 50 + 20 * Math.sin((t * Math.PI) / 3))),
});

const NUMBERS = `
name: wave
source: { type: exercise, task: parity }
learn:
  inputs: [bit]
  target: parity
  classes: false
  decoder: { read: 6, answer: 4, every: 2, train: 60, season: [6] }
  networks: [{ name: gru, hidden: 12 }]
  batch: 4
  epochs: 80
prove: [{ name: later, source: {} }]
`;

describe('pairs of text', () => {
  it('are learnt, answered and shown, with a teacher and without', async () => {
    const { claims, proofs, answers, sequences, rows } = await run(PAIRS);
    expect(claims.map(({ found, holds }) => [found >= 1, holds])).toEqual([
      [true, true],
      [true, true],
      [true, true],
    ]);
    expect([sequences, rows]).toEqual([80, 8 * 2 * WORDS.join('').length]);
    expect(proofs[0]!.judgements[0]).toMatchObject({ sequences: 10, answers: WORDS.join('').length, right: 1 });
    expect(answers![0]!.lengths).toEqual([
      { shortest: 2, longest: 2, sequences: 4, errors: [0, 0] },
      { shortest: 3, longest: 3, sequences: 6, errors: [0, 0] },
    ]);
    expect(answers![0]!.examples[1]).toEqual({ read: 'abc', right: 'cba', answers: ['cba', 'cba'] });
  });

  it('the same file gives the same bits, another seed others', async () => {
    const short = PAIRS.replace('epochs: 60', 'epochs: 3');
    const told = ({ networks, proofs }: Learnt): unknown => [networks.map(({ loss, updates }) => [loss, updates]), proofs];
    const [first, again, other] = [await run(short), await run(short), await run(`seed: 2${short}`)];
    expect(told(again)).toEqual(told(first));
    expect(told(other)).not.toEqual(told(first));
  });

  it('are looked for as the file says: greedily, by a beam, or among all', async () => {
    const said = async (how: string): Promise<unknown> =>
      (await run(PAIRS.replace('beam: 3', how).replace('epochs: 60', 'epochs: 6'))).answers![0]!.examples.map(
        (each) => each.answers,
      );
    const [greedy, narrow, wide, all] = await Promise.all(
      ['search: greedy', 'beam: 1', 'beam: 4', 'search: exhaustive'].map(said),
    );
    expect(greedy).toEqual(narrow);
    expect(all).not.toEqual(greedy);
    expect(all).toEqual(wide);
  });

  it('`run` prints the answers, errors by length, and epochs to the loss', async () => {
    const terminal = fakeTerminal();
    const file = written('short.yaml', PAIRS.replace('epochs: 60', 'epochs: 2').replace(/ {4}claims:[^]*/, ''));
    expect(await main(['run', file], terminal), terminal.said.err.join('\n')).toBe(0);
    const said = terminal.said.out.join('\n');
    expect(said).toMatch(/the same words: answers that are not exact/);
    expect(said).toMatch(/^ 2 +4 +[\d.]+ % +[\d.]+ % $/m);
    expect(said).toMatch(/epochs to the loss +- +- /);
    expect(said).toMatch(/when shown the truth +- +- /);
    expect(said).toMatch(/^ {2}abc -> cba$/m);
    expect(said).toMatch(/^ {4}untaught answers /m);
  });
});

describe('what ships', () => {
  it('encoder-decoder: every claim holds, and the baselines stand beside the networks', async () => {
    const terminal = fakeTerminal();
    expect(await main(['run', 'pipelines/encoder-decoder.yaml'], terminal), terminal.said.out.join('\n')).toBe(0);
    const said = terminal.said.out.join('\n');
    expect(said).toMatch(/taught +untaught +naive +seasonal-48 +seasonal-336/);
    expect(said.match(/^holds {2}taught/gm)).toHaveLength(4);
    expect(said).toMatch(/epochs to the loss +\d+ +\d+ +- +- +- /);
  });
});

describe('windows of numbers', () => {
  const { learn: spec } = loaded(NUMBERS);
  const decoder = spec.decoder!;

  it('are scaled by the rows of training alone, and proofs ask for what comes after them', () => {
    const changed = wave(100);
    for (const column of changed.columns) column.fill(1e6, 60);
    const [plain, other] = [wave(100), changed].map((each) => new PairEncoding(spec, decoder, [each]));
    expect(other!.training).toEqual(plain!.training);
    expect(plain!.training.map(({ within }) => within!.at)).toEqual(Array.from({ length: 26 }, (_, i) => 6 + 2 * i));
    const values = plain!.training.flatMap(({ read }) => [...read]);
    expect(Math.max(...values)).toBeLessThan(1.5);
    const put = plain!.encode([wave(100)]);
    expect(put.map(({ within }) => within!.at)).toEqual(Array.from({ length: 10 }, (_, i) => 60 + 4 * i));
    expect(put[0]!.start).toBeCloseTo(put[0]!.read[5]!, 6);
  });

  it('may be of symbols too: every answer is equally long, and nothing ends it', async () => {
    const { proofs, rows, sequences } = await run(`
name: rounds
source: { type: text, path: ${written('rounds.txt', 'abcd'.repeat(30))} }
learn:
  inputs: [character]
  symbols: true
  target: character
  decoder: { read: 3, answer: 5, every: 1, train: 80, beam: 2 }
  networks: [{ name: rnn, cell: rnn, hidden: 12 }]
  epochs: 40
prove: [{ name: the rest, source: {} }]
`);
    expect([sequences, rows]).toEqual([73, 80]);
    expect(proofs[0]!.judgements[0]).toMatchObject({ sequences: 8, answers: 40, exact: 1 });
  });

  it('a row that is missing leaves its windows out', () => {
    const gap = wave(60);
    gap.columns[1]![30] = NaN;
    const at = new PairEncoding(spec, decoder, [gap]).training.map(({ within }) => within!.at);
    // in the answer, or as the last value that is known
    expect(at.filter((row) => row > 26 && row <= 31)).toEqual([]);
    expect(at).toContain(26);
    expect(at).toContain(32);
  });

  it('are learnt; naive and seasonal forecasts stand beside them', () => {
    const encoding = new PairEncoding(spec, decoder, [wave(100)]);
    const [network] = spec.networks;
    const shapes = encoding.shapes(network!);
    const { weights } = fitPairs(shapes, encoding, spec, decoder, network!, 1, () => {});
    const put = encoding.encode([wave(100)]);
    const { judgement } = judgePairs(new Decoding(shapes, weights), put, encoding, 1);
    expect(judgement.error).toBeLessThan(0.02);
    expect(judgement.answers).toBe(40);
    expect(judgeAnswers(put, seasonalNaive(put, 6)).error).toBeCloseTo(0, 12);
    expect(judgeAnswers(put, seasonalNaive(put, 1)).error).toBeGreaterThan(0.5);
  });

  it('the value one season before, of the last season that is known', () => {
    const truth = Float64Array.from({ length: 10 }, (_, i) => i);
    const pair: Pair = {
      name: 's',
      rows: 1,
      read: Float32Array.of(0),
      answer: truth.subarray(5, 10),
      start: 0,
      within: { truth, at: 5 },
    };
    expect(seasonalNaive([pair], 1)).toEqual([[4, 4, 4, 4, 4]]);
    expect(seasonalNaive([pair], 3)).toEqual([[2, 3, 4, 2, 3]]);
  });
});

describe('a teacher', () => {
  it('leaves along a straight line or an inverse sigmoid, down to the floor; or never, or was never there', () => {
    const shares = (teacher: Parameters<typeof trueShare>[0], floor = 0) =>
      [0, 0.25, 0.5, 0.75, 1].map((done) => trueShare(teacher, floor, done));
    expect(shares('always')).toEqual([1, 1, 1, 1, 1]);
    expect(shares('never')).toEqual([0, 0, 0, 0, 0]);
    expect(shares('linear')).toEqual([1, 0.75, 0.5, 0.25, 0]);
    expect(shares('linear', 0.2).map((share) => Number(share.toFixed(6)))).toEqual([1, 0.8, 0.6, 0.4, 0.2]);
    const sigmoid = shares('inverse_sigmoid');
    expect(sigmoid[2]).toBeCloseTo(0.5, 12);
    expect(sigmoid[0]! + sigmoid[4]!).toBeCloseTo(1, 12);
    expect(sigmoid[0]).toBeGreaterThan(0.99);
    expect(sigmoid).toEqual(sigmoid.toSorted((a, b) => b - a));
  });

  it('decides what is learnt from: the loss with the true values and the loss in use fall apart for one that always stays', () => {
    const { learn: spec } = loaded(PAIRS);
    const text = (word: string): number[] => [...word].map((letter) => letter.codePointAt(0)!);
    const data = WORDS.map((word): Sequence => {
      const columns = [
        [...text(word), ...text(word).map(() => NaN)],
        [...text(word).map(() => NaN), ...text(word).reverse()],
      ];
      return { name: word, rows: 2 * word.length, columns: columns.map((each) => Float64Array.from(each)) };
    });
    const encoding = new PairEncoding(spec, spec.decoder!, data);
    const reached: FittedPairs['reached'][] = [];
    const losses = (['always', 'never'] as const).map((teacher) => {
      const network = { ...spec.networks[0]!, teacher };
      const shapes = encoding.shapes(network);
      const told: number[] = [];
      const fitted = fitPairs(shapes, encoding, { ...spec, epochs: 30 }, spec.decoder!, network, 3, (_, loss) => told.push(loss));
      const decoding = new Decoding(shapes, fitted.weights);
      const [own, forced] = [
        lossInUse(decoding, encoding.training, encoding),
        lossInUse(decoding, encoding.training, encoding, true),
      ];
      expect(own).toBe(told.at(-1));
      expect(own).toBe(fitted.loss);
      reached.push(fitted.reached);
      expect(fitted.reached.own).toBe(told.findIndex((loss) => loss < 0.5) + 1 || Infinity);
      return own - forced;
    });
    // the taught one knows what follows the truth before it can go on from what it says itself
    expect(reached[0]!.shown).toBeLessThan(reached[0]!.own);
    expect(losses[0]).toBeGreaterThan(0);
    expect(losses[0]).toBeGreaterThan(losses[1]!);
  });
});

describe('decoding', () => {
  it('log probabilities add up to 1, whatever the logits; of equals the lower is said', () => {
    for (const logits of [
      [0, 0, 0],
      [1000, -1000, 999],
      [-3e38, 3e38, 0],
    ])
      expect(logSoftmax(logits).reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 12);
    expect(ownValue(Float32Array.of(1, 3, 3))).toBe(1);
    expect(ownValue(Float32Array.of(-7.5))).toBe(-7.5);
  });

  it('a beam of 1 says what rolling forward says', () => {
    const { learn: spec } = loaded(PAIRS);
    const data = [{ name: 's', rows: 4, columns: [Float64Array.of(1, 2, NaN, NaN), Float64Array.of(NaN, NaN, 5, 6)] }];
    const encoding = new PairEncoding(spec, spec.decoder!, data);
    const shapes = encoding.shapes(spec.networks[0]!);
    const { weights } = fitPairs(shapes, encoding, { ...spec, epochs: 2 }, spec.decoder!, spec.networks[0]!, 1, () => {});
    const decoding = new Decoding(shapes, weights);
    const state = decoding.encode(encoding.training);
    const rolled: number[] = [];
    decoding.roll(
      state,
      4,
      (_, t, own) => (t === 0 ? encoding.training[0]!.start : own),
      (_, __, y) => rolled.push(ownValue(y)),
    );
    expect(decoding.search(state, encoding.training[0]!.start, 4, undefined, 1).symbols).toEqual(rolled);
  });
});

describe('a saved encoder and decoder', () => {
  async function saved(text: string, name: string): Promise<{ at: string; model: ModelFile; learnt: Learnt }> {
    let model: ModelFile | undefined;
    const learnt = await learn(loaded(text), {
      sources: SOURCES,
      trained: (network, each) => (model = network === name ? each : model),
    });
    const at = join(folder, `model-${name}`);
    saveModel(at, model!);
    return { at, model: model!, learnt };
  }

  it('answers as the one that was trained, letters by a beam', async () => {
    const { at } = await saved(PAIRS, 'taught');
    const answerer = loadAnswerer(at);
    const code = (code: string, facts: object): unknown =>
      expect.objectContaining({ code, facts: expect.objectContaining(facts) });
    const rows = (word: string): number[][] => [...word].map((letter) => [letter.codePointAt(0)!]);
    for (const word of WORDS) expect(String.fromCodePoint(...answerer.answer(rows(word), 3))).toBe([...word].reverse().join(''));
    expect(() => answerer.answer(rows('abx'), 3)).toThrow(code('LEARN_UNKNOWN', { value: 120, row: 2 }));
    expect(() => answerer.answer([], 3)).toThrow(code('LEARN_PAIR', {}));
    expect(() => answerer.answer(rows('ab'), 0)).toThrow(code('SEARCH_OPTION', {}));
  });

  it('answers numbers in the unit of the source', async () => {
    const spec = loaded(NUMBERS).learn;
    const encoding = new PairEncoding(spec, spec.decoder!, [wave(100)]);
    const shapes = encoding.shapes(spec.networks[0]!);
    const { weights } = fitPairs(shapes, encoding, spec, spec.decoder!, spec.networks[0]!, 1, () => {});
    saveModel(join(folder, 'wave'), pairModelOf(loaded(NUMBERS), 'gru', shapes, weights, encoding.meaning));
    const values = [...wave(100).columns[0]!];
    const found = loadAnswerer(join(folder, 'wave')).answer(
      values.slice(60, 66).map((value) => [value]),
      1,
      values[65],
    );
    found.forEach((value, t) => expect(Math.abs(value - values[66 + t]!)).toBeLessThan(6));
    expect(found).toHaveLength(4);
  });

  it('is refused where anything is damaged, or where it is another model', async () => {
    const { model } = await saved(PAIRS.replace('epochs: 60', 'epochs: 1'), 'untaught');
    const at = join(folder, 'damaged');
    const refused = (code: string, change: Partial<ModelFile>): void => {
      saveModel(at, { ...model, ...change });
      expect(() => loadAnswerer(at)).toThrow(expect.objectContaining({ code }));
    };
    const without = (name: string): Map<string, Float32Array> => {
      const weights = new Map(model.weights);
      expect(weights.delete(name)).toBe(true);
      return weights;
    };
    const meaning = model.meta['meaning'] as object;
    const encoder = model.meta['encoder'] as object;
    refused('LEARN_NO_PAIRS', { meta: {} });
    refused('NN_MODEL_DAMAGED', { weights: without('encoder/layers.0.u') });
    refused('NN_MODEL_DAMAGED', { weights: new Map(model.weights).set('encoder/head.b', new Float32Array(7)) });
    refused('NN_MODEL_DAMAGED', { meta: { ...model.meta, encoder: { ...encoder, hidden: 23 } } });
    refused('NN_MODEL_DAMAGED', { meta: { ...model.meta, encoder: undefined } });
    for (const change of [
      { symbols: [1] },
      { classes: 3 },
      { ends: 1 },
      { longest: 1e9 },
      { inputs: [{ mean: 0, deviation: 0 }] },
      { target: null },
    ])
      refused('NN_MODEL_DAMAGED', { meta: { ...model.meta, meaning: { ...meaning, ...change } } });
    saveModel(at, model);
    const bytes = readFileSync(join(at, 'model.safetensors'));
    bytes[bytes.length - 5]! ^= 1;
    writeFileSync(join(at, 'model.safetensors'), bytes);
    expect(() => loadAnswerer(at)).toThrow(expect.objectContaining({ code: 'NN_MODEL_DAMAGED' }));
  });
});

describe('what cannot be is refused', () => {
  it.each([
    ['beam: 3', 'beam: 0', /learn.decoder.beam must be at least 1/],
    [
      'target: answer\n  decoder: { answer: 4, beam: 3',
      'target: answer\n  classes: false\n  decoder: { answer: 4, search: greedy',
      /learn.decoder.search goes with learn.classes: true/,
    ],
    ['beam: 3', 'search: any', /learn.decoder.search must be one of/],
    ['beam: 3', 'beam: 3, search: greedy', /learn.decoder.beam above 1 goes with learn.decoder.search: beam/],
    ['answer: 4, ', '', /learn.decoder.answer is missing/],
    ['answer: 4, ', 'answer: 4, every: 2, ', /learn.decoder.every goes with learn.decoder.read/],
    ['answer: 4, ', 'answer: 4, train: 2, ', /learn.decoder.train goes with learn.decoder.read/],
    [
      'answer: 4, ',
      'answer: 4, season: [7], ',
      /season goes with learn.classes: false(.|\n)*season goes with learn.decoder.read/,
    ],
    ['target: answer', 'target: answer\n  classes: false', /learn.decoder.beam goes with learn.classes: true/],
    ['target: answer', 'target: answer\n  ahead: 1', /learn.ahead does not go with learn.decoder/],
    ['hidden: 24, teacher: linear', 'cell: none, hidden: 24', /cell: none has no state from which a decoder could begin/],
    ['hidden: 24, teacher: linear', 'hidden: 24, window: 2', /window does not go with learn.decoder/],
    [', reach: 0.5', '', /measure: epochs goes with learn.decoder.reach/],
    ['teacher: never', 'teacher: nevr', /teacher must be one of .* \(did you mean "never"\?\)/],
  ])('%s -> %s', (from, to, message) => {
    expect(() => loaded(PAIRS.replace(from, to))).toThrow(message);
  });

  const refused = (text: string, code: string, facts: object): Promise<void> =>
    expect(run(text)).rejects.toMatchObject({ code, facts }) as Promise<void>;
  const with_ = (name: string, content: string): string => PAIRS.replace(/path: \S*words.txt/, `path: ${written(name, content)}`);

  it('a beam above the number of symbols', () =>
    refused(PAIRS.replace('beam: 3', 'beam: 5'), 'SEARCH_OPTION', { beam: 5, allowed: '1 to 4' }));
  it('every sequence, where there are too many', () =>
    refused(
      PAIRS.replace('answer: 4, beam: 3', 'answer: 20, search: exhaustive').replace(
        /path: \S*turned.txt/,
        `path: ${written('long.txt', 'ab\tbaabbaabbaabba\nabc\tcba\n')}`,
      ),
      'SEARCH_TOO_LARGE',
      { symbols: 4, largest: 1_000_000 },
    ));
  it('a letter that training had not', () =>
    refused(with_('x.txt', 'abx\tba\n'), 'LEARN_UNKNOWN', { value: 120, series: 'line-1' }));
  it('an answer outside the set', () =>
    refused(with_('y.txt', 'ab\tba\nab\tby\n'), 'LEARN_UNKNOWN', { value: 121, series: 'line-2' }));
  it('a line without an answer', () =>
    refused(with_('n.txt', 'ab\tba\nab\n'), 'LEARN_PAIR', { series: 'line-2', read: 2, answer: 0 }));
  it('a line with nothing to read', () => refused(with_('r.txt', '\tba\n'), 'LEARN_PAIR', { read: 0, answer: 2 }));
  it('an answer longer than is allowed', () => refused(with_('l.txt', 'ab\tbabab\n'), 'LEARN_PAIR', { answer: 5, longest: 4 }));
  it('no window that fits', () => refused(NUMBERS.replace('train: 60', 'train: 8'), 'LEARN_NOTHING', {}));

  it('damaged weights, with nothing half-loaded', () => {
    const { learn: spec } = loaded(PAIRS);
    const data = [{ name: 's', rows: 4, columns: [Float64Array.of(1, 2, NaN, NaN), Float64Array.of(NaN, NaN, 5, 6)] }];
    const encoding = new PairEncoding(spec, spec.decoder!, data);
    const shapes = encoding.shapes(spec.networks[0]!);
    const { weights } = fitPairs(shapes, encoding, { ...spec, epochs: 1 }, spec.decoder!, spec.networks[0]!, 1, () => {});
    const code = (code: string): unknown => expect.objectContaining({ code });
    for (const side of ['encoder', 'decoder'] as const) {
      const missing = new Map(weights[side]);
      missing.delete('head.b');
      const broken = new Map(weights[side]).set('head.b', new Float32Array(weights[side].get('head.b')!.length).fill(NaN));
      for (const damaged of [missing, broken])
        expect(() => new Decoding(shapes, { ...weights, [side]: damaged })).toThrow(code('NN_WEIGHTS'));
    }
    const decoding = new Decoding(shapes, weights);
    const before = lossInUse(decoding, encoding.training, encoding);
    expect(() => decoding.renew({ decoder: new Map() })).toThrow(code('NN_WEIGHTS'));
    expect(lossInUse(decoding, encoding.training, encoding)).toBe(before);
    expect(() => new Decoding({ ...shapes, decoder: { ...shapes.decoder, hidden: 5 } }, weights)).toThrow(code('NN_SHAPE'));
  });
});
