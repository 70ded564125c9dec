/** A fan of paths as an SVG file. */
import * as Plot from '@observablehq/plot';
import { quantileOf } from '../pipeline/scenario.ts';
import { drawAlone } from './page-frame.ts';
import type { Fan } from './scenario.ts';

/** Paths that are drawn themselves, below the bands. */
const SHOWN = 8;

/** Bands between the quantiles, the median, the pipeline's own forecast, and some of the paths. */
export function fanPlot(
  { series, target, origin, last, times, forecast, paths, quantiles }: Fan,
  levels: readonly number[],
): string {
  const here = { time: origin, q: levels.map(() => last) };
  const bands = [here, ...quantiles.map((q, step) => ({ time: times[step]!, q }))];
  const line = (values: readonly number[]) => [
    { time: origin, value: last },
    ...values.map((each, step) => ({ time: times[step]!, value: each })),
  ];
  const median = times.map((_, step) =>
    quantileOf(
      paths.map((path) => path[step]!).sort((a, b) => a - b),
      0.5,
    ),
  );
  const title = `${series}, ${target}: ${paths.length} paths, their quantiles, and the forecast (dotted)`;
  return drawAlone(title, { y: null, time: true, height: 320 }, () => [
    ...Array.from({ length: levels.length >> 1 }, (_, i) =>
      Plot.areaY(bands, {
        x: 'time',
        y1: ({ q }: typeof here) => q[i]!,
        y2: ({ q }: typeof here) => q[levels.length - 1 - i]!,
        fill: 'var(--output)',
        fillOpacity: 0.16,
      }),
    ),
    ...paths
      .slice(0, SHOWN)
      .map((path) => Plot.lineY(line(path), { x: 'time', y: 'value', stroke: 'var(--naive)', strokeWidth: 0.7 })),
    Plot.lineY(line(median), { x: 'time', y: 'value', stroke: 'var(--output)', strokeWidth: 1.8 }),
    Plot.lineY(line(forecast), { x: 'time', y: 'value', stroke: 'var(--ink)', strokeWidth: 1.4, strokeDasharray: '2,3' }),
  ]);
}
