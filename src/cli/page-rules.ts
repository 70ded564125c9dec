/** The moments in a plot over time: new weights, drift, a model that took over. */
import * as Plot from '@observablehq/plot';
import type { Mark } from '../backtest/marks.ts';
import type { Timeline } from '../backtest/timeline.ts';

/** Moments that are drawn into a plot over time: of each kind all, or none where they are too many to tell apart. */
function ruled(line: Timeline, marks: readonly Mark[], event: string): readonly Mark[] {
  const within = marks.filter((mark) => mark.event === event && mark.time >= line.times[0]! && mark.time <= line.times.at(-1)!);
  return within.length <= 60 ? within : [];
}

/** New weights faint; drift, and who took over, plain. */
export function timeRules(line: Timeline, marks: readonly Mark[]): Plot.Markish[] {
  const dotted = { x: 'time', stroke: 'var(--mark)', strokeWidth: 1, strokeDasharray: '2,4' };
  return [
    Plot.ruleX(ruled(line, marks, 'weights.swapped'), dotted),
    Plot.ruleX(ruled(line, marks, 'drift.detected'), { x: 'time', stroke: 'var(--bad)', strokeWidth: 1.4 }),
    Plot.ruleX(ruled(line, marks, 'model.promoted'), { x: 'time', stroke: 'var(--ink)', strokeWidth: 1.4 }),
  ];
}

/** What the vertical lines of a plot over time are, where there are any. */
export function rulesText(line: Timeline, marks: readonly Mark[]): string {
  const told = {
    'weights.swapped': 'Dotted: new weights.',
    'drift.detected': 'Red: drift.',
    'model.promoted': 'Solid: another model took over.',
  };
  return Object.entries(told)
    .filter(([event]) => ruled(line, marks, event).length > 0)
    .map(([, text]) => ` ${text}`)
    .join('');
}
