/**
 * Several processes of one group on one machine, with one state folder: every partition is a line of its own, with a folder of its own
 * that goes from process to process with it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../core/clock.ts';
import type { Assignment, Source } from '../core/connector.ts';
import { TidecastError } from '../core/errors.ts';
import type { LoadedSpec } from './load.ts';
import { connectorContext, drive, type RunOptions, type RunResult } from './run.ts';
import { lockState } from './state-lock.ts';
import { FolderStore, holdsState } from './state-store.ts';
import { syncFolder, writing } from './state-write.ts';

/** After this long a process that lost a partition but does not let go of its state stands still: its state is taken over, ms. */
const PATIENCE = 15_000;
const LOOK = 100;
/** Says that the folder is shared, and of how many partitions. */
export const INPUT_FILE = 'input.json';

/** Runs this process's share of the partitions until it is stopped or one of them fails. */
export async function runMember(spec: LoadedSpec, options: RunOptions): Promise<RunResult> {
  const { clock = systemClock, signal } = options;
  const started = clock.elapsed();
  const built = options.sources
    .find(({ name }) => name === spec.source.type)!
    .build(spec.source.config, connectorContext(spec, options));
  const source: Source = options.wrap ? options.wrap(built) : built;
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const lines = new Set<Promise<void>>();
  const results: RunResult[] = [];
  let failure: unknown;
  const fail = (cause: unknown): void => {
    failure ??= cause;
    stop.abort();
  };
  try {
    if (options.fresh) startOver(spec.state.path);
    if (holdsState(spec.state.path)) throw new TidecastError('STATE_SHARING', { folder: spec.state.path, shared: false });
    if (!source.assignments) throw new TidecastError('STATE_NOT_SHARED', { source: spec.source.type });
    for await (const assignment of source.assignments(either)) {
      sameInput(spec.state.path, assignment.partitions);
      const line: Promise<void> = onePartition(spec, { ...options, signal: either, fresh: false }, assignment)
        .then((result) => void (result && results.push(result)), fail)
        .finally(() => lines.delete(line));
      lines.add(line);
    }
  } catch (cause) {
    fail(cause);
  } finally {
    stop.abort();
    await Promise.all(lines);
    await source.close().catch(() => undefined);
  }
  if (failure !== undefined) throw failure;
  return {
    rows: results.reduce((sum, { rows }) => sum + rows, 0),
    total: results.reduce((sum, { total }) => sum + total, 0),
    milliseconds: clock.elapsed() - started,
    complete: false,
    targets: [],
    scores: [],
    stateHash: '',
  };
}

/** Runs a partition's line for as long as this process has the partition. */
async function onePartition(spec: LoadedSpec, options: RunOptions, assignment: Assignment): Promise<RunResult | undefined> {
  const { partition, revoked } = assignment;
  const folder = join(spec.state.path, `partition-${partition}`);
  const signal = AbortSignal.any([options.signal, revoked]);
  for (;;) {
    const store = await claim(folder, { ...options, signal }, partition);
    if (!store) return undefined;
    try {
      const { result } = await drive(spec, store, folder, { ...options, signal }, { source: assignment.source, partition });
      return result;
    } catch (cause) {
      const unclean = cause instanceof TidecastError && cause.code === 'RUN_STOPPED_UNCLEAN';
      // what was not saved, or could not be delivered in time, is done again by whoever has the partition now; and what a line that
      // had lost its state took for an error may be none: it stood still, and knows only the past
      const elsewhere = store.lost || (unclean && !options.signal.aborted);
      if (!elsewhere) throw cause;
      if (signal.aborted) return undefined;
    }
  }
}

/** The partition's state, when the process that had it has let go of it, is dead, or has stood still for long; undefined if the partition is taken away first. */
async function claim(folder: string, options: RunOptions, partition: number): Promise<FolderStore | undefined> {
  const { events, signal } = options;
  let holder: unknown;
  // counted in looks, not by the clock: a process that stood still itself must not take over from one that lives
  for (let waited = 0; !signal.aborted; waited += LOOK) {
    try {
      return new FolderStore(folder, { events, claim: waited > PATIENCE ? 'takeOver' : 'free' });
    } catch (cause) {
      if (!(cause instanceof TidecastError) || cause.code !== 'STATE_LOCKED') throw cause;
      if (cause.facts['process'] !== holder) {
        holder = cause.facts['process'];
        waited = 0;
        events.emit('partition.waiting', { partition, reason: `process ${String(holder)} still has its state` });
      }
    }
    await systemClock.sleep(LOOK, signal);
  }
  return undefined;
}

/** Drops what all members saved. Throws `STATE_LOCKED` while one of them runs. */
function startOver(folder: string): void {
  if (!existsSync(folder)) return;
  const locks = readdirSync(folder)
    .filter((name) => /^partition-\d+$/.test(name))
    .map((name) => lockState(join(folder, name)));
  new FolderStore(folder, { fresh: true }).close();
  for (const lock of locks) lock.release();
}

/** With another number of partitions, keys lie elsewhere than their state. Throws `STATE_PARTITIONS`. */
function sameInput(folder: string, partitions: number): void {
  const file = join(folder, INPUT_FILE);
  if (existsSync(file)) {
    const { partitions: then } = JSON.parse(readFileSync(file, 'utf8')) as { partitions: number };
    if (then !== partitions) throw new TidecastError('STATE_PARTITIONS', { folder, then, now: partitions });
    return;
  }
  writing(folder, () => {
    mkdirSync(folder, { recursive: true });
    const draft = `${file}.${process.pid}.tmp`;
    writeFileSync(draft, JSON.stringify({ partitions }));
    renameSync(draft, file);
    syncFolder(folder);
  });
}
