/** `tidecast scenario`: paths from the state of real runs over autoregressions, whose spread is known; the state is only read. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { log } from '../../src/core/math/math.ts';
import { Random, seedOf } from '../../src/core/random.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-scenario-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function call(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = fakeTerminal(folder);
  const code = await main(words, terminal);
  return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
}

interface Told {
  readonly levels: number[];
  readonly scenarios: {
    series: string;
    target: string;
    origin: string;
    last: number;
    times: string[];
    forecast: number[];
    paths: number[][];
    quantiles: number[][];
  }[];
}

async function told(file: string, ...options: string[]): Promise<Told> {
  const { code, out, err } = await call('scenario', file, '--json', ...options);
  expect(code, err).toBe(0);
  return JSON.parse(out) as Told;
}

const SERIES = 60;
const ROWS = 500;
const STEPS = 12;
const PHI = 0.8;
/** y_t = 50 + 0.8 (y_{t-1} - 50) + e_t: each series from a seed of its own; what comes after `ROWS` is not shown to the pipeline. */
const truth = Array.from({ length: SERIES }, (_, i) => {
  const random = new Random(seedOf(11, i));
  let away = random.normal(log) / Math.sqrt(1 - PHI * PHI);
  return Array.from({ length: ROWS + STEPS }, () => 50 + (away = PHI * away + random.normal(log)));
});
const name = (i: number): string => `s${String(i).padStart(3, '0')}`;

function pipeline(
  file: string,
  { models, rest = '', series = SERIES, horizon = STEPS }: { models: string; rest?: string; series?: number; horizon?: number },
): void {
  const lines = ['time,series,value,unused'];
  for (let t = 0; t < ROWS; t++)
    for (let i = 0; i < series; i++)
      lines.push(`${new Date(Date.UTC(2024, 0, 1) + t * 60_000).toISOString()},${name(i)},${truth[i]![t]},${t}`);
  writeFileSync(join(folder, `${file}.csv`), lines.join('\n'));
  writeFileSync(
    join(folder, `${file}.yaml`),
    `
name: ${file}
source: { type: csv, path: ${file}.csv, time: time, series: series, values: [value, unused] }
window: { grid: rows, interval: 1m, ring: 400 }
forecast: { models: ${models}, horizon: ${horizon} }
sinks: []
${rest}`,
  );
}

/** Names and hashes of all files below a folder. */
function filesOf(at: string): Record<string, string> {
  const names = readdirSync(join(folder, at), { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
  return Object.fromEntries(
    names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')];
    }),
  );
}

beforeAll(async () => {
  pipeline('many', { models: '[naive, linear]' });
  pipeline('linear', { models: '[naive, linear], output: linear', horizon: 1 });
  pipeline('few', {
    models: '[naive, linear, { type: recurrent, hidden: 6, lags: 4, rebuild: 32 }]',
    rest: 'retrain: { every: 3h, rows: 300, epochs: 2, swap: exact }',
    series: 4,
  });
  pipeline('network', {
    models: '[naive, { type: recurrent, hidden: 8, lags: 4, rebuild: 32 }], output: recurrent',
    rest: 'retrain: { every: 4h, rows: 400, epochs: 12, swap: exact }',
    series: 20,
    horizon: 1,
  });
  for (const file of ['many.yaml', 'linear.yaml', 'few.yaml', 'network.yaml']) {
    const { code, err } = await call('run', file, '--fast');
    expect(code, err).toBe(0);
  }
}, 120_000);

