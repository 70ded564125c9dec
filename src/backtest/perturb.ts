/** Futures that did not happen: a source with everything after a moment changed. */
import type { SourceBatch } from '../core/batch.ts';
import { Random, seedOf } from '../core/random.ts';
import { before } from './replay.ts';

/** What is done to the rows after the moment. */
export const PERTURBATIONS = ['shifted', 'scaled', 'replaced by noise', 'cut off'] as const;
export type Perturbation = (typeof PERTURBATIONS)[number];

/** Changes the rows of a batch later than `after` (epoch ms); the others, and all times, stay. NaN stays NaN. */
export function perturb(batch: SourceBatch, kind: Perturbation, after: number): SourceBatch {
  if (!batch.times.some((time) => time > after)) return batch;
  // rows at the moment itself stay
  if (kind === 'cut off') return before(batch, nextAfter(after));
  return {
    ...batch,
    channels: batch.channels.map((column, c) =>
      column.map((value, i) => (batch.times[i]! > after ? change(value, kind, c, batch.offsets[i]!) : value)),
    ),
  };
}

function change(value: number, kind: Exclude<Perturbation, 'cut off'>, channel: number, offset: number): number {
  switch (kind) {
    case 'shifted':
      return value + 1 + Math.abs(value);
    case 'scaled':
      return value * -3;
    case 'replaced by noise':
      // as large as what it replaces, so that no check of plausibility takes it out
      return Number.isNaN(value)
        ? value
        : (1 + Math.abs(value)) * (2 * new Random(seedOf('leaks', channel, offset)).uniform() - 1);
  }
}

/** The smallest time that is later, for whole and broken milliseconds alike. */
function nextAfter(time: number): number {
  return time + Math.max(Math.abs(time) * Number.EPSILON, Number.MIN_VALUE);
}
