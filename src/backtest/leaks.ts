/** The leak check: the same backtest over futures that did not happen; what was forecast before must be the same to the bit. */
import type { ForecastBatch } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import { perturb, PERTURBATIONS, type Perturbation } from './perturb.ts';
import { backtest, changed, type BacktestOptions } from './replay.ts';

export interface LeakOptions extends Omit<
  BacktestOptions,
  'events' | 'watch' | 'record' | 'stride' | 'from' | 'built' | 'ended'
> {
  /** Moments after which the future is changed. */
  readonly cuts: number;
  /** Is told of each run once it is done; `check` is undefined for the run over the future that happened. */
  readonly told?: (done: number, of: number, check: LeakCheck | undefined) => void;
}

/** A forecast that knew what came later. */
export interface Leak {
  readonly series: string;
  /** Row of the series, from 1, and its event time, epoch ms. */
  readonly row: number;
  readonly issued: number;
  readonly target: string;
  /** From 1. */
  readonly step: number;
  /** What was forecast, and what was forecast once the future was another. Equal where only quantiles moved. */
  readonly before: number;
  readonly after: number;
}

/** One changed future. */
export interface LeakCheck {
  readonly change: Perturbation;
  /** Rows later than this event time were changed, epoch ms. */
  readonly cut: number;
  /** Forecasts that were compared: targets x steps of every row up to the cut. */
  readonly compared: number;
  /** The first that moved. */
  readonly leak: Leak | undefined;
}

/** What was forecast for a series, row after row: origins, and per cell the mean and a hash of all its bits. */
interface Trace {
  /** Rows before those. */
  skipped: number;
  readonly issued: number[];
  readonly mean: number[];
  readonly bits: number[];
}

/** Runs every change at every cut; the source must give the same rows each time it is read. */
export async function findLeaks(spec: LoadedSpec, options: LeakOptions): Promise<LeakCheck[]> {
  const { cuts, told, ...rest } = options;
  const of = 1 + cuts * PERTURBATIONS.length;
  const traces = new Map<string, Trace>();
  const events = new EventBus();
  // forecasts of the rows in which seasons were looked for know them: what is proved is proved of those that come after
  let after = -Infinity;
  let pinned = spec;
  events.on('seasons.found', ({ time, first }) => {
    after = time;
    // a future in which the recording is shorter must not be looked at in fewer rows
    if (first !== undefined) pinned = { ...spec, forecast: { ...spec.forecast, warmup: first } };
  });
  const { targets } = await backtest(spec, { ...rest, events, watch: (batch) => trace(batch, after, traces) });
  if (options.signal.aborted) return [];
  const moments = momentsOf(traces, cuts);
  told?.(1, of, undefined);
  const checks: LeakCheck[] = [];
  for (const cut of moments)
    for (const change of PERTURBATIONS) {
      const check = await once(pinned, rest, { traces, targets, change, cut });
      if (options.signal.aborted) return checks;
      checks.push(check);
      told?.(1 + checks.length, of, check);
    }
  return checks;
}

/** Event times that part the origins into `cuts + 1` stretches of about equally many. */
function momentsOf(traces: ReadonlyMap<string, Trace>, cuts: number): number[] {
  const all = Float64Array.from([...traces.values()].flatMap(({ issued }) => issued)).sort();
  if (all.length <= cuts) throw new TidecastError('LEAKS_NOTHING', { rows: all.length, cuts });
  return Array.from({ length: cuts }, (_, i) => all[Math.floor(((i + 1) * all.length) / (cuts + 1))]!);
}

interface Against {
  readonly traces: ReadonlyMap<string, Trace>;
  readonly targets: readonly string[];
  readonly change: Perturbation;
  readonly cut: number;
}

async function once(spec: LoadedSpec, rest: Omit<LeakOptions, 'cuts' | 'told'>, against: Against): Promise<LeakCheck> {
  const { traces, targets, change, cut } = against;
  const expected = [...traces.values()].reduce((sum, { issued }) => sum + issued.filter((time) => time <= cut).length, 0);
  const at = new Map<string, number>();
  const stop = new AbortController();
  const abort = () => stop.abort();
  if (rest.signal.aborted) abort();
  rest.signal.addEventListener('abort', abort, { once: true });
  let rows = 0;
  let leak: Leak | undefined;
  const horizon = spec.forecast.horizon;
  const watch = (batch: ForecastBatch): void => {
    for (let row = 0; row < batch.length && !leak; row++) {
      const issued = batch.issued[row]!;
      const series = batch.keys[batch.lanes[row]!];
      const known = series === undefined ? undefined : traces.get(series);
      if (series === undefined || !known || issued > cut) continue;
      let i = at.get(series) ?? 0;
      // rows that fill a gap are made when the row after the gap comes: one that was changed away makes none
      while (known.issued[i]! < issued) i++;
      if (known.issued[i] !== issued) continue;
      at.set(series, i + 1);
      rows++;
      const cell = firstMoved(batch, row, known, i);
      if (cell < 0) continue;
      const cells = batch.targets * horizon;
      const [target, step] = [targets[Math.floor(cell / horizon)]!, (cell % horizon) + 1];
      const [then, now] = [known.mean[i * cells + cell]!, batch.mean[row * cells + cell]!];
      leak = { series, row: known.skipped + i + 1, issued, target, step, before: then, after: now };
    }
    // nothing that is still to come lies before the cut
    if (leak || rows === expected) stop.abort();
  };
  await backtest(spec, {
    ...rest,
    signal: stop.signal,
    events: new EventBus(),
    watch,
    wrap: (source) => {
      const other = changed(source, (batch) => perturb(batch, change, cut));
      return rest.wrap ? rest.wrap(other) : other;
    },
  }).finally(() => rest.signal.removeEventListener('abort', abort));
  return { change, cut, compared: rows * targets.length * horizon, leak };
}

/** Keeps what was forecast at origins later than `after`. */
function trace(batch: ForecastBatch, after: number, traces: Map<string, Trace>): void {
  const cells = batch.targets * batch.horizon;
  for (let row = 0; row < batch.length; row++) {
    const series = batch.keys[batch.lanes[row]!];
    if (series === undefined) continue;
    let own = traces.get(series);
    if (!own) traces.set(series, (own = { skipped: 0, issued: [], mean: [], bits: [] }));
    if (batch.issued[row]! <= after) {
      own.skipped++;
      continue;
    }
    own.issued.push(batch.issued[row]!);
    for (let cell = 0; cell < cells; cell++) {
      own.mean.push(batch.mean[row * cells + cell]!);
      own.bits.push(bitsOf(batch, row * cells + cell));
    }
  }
}

/** The first cell of a row that is another than it was; -1: none. */
function firstMoved(batch: ForecastBatch, row: number, known: Trace, i: number): number {
  const cells = batch.targets * batch.horizon;
  for (let cell = 0; cell < cells; cell++) {
    const moved =
      !Object.is(batch.mean[row * cells + cell], known.mean[i * cells + cell]) ||
      bitsOf(batch, row * cells + cell) !== known.bits[i * cells + cell];
    if (moved) return cell;
  }
  return -1;
}

/** FNV-1a over the bytes of a cell's quantiles. */
function bitsOf({ quantiles, quantileCount }: ForecastBatch, cell: number): number {
  const bytes = new Uint8Array(quantiles.buffer, quantiles.byteOffset + cell * quantileCount * 8, quantileCount * 8);
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}
