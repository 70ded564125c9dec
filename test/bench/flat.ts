/** A step after 100 rows and after a million, side by side; and what stays in memory after 100,000 rows and after a million. */
import { median, round, whole, type Emit } from './figure.ts';
import { handFed } from './hand-fed.ts';

const SHORT = 100;
const MIDDLE = 100_000;
const LONG = 1_000_000;
const ROUNDS = 400;
const STEPS = 20;
const BAR = 1.15;
/** A quarter of a byte a row: what compiled code and its statistics may take meanwhile. A number a row would be 7 MB. */
const SLACK = 225_000;

/** Both figures of the promise; needs `--expose-gc`. */
export function flatBench(emit: Emit): void {
  const { feed } = handFed();
  const feedTo = (from: number, to: number): void => {
    for (let row = from; row < to; row += 1000) feed('old', 1000);
  };
  feedTo(0, MIDDLE);
  const before = retained();
  feedTo(MIDDLE, LONG);
  const grown = retained() - before;

  const times = { young: [] as number[], old: [] as number[] };
  const step = (series: string, into: number[]): void => {
    const start = performance.now();
    feed(series, 1);
    into.push(performance.now() - start);
  };
  for (let n = 0; n < ROUNDS; n++) {
    const young = `young ${n}`;
    feed(young, SHORT);
    for (let i = 0; i < STEPS; i++) {
      if (i % 2 === 0) step('old', times.old);
      step(young, times.young);
      if (i % 2 === 1) step('old', times.old);
    }
  }
  const young = median(times.young) * 1000;
  const old = median(times.old) * 1000;
  const ratio = old / young;
  emit({
    keys: {
      bench: 'flat',
      peer: 'tidecast',
      model: 'mixture',
      batch: 1,
      threads: 1,
      p50_us: round(old),
      p50_us_short: round(young),
      ratio: round(ratio),
    },
    what: `a row after ${whole(LONG)} rows over one after ${SHORT}`,
    shown: `${ratio.toFixed(3)} (${old.toFixed(1)} and ${young.toFixed(1)} us)`,
    bar: `at most ${BAR}`,
    pass: ratio <= BAR,
  });
  emit({
    keys: { bench: 'flat', peer: 'tidecast', model: 'mixture', grown_bytes: grown },
    what: `retained memory from ${whole(MIDDLE)} to ${whole(LONG)} rows`,
    shown: `${whole(grown)} bytes`,
    bar: `at most ${whole(SLACK)} (1/4 byte a row)`,
    pass: grown <= SLACK,
  });
}

function retained(): number {
  for (let n = 0; n < 3; n++) globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
