/** Stations 1 and 2: pulls batches from a source, names their lanes, and is the one place where anything waits. */
import { Observable } from 'rxjs';
import type { Reject, SourceBatch, TickBatch } from '../core/batch.ts';
import { systemClock, type Clock } from '../core/clock.ts';
import type { Source } from '../core/connector.ts';
import { TidecastError } from '../core/errors.ts';
import type { Position } from '../core/position.ts';
import type { State } from '../core/state.ts';
import { copyOf, pacer, patiently } from './ingest-waiting.ts';
import { Intake } from './intake.ts';

/** Decides where the line must stop for retraining; see design.md section 4. Times are epoch ms, rows are rows ingested. */
export interface Gate {
  /** Told once, before the first row ever: no row can be older than this event time. */
  start(time: number): void;
  /** Event time of the next trigger; Infinity when there is none. */
  readonly trigger: number;
  /** Rows later than the trigger wait until `pass` has resolved. */
  readonly exact: boolean;
  /** Where a recorded swap takes effect: rows at or after these offsets wait for it. Undefined when there is none. */
  readonly swapAt: Position | undefined;
  /**
   * Every row at or before `trigger` went through, the newest at `newest`; `next` is the earliest time of any row still to come.
   * `last`: because the input ended; should it grow, rows at or before the trigger may come after all.
   */
  pass(next: number, newest: number, last?: boolean): Promise<void>;
  /** Called between two batches: a finished training may be recorded and swapped here. */
  between(rows: number, position: Position): Promise<void>;
}

/** A consistent cut of the input. */
export interface Place {
  /** Rows ingested. */
  readonly rows: number;
  readonly position: Position;
  /** Newest event time, epoch ms. */
  readonly time: number;
  /** The input ended here; what is still held back goes through after this cut. */
  readonly last: boolean;
}

export interface IngestOptions {
  readonly signal?: AbortSignal;
  /** For pacing only. Default: the machine's. */
  readonly clock?: Clock;
  /** How much older than the newest tick of its partition a tick may be, ms. */
  readonly lateness?: number;
  /** A tick further ahead of the newest than this does not move the source's watermark, ms. */
  readonly maxAhead?: number;
  /** A lane idle for longer than this, in event time, is spilled, ms. */
  readonly timeToLive?: number;
  /**
   * A partition that is further behind the newest one than this, in event time, does not hold back retraining, ms. What it still brings
   * from before the last training is late. Default: retraining waits for every partition.
   */
  readonly idleAfter?: number;
  readonly gate?: Gate;
  readonly reject?: (rejects: readonly Reject[]) => void;
  /** Resolves when the sinks have room again; undefined when they have. */
  readonly room?: () => Promise<void> | undefined;
  /** Called between two batches, where the state is a consistent cut. */
  readonly between?: (cut: Place) => Promise<void> | undefined;
  /** Rows a second at most; unset: as fast as it goes. */
  readonly rowsPerSecond?: number;
  readonly evicted?: (series: string) => void;
}

/** Work between two looks at the event loop. */
const SLICE_MS = 20;
const SMALLEST_CUT = 16;
const LARGEST_CUT = 8192;

/**
 * Pulls a source through the line, batch by batch.
 *
 * Like `from(asyncIterable)`, but with room to breathe: the next batch is asked for only when the last one went through, the sinks
 * have room, weights that are due are there, and a checkpoint that is due was cut.
 *
 * ```
 * source  --[a b c]----------[d]--|
 * ingest  --[a b]-[c]--------[d]--|      re-cut to at most 20 ms of work
 * ```
 *
 * Completes when the source ends or the signal is aborted (then nothing is let go of early: a restart continues exactly). An error of
 * the source is passed on. State: the lane column and part `ingest`; it belongs to `state`, so subscribe once.
 */
