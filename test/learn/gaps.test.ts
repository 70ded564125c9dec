/** Gaps in a series, and networks that read both ways: what is cut, what is scaled by, what it is worth, and what is refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SOURCES } from '../../connectors/index.ts';
import { main } from '../../src/cli/program.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { Encoding, type Encoded } from '../../src/learn/encoding.ts';
import { fit } from '../../src/learn/fit.ts';
import { Gaps, judgeInterpolation } from '../../src/learn/gaps.ts';
import { judge } from '../../src/learn/judge.ts';
import { learn } from '../../src/learn/learn.ts';
import { checkLearning } from '../../src/learn/load.ts';
import type { Sequence } from '../../src/learn/sequences.ts';
import type { GapsSpec, LearningSpec } from '../../src/learn/spec.ts';
import { readPipelineFile } from '../../src/pipeline/load.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-gaps-'));
afterAll(() => rmSync(folder, { recursive: true }));

function loaded(text: string): LearningSpec {
  const file = join(folder, 'learning.yaml');
  writeFileSync(file, text);
  return checkLearning(file, readPipelineFile(file, { env: {} }), SOURCES);
}

/** A random walk as CSV, drawn back to 100 so that what comes later looks like what came before. */
function walk(rows: number): string {
  const random = new Random(3);
  let value = 100;
  const lines = Array.from({ length: rows }, (_, i) => {
    value += random.normal(log) - 0.03 * (value - 100);
    return `${new Date(Date.UTC(2024, 0, 1, i)).toISOString()},${value}`;
  });
  const path = join(folder, 'walk.csv');
  writeFileSync(path, `time,value\n${lines.join('\n')}\n`);
  return path;
}

const WALK = `
name: walk
source: { type: csv, path: ${walk(3000)} }
learn:
  inputs: [value]
  target: value
  classes: false
  gaps: { rows: 40, windows: 300, train: 2000, shortest: 2, longest: 6 }
  networks:
    - { name: both-ways, hidden: 10, bidirectional: true }
    - { name: forward-only, hidden: 20 }
  steps: 40
  batch: 16
  epochs: 40
prove:
  - name: the rest
    source: {}
    claims: [{ network: both-ways, measure: error, below: forward-only }, { network: interpolation, measure: error, below: forward-only }]
`;

describe('filling gaps', () => {
  it('on a random walk, where there is nothing else to know, the values after a gap are what tells', async () => {
    const { judged, proofs, claims } = await learn(loaded(WALK), { sources: SOURCES });
    expect(judged).toEqual(['both-ways', 'forward-only', 'interpolation']);
    expect(
      claims.every(({ holds }) => holds),
      JSON.stringify(proofs),
    ).toBe(true);
    const [both, forward, line] = proofs[0]!.judgements.map(({ error }) => error!) as [number, number, number];
    // a straight line is nearly the best that can be said; what only looks back cannot do better than its last value
    expect(both).toBeLessThan(1.3 * line);
    expect(forward).toBeGreaterThan(1.6 * line);
  });

  it('gives the same bits each time, and other gaps for another seed and another proof', async () => {
    const quick = WALK.replace('epochs: 40', 'epochs: 1').replace('prove:', 'prove:\n  - { name: again, source: {} }');
    const told = async (text: string) => (await learn(loaded(text), { sources: SOURCES })).proofs.map((each) => each.judgements);
    const first = await told(quick);
    expect(await told(quick)).toEqual(first);
    expect(first[0]).not.toEqual(first[1]);
    expect(await told(`seed: 2${quick}`)).not.toEqual(first);
  });

  it.each([
    ['target: value', 'target: values', /learn.gaps goes with one input that is its own target/],
    ['classes: false', 'classes: true', /learn.gaps goes with classes: false and symbols: false/],
    ['classes: false', 'classes: false\n  asked: last', /learn.gaps does not go with learn.ahead and learn.asked: last/],
    ['shortest: 2', 'shortest: 7', /learn.gaps shortest is above longest/],
    ['rows: 40', 'rows: 13', /learn.gaps rows must be more than twice longest/],
    ['train: 2000', 'train: 39', /learn.gaps rows must be at most train/],
    ['hidden: 10', 'hidden: 10, cell: none', /networks\[0\].bidirectional goes with a recurrent cell/],
    ['hidden: 10', 'hidden: 10, embedding: 3', /networks\[0\].bidirectional does not go with embedding/],
    ['classes: false', 'classes: false\n  ahead: 1', /bidirectional does not go with learn.ahead: it has read what it would be/],
    ['name: forward-only', 'name: interpolation', /networks\[1\]: the name interpolation is taken/],
  ])('%s -> %s is refused', (from, to, message) => {
    expect(() => loaded(WALK.replace(from, to))).toThrow(message);
  });

  it.each([2999, 2961])('train: %d leaves too little for a proof, and that is said', async (train) => {
    const text = WALK.replace('train: 2000', `train: ${train}`)
      .replace('windows: 300', 'windows: 1')
      .replace('epochs: 40', 'epochs: 1');
    await expect(learn(loaded(text), { sources: SOURCES })).rejects.toMatchObject({
      code: 'LEARN_SHORT',
      facts: { window: 40, after: train },
    });
  });
});

