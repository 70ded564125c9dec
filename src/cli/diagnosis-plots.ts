/** The diagnostics of a network as SVG files. */
import * as Plot from '@observablehq/plot';
import type { Diagnosis, Traces } from '../nn/diagnostics.ts';
import { drawAlone } from './page-frame.ts';

/** One pass of a training, as a model keeps it. */
export interface Pass {
  readonly updates: number;
  readonly clipped: number;
  readonly largest: number;
}

/** By file name; `clipping.svg` only where passes are known. */
export function diagnosisPlots(found: Diagnosis, passes: readonly Pass[]): Record<string, string> {
  return {
    ...(found.gradient.length > 0 && { 'gradient.svg': gradient(found) }),
    'impulse.svg': impulse(found),
    'hidden.svg': hidden(found.hidden.at(-1)!),
    ...(passes.length > 0 && { 'clipping.svg': clipping(passes) }),
  };
}

/** How the gradient of the last row's loss falls away, every layer. */
function gradient({ gradient: reaches }: Diagnosis): string {
  const lines = reaches.map(({ layer, of, norms }, i) => ({
    name: `${of} of layer ${layer + 1}`,
    stroke: `var(--s${i % 6})`,
    dash: of === 'c' ? '5,4' : 'none',
    points: visible(norms),
  }));
  return drawAlone(
    'Norm of the gradient of the last row’s loss, ‖dL/dh‖, by distance',
    { y: null, log: true, x: 'rows back' },
    () =>
      lines.flatMap(({ name, stroke, dash, points }) => [
        Plot.lineY(points, { x: 'k', y: 'size', stroke, strokeWidth: 1.8, strokeDasharray: dash }),
        Plot.text(points.slice(-1), {
          x: 'k',
          y: 'size',
          text: () => name,
          textAnchor: 'end',
          dy: -8,
          fill: stroke,
          stroke: 'var(--paper)',
          strokeWidth: 4,
        }),
      ]),
  );
}

/** How long a change of one row is felt; of a network that reads both ways, with a second line for the rows before it. */
function impulse({ impulse: sizes, before }: Diagnosis): string {
  const line = (of: readonly number[], strokeDasharray: string): Plot.Markish =>
    Plot.lineY(visible(of), { x: 'k', y: 'size', stroke: 'var(--output)', strokeWidth: 1.8, strokeDasharray });
  const title = before
    ? 'Norm of the change of the output after a change of one row, later (solid) and before (dashed)'
    : 'Norm of the change of the output after a change of one row';
  return drawAlone(title, { y: null, log: true, x: 'distance in rows' }, () => [
    line(sizes, 'none'),
    ...(before ? [line(before.impulse, '5,4')] : []),
  ]);
}

function hidden({ layer, units }: Traces): string {
  return drawAlone(`Hidden state h of layer ${layer + 1}, the first ${units.length} units`, { y: null, x: 'row' }, () =>
    units.map((trace, j) =>
      Plot.lineY(
        trace.map((h, row) => ({ row, h })),
        { x: 'row', y: 'h', stroke: `var(--m${j % 7})`, strokeWidth: 1.3 },
      ),
    ),
  );
}

function clipping(passes: readonly Pass[]): string {
  const points = passes.map(({ updates, clipped }, i) => ({ pass: i + 1, share: clipped / Math.max(1, updates) }));
  const frame = { y: null, percent: true, zero: true, domain: [0, 1] as const, x: 'pass', upTo: passes.length };
  return drawAlone('Share of the updates whose gradient was clipped, by pass', frame, () => [
    Plot.lineY(points, { x: 'pass', y: 'share', stroke: 'var(--mark)', strokeWidth: 1.6 }),
    Plot.dot(points, { x: 'pass', y: 'share', r: 2.6, fill: 'var(--mark)' }),
  ]);
}

/** On an axis of powers nothing is drawn at 0. */
function visible(sizes: readonly number[]): { k: number; size: number }[] {
  return sizes.flatMap((size, k) => (size > 0 ? [{ k, size }] : []));
}
