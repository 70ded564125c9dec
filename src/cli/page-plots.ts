/** The plots of the report, one function each. */
import * as Plot from '@observablehq/plot';
import type { Mark } from '../backtest/marks.ts';
import type { CellScore, Residuals } from '../backtest/report-data.ts';
import type { FanPoint, Stretch } from '../backtest/stretch.ts';
import { levelOf, type Timeline } from '../backtest/timeline.ts';
import { coverageOf } from './page-words.ts';
import { draw, type Frame } from './page-frame.ts';
import { timeRules } from './page-rules.ts';

/** A stretch of time without rows longer than this many times the usual distance breaks a line. */
const BREAK = 6;
/** Bands reach beyond the lines by this share of their range at most. */
const ROOM = 0.4;
/** Points of a plot of shares over time at most: fewer forecasts each, and all one sees is scatter. */
const SHARES = 25;

/** The forecasts of a stretch with their intervals over what came. */
export function stretchPlot(stretch: Stretch, levels: readonly number[], y: string, fans: boolean): string {
  const { actual, next } = stretch;
  const truth = new Map(actual.map(({ time, value: known }) => [time, known]));
  const opened = (issued: number, points: readonly FanPoint[]): FanPoint[] => {
    const known = truth.get(issued);
    const origin = known === undefined ? [] : [{ time: issued, step: 0, mean: known, q: levels.map(() => known) }];
    return [...origin, ...points];
  };
  const bands: (FanPoint & { readonly of: number })[] = fans
    ? stretch.fans.flatMap(({ issued, points }, of) => opened(issued, points).map((point) => ({ ...point, of })))
    : grouped(next);
  const wings = levels.length >> 1;
  const label = `${fans ? 'Forecasts of all steps' : 'Forecasts one step ahead'} over what came`;
  const domain = around(
    [...actual.map((point) => point.value), ...bands.map(({ mean }) => mean)],
    bands.flatMap(({ q }) => [q[0]!, q.at(-1)!]),
  );
  return draw(label, { y, time: true, height: 280, clip: true, domain }, () => [
    ...Array.from({ length: wings }, (_, i) =>
      Plot.areaY(bands, {
        x: 'time',
        y1: (p: FanPoint) => p.q[i]!,
        y2: (p: FanPoint) => p.q[levels.length - 1 - i]!,
        z: 'of',
        fill: 'var(--output)',
        fillOpacity: i === 0 ? 0.16 : 0.2,
      }),
    ),
    Plot.lineY(bands, { x: 'time', y: 'mean', z: 'of', stroke: 'var(--output)', strokeWidth: 1.8 }),
    Plot.lineY(grouped(actual), { x: 'time', y: 'value', z: 'of', stroke: 'var(--ink)', strokeWidth: 1.3 }),
  ]);
}

/** The range of the lines and of the bands, of these as far as they leave the lines room to be seen. */
function around(lines: readonly number[], bands: readonly number[]): [number, number] {
  const least = (all: readonly number[]) => all.reduce((low, x) => (x < low ? x : low), Infinity);
  const most = (all: readonly number[]) => all.reduce((high, x) => (x > high ? x : high), -Infinity);
  const [low, high] = [least(lines), most(lines)];
  const room = (high - low || 1) * ROOM;
  const ends = [Math.max(low - room, Math.min(low, least(bands))), Math.min(high + room, Math.max(high, most(bands)))];
  const air = (ends[1]! - ends[0]!) * 0.03;
  return [ends[0]! - air, ends[1]! + air];
}

/** Numbers the pieces between breaks. */
function grouped<T extends { readonly time: number }>(points: readonly T[]): (T & { of: number })[] {
  const distances = points.slice(1).map(({ time }, i) => time - points[i]!.time);
  const usual = [...distances].sort((a, b) => a - b)[distances.length >> 1] ?? 0;
  let of = 0;
  return points.map((point, i) => {
    if (i > 0 && distances[i - 1]! > BREAK * usual) of++;
    return { ...point, of };
  });
}

function stepsOf(cells: readonly CellScore[]): Pick<Frame, 'x' | 'upTo'> {
  return { x: 'steps ahead', upTo: cells.at(-1)!.step };
}

/** Mean error by step ahead, every model. */
export function errorByStep(cells: readonly CellScore[], models: readonly string[]): string {
  const points = models.flatMap((model) =>
    cells.map(({ step, output, summary }) => {
      const name = model === 'output' ? output : model;
      return { step, model, mae: summary.models[name]?.mae ?? NaN };
    }),
  );
  return draw('Mean absolute error by step ahead', { y: 'MAE', zero: true, ...stepsOf(cells) }, () => [
    ...models.map((model) => {
      const own = points.filter((point) => point.model === model);
      return Plot.lineY(own, { x: 'step', y: 'mae', stroke: colour(model, models), strokeWidth: model === 'output' ? 2.6 : 1.4 });
    }),
    Plot.dot(
      points.filter(({ model }) => model === 'output'),
      { x: 'step', y: 'mae', r: 2.6, fill: 'var(--output)' },
    ),
  ]);
}