export function ingest(state: State, source: Source, options: IngestOptions = {}): Observable<TickBatch> {
  const intake = new Intake(state, { ...options, bounded: source.bounded });
  state.add('ingest', intake);
  return new Observable((out) => {
    const stop = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
    const emit = (batch: TickBatch): void => {
      out.next(batch);
      // a station failed, or nobody listens any more: the state may be half of a batch's, and must not become a checkpoint
      if (out.closed) throw new TidecastError('INTERNAL', { problem: 'ingest went on without a listener' });
    };
    run(source, intake, options, signal, emit).then(
      () => out.complete(),
      (cause) => out.error(cause),
    );
    return () => stop.abort();
  });
}

async function run(
  source: Source,
  intake: Intake,
  options: IngestOptions,
  signal: AbortSignal,
  emit: (batch: TickBatch) => void,
): Promise<void> {
  const { clock = systemClock, gate } = options;
  const pace = pacer(clock, options.rowsPerSecond);
  let cut = LARGEST_CUT / 8;
  let lastYield = clock.elapsed();

  /** Hands a batch on and waits for whatever must be waited for before the next. */
  const pass = async (batch: TickBatch): Promise<void> => {
    const started = clock.elapsed();
    emit(batch);
    const took = clock.elapsed() - started;
    if (batch.lanes.length === cut) {
      if (took > SLICE_MS && cut > SMALLEST_CUT) cut = Math.max(SMALLEST_CUT, cut >> 1);
      else if (took < SLICE_MS / 4 && cut < LARGEST_CUT) cut *= 2;
    }
    await options.room?.();
  };

  /** Lets everything at or before each trigger through, in order, as far as the watermark allows. */
  const passTriggers = async (): Promise<void> => {
    while (gate && intake.watermark > gate.trigger && !signal.aborted) {
      const { trigger } = gate;
      const due = intake.takeHeld(trigger);
      if (due) await pass(due);
      // where nothing waits, a partition that lags behind is not late for what others were trained on
      if (gate.exact) await pass(intake.mark(trigger, true));
      await gate.pass(intake.nextTime(), intake.passed);
    }
    // what waited in a run that waits goes on at once in one that does not
    const free = intake.takeHeld(gate?.exact ? gate.trigger : Infinity);
    if (free) await pass(free);
  };

  /** What there is to do where the state is a consistent cut. */
  const between = async (): Promise<void> => {
    await options.room?.();
    await gate?.between(intake.rows, intake.position);
    await options.between?.(intake.place(false));
  };

  /** Takes a batch through, while others wait `beside` it; false if the rest of it waits for a swap that other partitions have not reached yet. */
  const go = async (work: Work, beside: readonly Work[]): Promise<boolean> => {
    const { batch } = work;
    const { offsets } = batch;
    const n = offsets.length;
    /** Those that lie before an offset, so that a checkpoint's cut parts them like rows. */
    const rejectBefore = (offset: number): void => {
      const due = work.rejects.filter((each) => each.offset < offset);
      if (due.length === 0) return;
      work.rejects = work.rejects.filter((each) => !(each.offset < offset));
      intake.refuse(batch.partition, due);
      options.reject?.(due);
    };
    const ticks = intake.begin(
      batch,
      beside.map(({ batch: { partition } }) => partition),
    );
    // a message is done as a whole or not at all
    let whole = true;
    while (work.at < n && !(signal.aborted && whole)) {
      const { at } = work;
      const swapAt = gate?.swapAt;
      const stop = swapAt && !work.ended ? (swapAt[batch.partition] ?? 0) : Infinity;
      if (offsets[at]! >= stop) {
        rejectBefore(stop);
        intake.reach(batch.partition, stop);
        await between();
        // it was the last partition that the swap waited for
        if (gate?.swapAt !== swapAt) continue;
        return false;
      }
      let most = Math.min(n, at + cut, at + pace.most());
      if (offsets[most - 1]! >= stop) most = offsets.findIndex((offset) => offset >= stop);
      const end = intake.advance(batch, ticks, at, most, gate?.trigger ?? Infinity);
      const rows = intake.take(batch, ticks, at, end, gate?.exact ? gate.trigger : Infinity);
      if (work.rejects.length > 0) rejectBefore(end < n ? offsets[end]! : Infinity);
      if (rows.lanes.length > 0) await pass(rows);
      await passTriggers();
      whole = end === n || offsets[end] !== offsets[end - 1];
      if (whole) await between();
      await pace.wait(end - at, signal);
      work.at = end;
      if (clock.elapsed() - lastYield > SLICE_MS) {
        await new Promise<void>((resolve) => setImmediate(resolve));
        lastYield = clock.elapsed();
      }
    }
    if (signal.aborted) return true;
    const unsaid = work.rejects.length > 0 || batch.next !== undefined;
    rejectBefore(Infinity);
    intake.end(batch);
    if (unsaid) await between();
    intake.evictIdle();
    return true;
  };

  if (gate) await gate.between(intake.rows, intake.position);
  await passTriggers();
  /** Batches whose rest waits for a swap, in the order in which they came. */
  let parked: Work[] = [];
  let parkedFor: Position | undefined;
  /** Whether rows of the same partition that come before these wait. */
  const isParked = ({ batch }: Work) => parked.some((other) => other.batch.partition === batch.partition);
  const goOn = async (ended: boolean): Promise<void> => {
    const round = parked;
    parked = [];
    for (const [i, work] of round.entries()) {
      const again = { ...work, ended };
      const wait = signal.aborted || isParked(again);
      if (wait || !(await go(again, [...parked, ...round.slice(i + 1)]))) parked.push(again);
    }
  };
  const read = (until: AbortSignal) => source.read(intake.started ? intake.position : undefined, until);
  for await (const batch of source.bounded ? read(signal) : patiently(read, signal, clock, between)) {
    // once: where a history is followed by live rows, a trigger between the two is still to be passed
    if (gate?.trigger === Infinity) startGate(gate, batch, options.lateness ?? 0);
    const work: Work = { batch, rejects: batch.rejects ?? [], at: 0, ended: false };
    // what waits keeps its arrays, which the source would use again
    if (isParked(work) || !(await go(work, parked))) parked.push({ ...work, batch: copyOf(batch) });
    if (signal.aborted) return;
    for (; parked.length > 0 && gate?.swapAt !== parkedFor; await goOn(false)) parkedFor = gate?.swapAt;
  }
  if (signal.aborted) return;
  // the input no longer reaches the place of the swap
  if (parked.length > 0) await goOn(true);
  await finish(intake, pass, options, signal);
}