describe('paths of autoregressions', () => {
  const width = ({ quantiles }: Told['scenarios'][number], step: number): number => quantiles[step]![3]! - quantiles[step]![1]!;
  const inside = (scenarios: Told['scenarios']): number => {
    const held = scenarios.map(({ quantiles }, i) =>
      quantiles.filter((q, step) => truth[i]![ROWS + step]! >= q[1]! && truth[i]![ROWS + step]! <= q[3]!),
    );
    return held.flat().length / (SERIES * STEPS);
  };

  it('rolled far beyond the horizon they are as wide as they should be, and hold the truth as often as they say', async () => {
    const { scenarios, levels } = await told('linear.yaml', '--steps', String(STEPS));
    expect(levels.slice(1, 4)).toEqual([0.1, 0.5, 0.9]);
    for (let h = 1; h <= STEPS; h++) {
      const mean = scenarios.reduce((sum, each) => sum + width(each, h - 1), 0) / SERIES;
      const expected = 2 * 1.2816 * Math.sqrt((1 - PHI ** (2 * h)) / (1 - PHI * PHI));
      expect(mean / expected, `step ${h}`).toBeGreaterThan(0.85);
      expect(mean / expected, `step ${h}`).toBeLessThan(1.3);
    }
    expect(inside(scenarios)).toBeGreaterThan(0.72);
    expect(inside(scenarios)).toBeLessThan(0.88);
  });

  it('up to the horizon they have the calibrated quantiles of each step, whatever the mixture is made of', async () => {
    const { scenarios } = await told('many.yaml');
    expect(scenarios.map(({ series }) => series)).toEqual(Array.from({ length: SERIES }, (_, i) => name(i)));
    expect(inside(scenarios)).toBeGreaterThan(0.72);
    expect(inside(scenarios)).toBeLessThan(0.88);
  });

  it('begin where the series stands, and their middle is near the forecast', async () => {
    const { scenarios } = await told('many.yaml');
    const gaps = scenarios.map(({ last, origin, times, forecast, quantiles, series }) => {
      expect(last).toBeCloseTo(truth[Number(series.slice(1))]![ROWS - 1]!, 9);
      expect(Date.parse(times[0]!) - Date.parse(origin)).toBe(60_000);
      expect(forecast).toHaveLength(STEPS);
      return Math.abs(quantiles[5]![2]! - forecast[5]!);
    });
    expect(gaps.reduce((sum, each) => sum + each, 0) / SERIES).toBeLessThan(0.5);
  });
});

describe('with a trained network', () => {
  it('same seed, same bits; another seed, others; other series and more of them do not matter', async () => {
    const [first, again, other] = [await told('few.yaml'), await told('few.yaml'), await told('few.yaml', '--seed', '2')];
    expect(again).toEqual(first);
    expect(other.scenarios[0]!.paths).not.toEqual(first.scenarios[0]!.paths);
    const alone = await told('few.yaml', '--series', 's002', '--steps', '3');
    expect(alone.scenarios.map(({ series }) => series)).toEqual(['s002']);
    expect(alone.scenarios[0]!.paths).toEqual(first.scenarios[2]!.paths.map((path) => path.slice(0, 3)));
  });

  it('grow apart, and go on beyond the horizon', async () => {
    const { scenarios, levels } = await told('few.yaml', '--steps', '40');
    const width = (step: number): number => scenarios.reduce((sum, { quantiles: q }) => sum + q[step]![3]! - q[step]![1]!, 0);
    expect(width(5)).toBeGreaterThan(1.2 * width(0));
    for (const { quantiles, forecast, times } of scenarios) {
      expect([quantiles.length, times.length, forecast.length]).toEqual([40, 40, STEPS]);
      for (const row of quantiles) expect(row).toEqual([...row].sort((a, b) => a - b));
      expect(quantiles[0]).toHaveLength(levels.length);
    }
  });

  it('it is rolled with the weights in force: it comes back to the level, as an untrained one would not', async () => {
    const { scenarios } = await told('network.yaml', '--steps', '15');
    const away = (of: (each: (typeof scenarios)[number]) => number): number =>
      scenarios.reduce((sum, each) => sum + Math.abs(of(each) - 50), 0);
    expect(away(({ quantiles }) => quantiles[14]![2]!)).toBeLessThan(0.6 * away(({ last }) => last));
  });

  it('nothing is written to the state', async () => {
    const before = filesOf('.tidecast');
    await told('few.yaml');
    await call('scenario', 'few.yaml', '--out', 'fans');
    expect(filesOf('.tidecast')).toEqual(before);
    expect(Object.keys(before).length).toBeGreaterThan(3);
    expect(readdirSync(join(folder, 'fans'))).toHaveLength(4);
    expect(readFileSync(join(folder, 'fans', 's000%20value.svg'), 'utf8')).toMatch(/^<svg .*200 paths/);
  });

  it('as text: a table of the first series', async () => {
    const { out, code } = await call('scenario', 'many.yaml', '--paths', '50', '--steps', '2');
    expect(code).toBe(0);
    expect(out).toMatch(/^s000, value: [\d.]+ at 2024-01-01 08:19; 50 paths$/m);
    expect(out).toMatch(/^ \+2 +2024-01-01 08:21( +[\d.]+){6} *$/m);
    expect(out).toMatch(/and 55 more/);
  });
});

