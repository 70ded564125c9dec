/** How fast rows go by, by the clock and by the processor time of this process: the second hardly depends on who else uses the machine. */

/** Figures of one run. */
export interface Pace {
  readonly rowsPerSecond: number;
  /** Microseconds of processor time a row. */
  readonly cpu: number;
}

/** Starts to measure where `before` rows have gone by already; what it gives is called where `rows` have. */
export function pacing(before = 0): (rows: number) => Pace {
  const at = performance.now();
  const used = process.cpuUsage();
  return (rows) => {
    const counted = rows - before;
    const { user, system } = process.cpuUsage(used);
    return { rowsPerSecond: (counted / (performance.now() - at)) * 1000, cpu: (user + system) / counted };
  };
}