/** Skill with its 95 % range by step, against every baseline. */
export function skillByStep(cells: readonly CellScore[], baselines: readonly string[], models: readonly string[]): string {
  const points = baselines.flatMap((baseline) =>
    cells.map(({ step, summary }) => {
      const { skill, low, high } = summary.skill[baseline]!;
      const theirs = summary.models[baseline]?.mae ?? NaN;
      return { step, baseline, skill, low: -high / theirs, high: -low / theirs };
    }),
  );
  return draw('Skill by step ahead', { y: 'error less than the baseline’s', percent: true, ...stepsOf(cells) }, () => [
    Plot.ruleY([0], { stroke: 'var(--ink)', strokeOpacity: 0.6 }),
    ...baselines.flatMap((baseline) => {
      const own = points.filter((point) => point.baseline === baseline);
      const stroke = colour(baseline, models);
      return [
        Plot.areaY(own, { x: 'step', y1: 'low', y2: 'high', fill: stroke, fillOpacity: 0.18 }),
        Plot.lineY(own, { x: 'step', y: 'skill', stroke, strokeWidth: 2 }),
        Plot.dot(own, { x: 'step', y: 'skill', fill: stroke, r: 2.6 }),
      ];
    }),
  ]);
}

/** Skill of each series, in order: `ratios` are those of all, or evenly some of them. */
export function seriesRanking(ratios: readonly number[], series: number): string {
  const each = ratios.length < series ? (series - 1) / (ratios.length - 1) : 1;
  const points = ratios.map((ratio, i) => ({ place: 1 + i * each, skill: 1 - ratio }));
  return draw(
    'Skill of each series',
    { y: 'error less than naive’s', percent: true, x: 'series, best first', upTo: series, height: 220 },
    () => [
      Plot.areaY(points, { x: 'place', y1: 0, y2: 'skill', fill: 'var(--output)', fillOpacity: 0.25, curve: 'step' }),
      Plot.lineY(points, { x: 'place', y: 'skill', stroke: 'var(--output)', strokeWidth: 2, curve: 'step' }),
      Plot.ruleY([0], { stroke: 'var(--ink)', strokeOpacity: 0.6 }),
    ],
  );
}

/** Error over time, the output and the baselines, with trainings and drift. */
export function errorOverTime(
  line: Timeline,
  models: readonly string[],
  shown: readonly string[],
  marks: readonly Mark[],
): string {
  const points = (model: string) => grouped(line.times.map((time, i) => ({ time, mae: line.mae[model]?.[i] ?? NaN })));
  return draw(`Mean absolute error over time, step ${line.step}`, { y: 'MAE', time: true, zero: true }, () => [
    ...timeRules(line, marks),
    ...shown.map((model) =>
      Plot.lineY(points(model), {
        x: 'time',
        y: 'mae',
        z: 'of',
        stroke: colour(model, models),
        strokeWidth: model === 'output' ? 2.4 : 1.3,
      }),
    ),
  ]);
}

/** Observed coverage of each interval by step ahead. */
export function coverageByStep(cells: readonly CellScore[], levels: readonly string[]): string {
  const points = levels.flatMap((level) => cells.map((cell) => ({ step: cell.step, level, share: coverageOf(cell, level) })));
  return draw(
    'Share of truths inside by step ahead',
    { y: 'truths inside', percent: true, ...stepsOf(cells), domain: coverageDomain(points) },
    () => [
      Plot.ruleY(levels.map(Number), { stroke: 'var(--ink)', strokeDasharray: '4,3', strokeOpacity: 0.7 }),
      ...levels.flatMap((level, i) => {
        const own = points.filter((point) => point.level === level);
        return [
          Plot.lineY(own, { x: 'step', y: 'share', stroke: `var(--s${i})`, strokeWidth: 2 }),
          Plot.dot(own, { x: 'step', y: 'share', fill: `var(--s${i})`, r: 2.6 }),
        ];
      }),
    ],
  );
}

/** Observed coverage of each interval over time. */
export function coverageOverTime(line: Timeline, levels: readonly string[]): string {
  const points = levels.flatMap((level, i) => shares(line, level).map((point) => ({ ...point, level: i })));
  const frame = { y: 'truths inside', percent: true, time: true, domain: coverageDomain(points) };
  return draw(`Share of truths inside over time, step ${line.step}`, frame, () => [
    Plot.ruleY(levels.map(Number), { stroke: 'var(--ink)', strokeDasharray: '4,3', strokeOpacity: 0.7 }),
    ...levels.flatMap((_, i) => {
      const own = grouped(points.filter(({ level }) => level === i));
      const stroke = `var(--s${i})`;
      return [
        Plot.lineY(own, { x: 'time', y: 'share', z: 'of', stroke, strokeWidth: 1.8 }),
        Plot.dot(own, { x: 'time', y: 'share', fill: stroke, r: 2.2 }),
      ];
    }),
  ]);
}