describe('windows with gaps', () => {
  const spec: GapsSpec = { rows: 60, windows: 200, train: 300, shortest: 3, longest: 9, season: [24] };
  const series = (rows: number, value: (row: number) => number): Sequence => {
    const column = Float64Array.from({ length: rows }, (_, row) => value(row));
    return { name: 's', rows, columns: [column, column] };
  };
  const sequence = series(500, (row) => 10 + row);
  const columns = ({ columns }: Encoded) => columns as [Float64Array, Float64Array, Float64Array, Float64Array];
  /** Lengths of what is there and what is not, in turn, there first. */
  const stretches = (there: Float64Array): number[] =>
    [...there]
      .join('')
      .split(/(0+)/)
      .map((part) => part.length);

  it('gaps have the lengths asked for, with enough between them, and never touch the ends', () => {
    const all = new Gaps(spec, [sequence], 1).cut([sequence]).map((window) => stretches(columns(window)[1]));
    const gaps = all.flatMap((lengths) => lengths.filter((_, i) => i % 2 === 1));
    expect(all).toHaveLength(200);
    expect([...new Set(gaps)].sort()).toEqual([3, 4, 5, 6, 7, 8, 9]);
    for (const lengths of all) {
      expect(lengths.length % 2).toBe(1);
      expect(lengths[0]).toBeGreaterThan(0);
      expect(lengths.at(-1)).toBeGreaterThan(0);
      for (let i = 2; i < lengths.length - 1; i += 2) expect(lengths[i]).toBeGreaterThanOrEqual(9);
    }
  });

  it('show a value or 0, ask for what was cut out, and say where in the season they are', () => {
    const gaps = new Gaps(spec, [sequence], 1);
    expect(gaps.inputs).toBe(4);
    // rows 0 to 299 have the mean 159.5
    const deviation = Math.sqrt((300 * 300 - 1) / 12);
    for (const window of gaps.cut([sequence]).slice(0, 20)) {
      const start = Number(/row (\d+)$/.exec(window.name)![1]);
      const [value, there, sine, cosine] = columns(window);
      for (let row = 0; row < window.rows; row++) {
        const scaled = (10 + start + row - 159.5) / deviation;
        expect(value[row]).toBeCloseTo(there[row] ? scaled : 0, 10);
        if (there[row]) expect(window.truth[row]).toBeNaN();
        else expect(window.truth[row]).toBeCloseTo(scaled, 10);
        const angle = ((start + row) * Math.PI) / 12;
        expect(sine[row]).toBeCloseTo(Math.sin(angle), 8);
        expect(cosine[row]).toBeCloseTo(Math.cos(angle), 8);
      }
    }
  });

  it('training sees nothing of what comes after it, and a proof nothing else', () => {
    const other = series(500, (row) => (row < 300 ? 10 + row : 1e6 * row));
    const [plain, changed] = [sequence, other].map((each) => new Gaps(spec, [each], 1));
    expect(changed!.cut([other])).toEqual(plain!.cut([sequence]));
    const starts = plain!.cut([sequence], 'proof').map(({ name }) => Number(/row (\d+)$/.exec(name)![1]));
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(300);
    expect(Math.max(...starts)).toBe(440);
  });

  it('a value that the series itself has not is neither shown nor asked for', () => {
    const broken = series(500, (row) => (row % 7 === 0 ? NaN : row));
    const windows = new Gaps(spec, [broken], 1).cut([broken]);
    for (const window of windows) {
      for (const column of window.columns) expect(column.every(Number.isFinite)).toBe(true);
    }
    expect(windows.some(({ columns, truth }) => columns[1]!.some((there, row) => !there && Number.isNaN(truth[row]!)))).toBe(
      true,
    );
  });

  it('a straight line is filled exactly by interpolation, ends by the nearest value', () => {
    const gaps = new Gaps(spec, [sequence], 1);
    expect(judgeInterpolation(gaps.cut([sequence])).error).toBeLessThan(1e-20);
    const columns = [Float64Array.of(0, 2, 0, 0, 5, 0), Float64Array.of(0, 1, 0, 0, 1, 0)];
    const window: Encoded = { name: 'w', rows: 6, columns, truth: Float64Array.of(2, NaN, 3, 4, NaN, 6) };
    // the last is 1 off; the truths 2, 3, 4, 6 have the variance 35 / 16
    expect(judgeInterpolation([window]).error).toBeCloseTo(1 / 4 / (35 / 16), 12);
  });
});

