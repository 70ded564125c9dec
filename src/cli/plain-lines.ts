/** The same news without a terminal: one line every so often; notices.ts has one for each thing that happens. */
import { printable } from './cell.ts';
import { instant, percent, signedPercent, value, whole } from './numbers.ts';
import type { ViewModel } from './view-model.ts';

/** Where the line stands. */
export function progressLine(model: ViewModel): string {
  const { rows, total } = model;
  const first = model.scores.find(({ summary }) => summary.n > 0);
  const facts = [
    total ? `${whole(rows)} of ${whole(total)} rows (${percent(Math.floor((rows / total) * 100) / 100)})` : `${whole(rows)} rows`,
    `${whole(model.rowsPerSecond)} rows/s`,
    model.lag === undefined ? '' : model.lag > 0 ? `${whole(model.lag)} behind` : 'caught up',
    model.time === undefined ? '' : `event time ${instant(model.time)}`,
    first ? `MAE +${first.step} ${value(first.summary.models[first.output]?.mae ?? NaN)}` : '',
    ...(first
      ? Object.entries(first.summary.skill).map(
          ([name, { skill, verdict }]) => `vs ${name} ${signedPercent(skill)}${verdict === 'no skill' ? ' (no skill)' : ''}`,
        )
      : []),
  ];
  return `${printable(model.pipeline)}: ${facts.filter(Boolean).join(', ')}`;
}