/** Forecasts that one point of {@link coverageOverTime} stands for, about. */
export function forecastsAShare(line: Timeline): number {
  const all = line.n.reduce((sum, each) => sum + each, 0);
  return all / Math.ceil(line.n.length / Math.ceil(line.n.length / SHARES));
}

/** Neighbouring stretches taken together, but never over a break. */
function shares(line: Timeline, level: string): { time: number; share: number }[] {
  const each = Math.ceil(line.times.length / SHARES);
  const stretches = grouped(
    line.times.map((time, i) => ({ time, n: line.n[i]!, inside: line.n[i]! * (line.coverage[level]?.[i] ?? 0) })),
  );
  const pieces = Array.from({ length: (stretches.at(-1)?.of ?? -1) + 1 }, (_, of) =>
    stretches.filter((stretch) => stretch.of === of),
  );
  return pieces.flatMap((piece) =>
    Array.from({ length: Math.ceil(piece.length / each) }, (_, i) => {
      const part = piece.slice(i * each, (i + 1) * each);
      const sum = (of: 'time' | 'n' | 'inside') => part.reduce((total, stretch) => total + stretch[of], 0);
      return { time: sum('time') / part.length, share: sum('inside') / sum('n') };
    }),
  );
}

function coverageDomain(points: readonly { readonly share: number }[]): [number, number] {
  const least = points.reduce((min, { share }) => (share < min ? share : min), 1);
  return [Math.max(0, Math.min(0.7, Math.floor(least * 10) / 10)), 1];
}

/** How many more truths than it says lie below each quantile. */
export function reliability(lines: readonly Timeline[]): string {
  const points = lines.flatMap(({ below }, of) => below.map(({ level, share }) => ({ level, off: share - level, of })));
  const reach = points.reduce((most, { off }) => Math.max(most, Math.abs(off)), 0.05);
  const frame = { y: 'observed less promised', percent: true, height: 220, x: 'quantile', percentX: true };
  return draw('Observed less nominal quantiles', { ...frame, domain: [-reach, reach] }, () => [
    Plot.ruleY([0], { stroke: 'var(--ink)', strokeDasharray: '4,3', strokeOpacity: 0.7 }),
    ...lines.map((_, of) =>
      Plot.line(
        points.filter((point) => point.of === of),
        { x: 'level', y: 'off', stroke: `var(--s${of})`, strokeWidth: 1.6 },
      ),
    ),
    Plot.dot(points, { x: 'level', y: 'off', fill: (point: { of: number }) => `var(--s${point.of})`, r: 3.2 }),
  ]);
}

/** Errors of a series over time: the middle of each run of rows, and its range. */
export function residualPlot({ points, step }: Residuals): string {
  const all = grouped(points);
  return draw(`Residuals over time, step ${step}`, { y: 'truth less forecast', time: true, height: 200 }, () => [
    Plot.areaY(all, { x: 'time', y1: 'low', y2: 'high', z: 'of', fill: 'var(--output)', fillOpacity: 0.25 }),
    Plot.lineY(all, { x: 'time', y: 'middle', z: 'of', stroke: 'var(--output)', strokeWidth: 1.4 }),
    Plot.ruleY([0], { stroke: 'var(--ink)', strokeOpacity: 0.6 }),
  ]);
}

/** Weights of the mixture over time, stacked. */
export function weightsOverTime(line: Timeline, models: readonly string[]): string {
  const points = models.flatMap((model) => line.times.map((time, i) => ({ time, model, weight: line.weights[model]?.[i] ?? 0 })));
  return draw(
    `Weights of the mixture over time, step ${line.step}`,
    { y: 'weight', percent: true, time: true, height: 220, domain: [0, 1] },
    () => [
      Plot.areaY(
        points,
        Plot.stackY({
          x: 'time',
          y: 'weight',
          z: 'model',
          order: [...models],
          fill: (p: { model: string }) => colour(p.model, models),
          fillOpacity: 0.85,
        } as object),
      ),
    ],
  );
}

/** The name of a colour of the style sheet: the output and naive have their own. */
export function colour(model: string, models: readonly string[]): string {
  if (model === 'output') return 'var(--output)';
  if (model === 'naive') return 'var(--naive)';
  return `var(--m${models.filter((each) => each !== 'naive' && each !== 'output').indexOf(model) % 7})`;
}

/** The levels of the central intervals, narrow first. */
export function levelsOf(quantiles: readonly number[]): string[] {
  return Array.from({ length: quantiles.length >> 1 }, (_, i) =>
    levelOf(quantiles[quantiles.length - 1 - i]! - quantiles[i]!),
  ).reverse();
}