it('a series that stayed away and was spilled is rolled as if it were still here', async () => {
  const rest = 'state: { time_to_live: 20m }\n';
  pipeline('here', { models: '[naive, linear]', series: 3 });
  pipeline('away', { models: '[naive, linear]', rest, series: 3 });
  for (const file of ['here', 'away']) {
    const later = Array.from(
      { length: 60 },
      (_, t) => `${new Date(Date.UTC(2024, 0, 1) + (ROWS + t) * 60_000).toISOString()},s000,50,0`,
    );
    writeFileSync(join(folder, `${file}.csv`), `${readFileSync(join(folder, `${file}.csv`), 'utf8')}\n${later.join('\n')}`);
    expect((await call('run', `${file}.yaml`, '--fast')).code).toBe(0);
  }
  const before = filesOf('.tidecast/away');
  const [here, away] = [await told('here.yaml', '--paths', '20'), await told('away.yaml', '--paths', '20')];
  expect(away.scenarios.map(({ series }) => series)).toEqual(['s000', 's001', 's002']);
  expect(away.scenarios).toEqual(here.scenarios);
  expect((await told('away.yaml', '--paths', '20', '--series', 's002')).scenarios).toEqual(here.scenarios.slice(2));
  expect(filesOf('.tidecast/away')).toEqual(before);

  const damaged = Object.keys(before).find((path) => path.endsWith('.dat'))!;
  expect(readFileSync(damaged).length).toBeGreaterThan(1000);
  writeFileSync(damaged, 'x');
  const { code, err } = await call('scenario', 'away.yaml');
  expect([code, err]).toEqual([expect.any(Number), expect.stringMatching(/s00[12]/)]);
  expect(code).not.toBe(0);
});

it('a shadow that took over is the one that is rolled', async () => {
  pipeline('duel', {
    models: '[naive]',
    rest: `shadow: { name: better, forecast: { models: [naive, linear], output: linear }, promote: { margin: 0.02, rows: 200 } }
retrain: { every: 3h, rows: 300, swap: exact }`,
    series: 3,
  });
  expect((await call('run', 'duel.yaml', '--fast')).code).toBe(0);
  const { scenarios } = await told('duel.yaml', '--paths', '20');
  // naive would say the last value again
  expect(scenarios[0]!.forecast[11]).not.toBe(scenarios[0]!.last);
});

describe('refused', () => {
  it.each([
    [['scenario', 'few.yaml', '--series', 'nobody'], 64, /no such series/],
    [['scenario', 'few.yaml', '--paths', '0'], 64, /no whole number from 1 on/],
    [['scenario', 'many.yaml', '--paths', '100000'], 64, /too many numbers/],
    [['scenario', 'other.yaml'], 66, /no saved state/],
    [['scenario', 'changed.yaml'], 78, /forecast.horizon/],
    [['scenario', 'few.yaml', '--out', 'few.yaml'], 73, /few.yaml/],
  ])('%j', async (words, code, message) => {
    const text = readFileSync(join(folder, 'few.yaml'), 'utf8');
    writeFileSync(join(folder, 'other.yaml'), text.replace('name: few', 'name: other'));
    writeFileSync(join(folder, 'changed.yaml'), text.replace('horizon: 12', 'horizon: 6'));
    const said = await call(...words);
    expect([said.code, said.err], said.err).toEqual([code, expect.stringMatching(message)]);
  });
});
