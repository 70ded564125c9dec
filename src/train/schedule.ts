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