/** A batch on its way. */
interface Work {
  readonly batch: SourceBatch;
  rejects: readonly Reject[];
  /** Rows of it that went through. */
  at: number;
  /** The input ended: a recorded swap is no longer waited for. */
  readonly ended: boolean;
}

/** The input ended: what was held back for order or retraining goes through, up to the newest time seen. */
async function finish(
  intake: Intake,
  pass: (batch: TickBatch) => Promise<void>,
  options: IngestOptions,
  signal: AbortSignal,
): Promise<void> {
  const { gate } = options;
  // the last cut lies before this, so that a run over a longer input continues as if it had never ended
  await options.between?.(intake.place(true));
  if (!intake.started) return;
  while (gate && intake.newest > gate.trigger) {
    if (signal.aborted) return;
    const due = intake.takeHeld(gate.trigger);
    if (due) await pass(due);
    if (gate.exact) await pass(intake.mark(gate.trigger, true));
    await gate.pass(intake.nextTime(), intake.passed, true);
  }
  const rest = intake.takeHeld(Infinity);
  if (rest) await pass(rest);
  await pass(intake.mark(intake.newest, false));
}

function startGate(gate: Gate, batch: SourceBatch, lateness: number): void {
  const first = batch.times.find(Number.isFinite);
  if (first !== undefined) gate.start(first - lateness);
}
