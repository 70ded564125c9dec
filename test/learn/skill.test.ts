/** Invest or not: what is trained on random walks has no skill on them, what is trained on a momentum has; the measure is that of Diebold and Mariano. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SOURCES } from '../../connectors/index.ts';
import { EXERCISES } from '../../connectors/formats/exercises.ts';
import { main } from '../../src/cli/program.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { learn, type Learnt } from '../../src/learn/learn.ts';
import { checkLearning } from '../../src/learn/load.ts';
import { skillOf } from '../../src/learn/skill.ts';
import { zeroWeights } from '../../src/nn/initial.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { readPipelineFile } from '../../src/pipeline/load.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-skill-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SHIPPED = readFileSync('pipelines/invest-or-not.yaml', 'utf8');

function run(text: string, seed = 1): Promise<Learnt> {
  const file = join(folder, 'invest.yaml');
  writeFileSync(file, text);
  return learn({ ...checkLearning(file, readPipelineFile(file, { env: {} }), SOURCES), seed }, { sources: SOURCES });
}

describe('invest or not', () => {
  it('the shipped file: every claim holds, hit rate and log loss stand beside the base rate’s', async () => {
    const terminal = fakeTerminal();
    expect(await main(['run', 'pipelines/invest-or-not.yaml'], terminal)).toBe(0);
    const said = terminal.said.out.join('\n');
    expect(said).toMatch(/right answers +5\d\.\d\d % +5\d\.\d\d % +5\d\.\d\d %/);
    expect(said).toMatch(/beside the base rate +better \(\+[\d.]+ s\.e\.\)/);
    expect(said).not.toMatch(/^fails/m);
  });

  it.each([1, 2, 3])('trained on random walks, on others it has no skill; seed %i', async (seed) => {
    const walks = SHIPPED.replace('task: momentum', 'task: walk').replace('epochs: 10', 'epochs: 3');
    const { proofs } = await run(walks, seed);
    for (const { judgements } of proofs)
      for (const { verdict, skill } of judgements.slice(0, 2)) {
        expect(verdict).not.toBe('better');
        expect(skill).toBeLessThan(1.96);
      }
  });

  it.each([
    ['ahead: 1', 'ahead: 0', /learn.skill goes with classes that are ahead/],
    ['skill: true', 'skill: false', /measure: skill is for networks, with learn.skill/],
    ['network: one-day, measure: skill', 'network: base-rate, measure: skill', /measure: skill is for networks/],
  ])('%s -> %s is refused', (from, to, message) => {
    expect(() => run(SHIPPED.replace(from, to))).toThrow(message);
  });
});

describe('the measure', () => {
  // the logits are what the head's bias says: no memory, no input
  const shape: NetworkShape = { cell: 'none', inputs: 1, hidden: 1, layers: 1, outputs: 2, skip: false };
  const saying = (chance: number) => {
    const weights = zeroWeights(shape);
    weights.get('head.b')!.set([0, log(chance / (1 - chance))]);
    return weights;
  };
  const coin = (share: number, rows: number, seed: number) => {
    const random = new Random(seed);
    const truth = Float64Array.from({ length: rows }, () => Number(random.uniform() < share));
    return { name: 'coin', rows, columns: [new Float64Array(rows)], truth };
  };

  it('of independent answers it is the mean difference over its standard error', () => {
    const sequences = [coin(0.6, 3000, 1), coin(0.6, 2000, 2)];
    const answers = sequences.flatMap(({ truth }) => [...truth]);
    const gains = answers.map((up) => Math.log(up ? 0.6 / 0.5 : 0.4 / 0.5));
    const mean = gains.reduce((sum, each) => sum + each, 0) / gains.length;
    const variance = gains.reduce((sum, each) => sum + (each - mean) ** 2, 0) / gains.length;
    const { skill, verdict } = skillOf(shape, saying(0.6), 1, Float64Array.of(0.5, 0.5), sequences);
    // the variance is one that allows for answers that resemble their neighbours: near it, not equal
    expect(skill / (mean / Math.sqrt(variance / gains.length))).toBeGreaterThan(0.85);
    expect(skill / (mean / Math.sqrt(variance / gains.length))).toBeLessThan(1.15);
    expect(verdict).toBe('better');
    expect(skillOf(shape, saying(0.4), 1, Float64Array.of(0.5, 0.5), sequences).verdict).toBe('worse');
  });

  it('too few answers show nothing', () => {
    const { skill, verdict } = skillOf(shape, saying(0.6), 1, Float64Array.of(0.5, 0.5), [coin(0.9, 20, 1)]);
    expect([skill, verdict]).toEqual([NaN, 'no skill']);
  });
});

describe('made-up prices', () => {
  const days = (task: 'walk' | 'momentum', count: number): { change: number[]; up: number[] } => {
    const rows = new Float64Array(2 * count);
    EXERCISES[task].write(new Random(5), count, rows);
    return {
      change: Array.from({ length: count }, (_, i) => rows[2 * i]!),
      up: Array.from({ length: count }, (_, i) => rows[2 * i + 1]!),
    };
  };
  const autocorrelation = (values: readonly number[], lag: number): number => {
    const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
    const at = (by: number): number => values.slice(by).reduce((sum, each, i) => sum + (each - mean) * (values[i]! - mean), 0);
    return at(lag) / at(0);
  };

  it('a walk tells nothing of the next day, a momentum a little, for some days', () => {
    const [walk, momentum] = [days('walk', 100_000), days('momentum', 100_000)];
    expect(Math.abs(autocorrelation(walk.change, 1))).toBeLessThan(0.01);
    // 0.35^2 / (1 + 0.35^2) times 0.9 a day
    expect(autocorrelation(momentum.change, 1)).toBeCloseTo(0.098, 1);
    expect(autocorrelation(momentum.change, 10)).toBeCloseTo(0.038, 1);
    expect(autocorrelation(momentum.change, 1)).toBeGreaterThan(0.08);
    for (const { change, up } of [walk, momentum]) {
      expect(up.every((each, i) => each === Number(change[i]! > 0))).toBe(true);
      expect(up.reduce((sum, each) => sum + each, 0) / up.length).toBeCloseTo(0.52, 1);
    }
  });
});