describe('both ways', () => {
  it.each([true, false])('judging agrees with the loss of training; classes: %s', (classes) => {
    const base = loaded(WALK).learn;
    const settings = {
      ...base,
      gaps: undefined,
      classes,
      inputs: ['a'],
      target: 'b',
      batch: 2,
      epochs: 150,
      learning_rate: 0.02,
    };
    const network = { ...base.networks[0]!, layers: 2 };
    const data = [9, 4, 7, 5, 2].map((rows, i): Sequence => {
      const column = (shift: number): Float64Array => Float64Array.from({ length: rows }, (_, t) => (3 * t + i + shift) % 4);
      return { name: `s${i}`, rows, columns: [column(0), column(2)] };
    });
    const encoding = new Encoding(settings, data);
    const encoded = encoding.encode(data);
    const shape = encoding.shape(network);
    expect(shape).toMatchObject({ bidirectional: true, layers: 2 });
    const { weights, loss, updates } = fit(shape, encoding.loss, settings, network, encoded, 5, () => {});
    // five sequences, two at a time
    expect(updates).toBe(3 * 150);
    const found = judge(shape, weights, encoding.classes.length, 1, encoded);
    const truths = encoded.flatMap(({ truth }) => [...truth]);
    const mean = truths.reduce((sum, value) => sum + value, 0) / truths.length;
    const variance = truths.reduce((sum, value) => sum + (value - mean) ** 2, 0) / truths.length;
    expect(found).toMatchObject({ sequences: 5, answers: 27 });
    expect((classes ? found.bits! * Math.LN2 : found.error! * variance) - loss).toBeCloseTo(0, 2);
    expect(loss).toBeLessThan(0.05);
  });

  it('live it is a configuration error that says why', async () => {
    const file = join(folder, 'live.yaml');
    writeFileSync(
      file,
      `source: { type: csv, path: walk.csv }
window: { grid: rows, interval: 1h }
forecast: { models: [naive, { type: recurrent, bidirectional: true }] }
sinks: [{ type: discard }]
`,
    );
    const terminal = fakeTerminal();
    expect(await main(['check', file], terminal)).toBe(78);
    expect(terminal.said.err.join('\n')).toContain(
      'live.yaml:3:63 forecast.models[1].bidirectional must be false (a bidirectional network reads from the end too, which is not known live; it serves what is closed, in a learning file), is true',
    );
  });
});
