/** Station 4: makes of each series' ticks the rows of its grid. */
import { filter, map, type OperatorFunction, pipe } from 'rxjs';
import type { Reject, RowBatch, TickBatch } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import type { State } from '../core/state.ts';
import { type Calendar, positive } from '../window/calendar.ts';
import type { BarField } from '../window/fields.ts';
import type { GapPolicy } from '../window/gaps.ts';
import { barRows, tickRows } from '../window/rows.ts';

/** Durations are milliseconds, or text such as `5m`. */
export interface WindowOptions {
  /** `rows`: every tick is a row. A duration: rows are bars of that length, stamped with their end. */
  readonly grid: 'rows' | number | (string & {});
  /** Channels of a tick. */
  readonly channels: number;
  /**
   * The pipeline's calendar. Its interval is the time between rows: for bars it must be their slide (or their length, where
   * they do not slide), and the calendar made with `bars: true`.
   */
  readonly clock: Calendar;
  /** Bars of length `grid` that begin every `slide`, which must divide it. Default: `grid`. */
  readonly slide?: number | string | undefined;
  /** Values of a bar, in the order of the rows' channels, targets first. Default: the last value of every channel. */
  readonly fields?: readonly BarField[] | undefined;
  /** What becomes of missing rows. Default: `mask`. */
  readonly gaps?: { readonly policy: GapPolicy; /** In rows. Default: 10. */ readonly limit?: number | undefined } | undefined;
  /** Is told of ticks whose bar is closed already. Default: nobody is. */
  readonly reject?: ((reject: Reject) => void) | undefined;
}

/**
 * Turns ticks into rows on each series' own grid: the ticks themselves, or bars.
 *
 * It's like `bufferTime`, but by event time, with a clock for every series, and a bar instead of a buffer.
 *
 * ```
 * ticks$    --a1-b1-a2-a6-----b7----|      grid 5: a bar is [0, 5), stamped 5
 *           window({ grid: 5 })
 * rows$     -----------A5-----B5----|      a bar closes with the first tick after it, or a watermark at or after its end
 * ```
 *
 * Ticks must come in order of time for each series (`clean`). With `grid: rows` every tick is passed on and `steps` is always 1, for
 * step h is the h-th next row whatever the time between, which `elapsed` carries; a row counts as missing when more than 1.5
 * intervals of open time lie between two ticks. Imputed rows come right before the observed row that ends their gap. Nothing is
 * let go at the end of the input: open bars are state, until a watermark closes them.
 *
 * An error of the source is passed on; so is one that `reject` throws.
 * State: lane columns `bars.*` and `window.*`, the part `bars.away`; it belongs to `state`, so subscribe once.
 * Throws `WINDOW_DURATION`, `WINDOW_SLIDE`, `WINDOW_FIELD` or `WINDOW_GRID` at once.
 */
export function window(state: State, options: WindowOptions): OperatorFunction<TickBatch, RowBatch> {
  const { clock, channels } = options;
  const asBars = options.grid !== 'rows';
  if (clock.bars !== asBars) throw new TidecastError('WINDOW_GRID', { grid: options.grid, bars: clock.bars });
  const gaps = { policy: options.gaps?.policy ?? 'mask', limit: options.gaps?.limit ?? 10 };
  const reject = options.reject ?? (() => undefined);
  const next = asBars
    ? barRows(state, { channels, clock, gaps, reject, panes: panes(options), fields: options.fields ?? lastOfEach(channels) })
    : tickRows(state, { channels, clock, gaps });
  return pipe(
    map(next),
    filter((batch) => batch !== undefined),
  );
}

function panes({ grid, slide, clock }: WindowOptions): number {
  const length = positive('grid', grid);
  const step = positive('slide', slide ?? grid);
  if (clock.interval !== step) throw new TidecastError('WINDOW_GRID', { interval: clock.interval, wanted: step });
  if (length % step !== 0) throw new TidecastError('WINDOW_SLIDE', { grid: length, slide: step });
  return length / step;
}

function lastOfEach(channels: number): BarField[] {
  return Array.from({ length: channels }, (_, channel) => ({ name: `channel ${channel}`, channel, of: 'last' }));
}
