/** What happens to a running line that its keeper should know, as sentences: the plain lines and the log are made from them. */
import type { Clock } from '../core/clock.ts';
import type { EventBus, EventName, Events } from '../core/events.ts';
import { printable } from './cell.ts';
import {
  ago,
  driftText,
  foundSeasonsText,
  instant,
  intervalsText,
  promotedText,
  trainedText,
  watchText,
  whole,
} from './numbers.ts';

export interface Notice {
  readonly level: 'debug' | 'info' | 'warn';
  readonly event: EventName;
  readonly text: string;
  /** The same by name, for programs. Never a secret: they are fields of events. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The same trouble is told again after so long, and another one of the same end after so short, ms. */
const AGAIN = 30_000;
const OTHER = 2000;
/** What comes in masses is told together, once in so long, ms. */
const TOGETHER = 10_000;

/** Tells what happens from now on; the function that it gives tells what is still to be told and stops. */
export function notices(events: EventBus, clock: Clock, tell: (notice: Notice) => void): () => void {
  const off: (() => void)[] = [];
  const on = <K extends EventName>(
    event: K,
    level: Notice['level'],
    text: (payload: Events[K]) => string | undefined,
    facts: (payload: Events[K]) => Record<string, unknown> = (payload) => ({ ...payload }),
  ) =>
    void off.push(
      events.on(event, (payload) => {
        const said = text(payload);
        if (said === undefined) return;
        const shadow = 'shadow' in payload ? `${String(payload.shadow)}: ` : '';
        tell({ level, event, text: printable(shadow + said), facts: facts(payload) });
      }),
    );
  line(on);
  ends(on, clock);
  off.push(...masses(events, tell));
  return () => {
    for (const each of off) each();
  };
}

type On = <K extends EventName>(
  event: K,
  level: Notice['level'],
  text: (payload: Events[K]) => string | undefined,
  facts?: (payload: Events[K]) => Record<string, unknown>,
) => void;

/** The line itself: starts, stops, trainings, checkpoints. */
function line(on: On): void {
  const at = (trigger: number) => `retraining at ${instant(trigger)}`;
  const moment = ({ trigger, ...rest }: { readonly trigger: number }) => ({ trigger: instant(trigger), ...rest });
  on(
    'run.started',
    'info',
    ({ resumed, rows }) => (resumed ? `continued at row ${whole(rows)}` : 'started'),
    ({ resumed, rows }) => ({ resumed, rows }),
  );
  on('seasons.found', 'info', foundSeasonsText);
  on(
    'seasons.off',
    'warn',
    ({ reason }) => `no season is looked for: ${reason}; or name \`forecast.season\` (\`none\` where there is none)`,
  );
  on('drift.watched', 'info', (watch) => `drift: ${watchText(watch, true)}`);
  on('run.stopped', 'info', ({ clean }) => (clean ? 'stopped' : 'stopped before everything was delivered'));
  on(
    'training.started',
    'debug',
    ({ trigger, reason }) => `${at(trigger)}: started${reason === 'drift' ? ' early, because of drift' : ''}`,
    moment,
  );
  on(
    'training.finished',
    'info',
    (facts) =>
      `${at(facts.trigger)}${facts.reason === 'drift' ? ', early, because of drift' : ''}: ${trainedText(facts)}, took ${ago(facts.milliseconds / 1000)}`,
    moment,
  );
  on('training.failed', 'warn', ({ trigger, reason }) => `${at(trigger)}: failed: ${reason}`, moment);
  on('training.skipped', 'info', ({ trigger, reason }) => `${at(trigger)}: skipped: ${reason}`, moment);
  on(
    'weights.given',
    'info',
    ({ trigger }) =>
      `begins with a model${Number.isFinite(trigger) ? `, in force for rows after ${instant(trigger)}, where what it learned from ends` : ''}`,
    ({ trigger, hash }) => ({ ...(Number.isFinite(trigger) ? moment({ trigger }) : {}), hash }),
  );
  on('weights.swapped', 'info', ({ version }) => `weights ${version} are in force`, moment);
  on('model.promoted', 'info', promotedText, moment);
  on('checkpoint.saved', 'debug', ({ generation, rows }) => `checkpoint ${generation} at row ${whole(rows)}`);
  on('checkpoint.damaged', 'warn', ({ file, reason }) => `${file} could not be used (${reason}); the state before it was`);
  on('series.quarantined', 'warn', ({ series, reason }) => `series ${series} is quarantined: ${reason}`);
  let apart = false;
  on('intervals.differed', 'warn', (what) => {
    if (apart) return undefined;
    apart = true;
    return intervalsText(what);
  });
  const told = new Set<string>();
  on('retraining.off', 'warn', ({ reason }) => {
    if (told.has(reason)) return undefined;
    told.add(reason);
    return `retraining is off: ${reason}`;
  });
}

/** Both ends: connected, waiting for their servers, partitions given and taken. */
function ends(on: On, clock: Clock): void {
  const known = new Map<string, { at: number; reason: string; waiting: boolean }>();
  const trouble = (end: string, reason: string): boolean => {
    const before = known.get(end);
    const since = before ? clock.elapsed() - before.at : Infinity;
    if (before && since < (before.waiting && before.reason === reason ? AGAIN : OTHER)) return false;
    known.set(end, { at: clock.elapsed(), reason, waiting: true });
    return true;
  };
  const relief = (end: string): boolean => {
    const before = known.get(end);
    if (before && !before.waiting) return false;
    known.set(end, { at: before?.at ?? -Infinity, reason: '', waiting: false });
    return true;
  };
  on('source.connected', 'info', ({ source, endpoint }) =>
    relief(`source ${source}`) ? `${endOf(source, endpoint)} is connected` : undefined,
  );
  on('source.waiting', 'warn', ({ source, endpoint, reason }) =>
    trouble(`source ${source}`, reason)
      ? `${endOf(source, endpoint)} cannot be read for now (${reason}); trying again`
      : undefined,
  );
  on('sink.connected', 'info', ({ sink, endpoint }) =>
    relief(`sink ${sink}`) ? `${endOf(sink, endpoint)} is connected` : undefined,
  );
  on('sink.waiting', 'warn', ({ sink, endpoint, reason, wait }) =>
    trouble(`sink ${sink}`, reason)
      ? `${endOf(sink, endpoint)} takes nothing for now (${reason}); trying again in ${ago(wait / 1000)}, nothing is lost`
      : undefined,
  );
  on('source.assigned', 'info', ({ source, partitions }) =>
    partitions.length > 0
      ? `${source} gave this process ${partitionsOf(partitions)}`
      : `${source} has no partition for this process`,
  );
  on('source.revoked', 'info', ({ source, partitions }) =>
    partitions.length > 0 ? `${source} took ${partitionsOf(partitions)} away` : undefined,
  );
  on('partition.waiting', 'warn', ({ partition, reason }) => `partition ${partition} waits: ${reason}`);
}

/** Drift, and refused ticks and points, told together. */
function masses(events: EventBus, tell: (notice: Notice) => void): (() => void)[] {
  return [
    together(
      (add) => events.on('drift.detected', ({ series, detector, of }) => add(`${series}\0${detector}\0${of}`, 1)),
      (counts, sum) => {
        const [series = '', detector = '', of = ''] = ([...counts.keys()][0] ?? '').split('\0');
        const what = driftText({ series, of, detector: detector as 'adwin' | 'page-hinkley' });
        tell({
          level: 'info',
          event: 'drift.detected',
          text: printable(`${what}${sum > 1 ? `; ${whole(sum - 1)} more` : ''}`),
          facts: { count: sum, series, detector, of },
        });
      },
    ),
    together(
      (add) => events.on('ticks.rejected', ({ reason, count }) => add(reason, count)),
      (counts, sum) =>
        tell({
          level: 'warn',
          event: 'ticks.rejected',
          text: `${whole(sum)} ${sum === 1 ? 'tick was' : 'ticks were'} refused: ${[...counts].map(([reason, n]) => `${whole(n)} ${reason}`).join(', ')}`,
          facts: { count: sum, reasons: Object.fromEntries(counts) },
        }),
    ),
    together(
      (add) => events.on('points.refused', ({ sink, reason, count }) => add(`${sink}\0${reason}`, count)),
      (counts, sum) => {
        const [sink = '', reason = ''] = ([...counts.keys()][0] ?? '').split('\0');
        tell({
          level: 'warn',
          event: 'points.refused',
          text: printable(
            `${sink} will never take ${whole(sum)} ${sum === 1 ? 'point' : 'points'} (${reason}); kept in the state folder`,
          ),
          facts: { count: sum, sink, reason },
        });
      },
    ),
  ];
}

/** Counts for a while after the first, then tells. Of many different reasons the rest counts as the first. */
function together(
  listen: (add: (key: string, count: number) => void) => () => void,
  say: (counts: ReadonlyMap<string, number>, sum: number) => void,
): () => void {
  const MOST = 20;
  let counts = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const told = counts;
    counts = new Map();
    if (told.size > 0)
      say(
        told,
        [...told.values()].reduce((sum, n) => sum + n, 0),
      );
  };
  const off = listen((key, count) => {
    const of = counts.has(key) || counts.size < MOST ? key : [...counts.keys()][0]!;
    counts.set(of, (counts.get(of) ?? 0) + count);
    timer ??= setTimeout(flush, TOGETHER).unref();
  });
  return () => {
    off();
    flush();
  };
}

/** `kafka 127.0.0.1:9092`, whether or not the address names its kind itself. */
export function endOf(name: string, endpoint: string): string {
  return endpoint.startsWith(`${name} `) ? endpoint : `${name} ${endpoint}`;
}

function partitionsOf(partitions: readonly number[]): string {
  const shown = partitions.slice(0, 20).join(', ');
  return `${partitions.length === 1 ? 'partition' : 'partitions'} ${shown}${partitions.length > 20 ? ` and ${partitions.length - 20} more` : ''}`;
}
