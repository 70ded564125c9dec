/** When to retrain: at whole multiples of `every` in event time, so that it depends on nothing but time. */

/** The first trigger after an event time (epoch ms). */
export function firstTrigger(time: number, every: number): number {
  return (Math.floor(time / every) + 1) * every;
}

/**
 * The trigger after `trigger`, given that no row between it and `next` is to come: triggers without new rows are passed over.
 *
 * `looks`: a trigger may come early, at one of so many moments from one whole multiple to the next, that one included; `newest` is the newest
 * row before. A whole multiple is passed over only where there is no row since the one before it.
 */
export function nextTrigger(trigger: number, next: number, every: number, looks = 1, newest = -Infinity): number {
  const following = nextLook(trigger, every, looks);
  if (!(next > following) || next === Infinity) return following;
  const late = nextLook(Math.ceil(next) - 1, every, looks);
  const whole = firstTrigger(trigger, every);
  return Math.min(newest, trigger) > whole - every ? Math.min(late, whole) : late;
}

/** The first look later than an event time; looks lie on whole ms. */
function nextLook(time: number, every: number, looks: number): number {
  const start = Math.floor(time / every) * every;
  return lookAt(start, Math.ceil(((Math.floor(time - start) + 1) * looks) / every), every, looks);
}

/** The last look before a trigger; -Infinity where there is no trigger yet. */
export function lookBefore(trigger: number, every: number, looks: number): number {
  if (trigger === Infinity) return -Infinity;
  const start = (Math.ceil(trigger / every) - 1) * every;
  return lookAt(start, Math.ceil(((trigger - start) * looks) / every) - 1, every, looks);
}

function lookAt(start: number, look: number, every: number, looks: number): number {
  return start + Math.floor((look * every) / looks);
}

/** Rows that the first training waits for; rows that a series must have gained at least after that, and those that are always enough. */
const FIRST = 120;
const LEAST_NEW = 250;
const MOST_NEW = 1000;

/**
 * Whether there is enough that is new: `rows` of the longest series now, `before` at the last training. First 120 rows, then a quarter more,
 * but no fewer than 250 rows and no more than 1,000: so that a young series is trained on early and often, and an old one at a steady cost.
 */
export function hasGrown(rows: number, before: number): boolean {
  return rows - before >= (before === 0 ? FIRST : Math.min(MOST_NEW, Math.max(LEAST_NEW, before / 4)));
}
