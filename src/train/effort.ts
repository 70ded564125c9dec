/**
 * How long a network is trained, and how hard its weights are held, by how much there is to learn from.
 *
 * Chosen on the series of the mixture (`forecast/mixture.ts`). Both help together: more passes alone fit the noise of some series, more decay alone
 * gains one step ahead only; and as much decay over 100,000 rows forgets what has to be remembered for long.
 */

/** Rows times weights that all passes of a training come to at most, for a network that is not small. */
const MOST_WORK = 6e9;
/** The first training starts from nothing and is given this many times the passes; a later one is too, as far as that is little work. */
const MORE = 4;
const LITTLE_WORK = 1e9;
/** Up to so many rows weights decay as configured. More rows say more, and what must be remembered for long needs large weights. */
const FEW_ROWS = 2000;

/** Passes over the rows, where one is so much `work` (rows times weights): more than configured where they cost next to nothing, fewer where a training would take minutes. */
export function passesOf(configured: number, work: number, first: boolean): number {
  const within = (most: number) => Math.floor(most / Math.max(1, work));
  const usual = Math.max(1, Math.min(configured, within(MOST_WORK)));
  return first ? usual * MORE : Math.max(usual, Math.min(configured * MORE, within(LITTLE_WORK)));
}

/** Weight decay, where so many rows in all are trained on. */
export function decayOf(configured: number, rows: number): number {
  return configured * Math.min(1, FEW_ROWS / rows);
}
