/** When to retrain: at whole multiples of `every` in event time, so that it depends on nothing but time. */

/** The first trigger after an event time (epoch ms). */
export function firstTrigger(time: number, every: number): number {
  return (Math.floor(time / every) + 1) * every;
}

/**
 * The trigger after `trigger`, given that no row between it and `next` is to come: triggers without new rows are passed over.
 */
export function nextTrigger(trigger: number, next: number, every: number): number {
  const following = trigger + every;
  return next > following && next < Infinity ? Math.ceil(next / every) * every : following;
}

/** Rows that a series must have gained at least, and those that are always enough. */
const LEAST_NEW = 250;
const MOST_NEW = 1000;

/**
 * Whether there is enough that is new: `rows` of the longest series now, `before` at the last training. A quarter more, but no fewer
 * than 250 rows and no more than 1,000: so that a young series is trained on often, and an old one at a steady cost.
 */
export function hasGrown(rows: number, before: number): boolean {
  return rows - before >= Math.min(MOST_NEW, Math.max(LEAST_NEW, before / 4));
}
