/** Rows 6, 13 and 14 of the fault table: processes of one group that join, leave, freeze and are killed while ticks keep coming. */
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { expectSame, isRunning, Trial, unbroken } from './oracle/trial.ts';
import { FULL } from './support/forms.ts';
import { until } from './support/servers.ts';

const SEED = 13;
const MOVES = FULL ? 60 : 12;
const KINDS = ['join', 'kill', 'freeze', 'leave', 'join', 'nap'] as const;
/** Rows of each series that come during a move. */
const STRETCH = 150;
const MOST = 3;
/** Longer than the session, shorter than what another process waits for a lock. */
const NAP = 8000;
const INPUT = { series: 8, rows: STRETCH * MOVES, partitions: 4 };
const SHARED = { input: INPUT, swap: 'none', state: 'checkpoint: 100ms\nshared: true' } as const;

/** The process that has a partition's state, by partition. */
function holders(trial: Trial): (number | undefined)[] {
  return Array.from({ length: INPUT.partitions }, (_, partition) => {
    try {
      const text = readFileSync(join(trial.stateFolder, `partition-${partition}`, 'lock'), 'utf8');
      return (JSON.parse(text) as { pid: number }).pid;
    } catch {
      return undefined;
    }
  });
}

it(
  `rows 6, 13, 14: ${MOVES} times a process joins, leaves, is frozen or killed under load, and the points, states and offsets are those of one process`,
  { timeout: 3_600_000 },
  async () => {
    // one process, one line for all partitions: nothing of it is shared
    const wanted = await unbroken({ input: INPUT, swap: 'none' });
    const trial = await new Trial(SHARED).prepare();
    const random = new Random(SEED);
    const frozen = new Set<ChildProcess>();
    const awake = () => trial.children.filter((child) => isRunning(child) && !frozen.has(child));
    const holding = (child: ChildProcess) => holders(trial).includes(child.pid);
    const done: Record<string, number> = {};
    let [limit, fed, over] = [0, 0, false];
    /** Ticks, a few at a time. */
    const feeding = async (): Promise<void> => {
      while (!over || fed < limit) {
        const to = Math.min(limit, fed + 1 + random.below(12));
        if (to > fed) await trial.feed(fed, to);
        fed = to;
        await wait(50);
      }
    };
    /** (c) and (d) of the oracle. */
    const looking = async (): Promise<void> => {
      for (let [before, since] = [-1, Date.now()]; !over; await wait(30)) {
        const now = await trial.look();
        if (now > before || now >= fed * INPUT.series) [before, since] = [now, Date.now()];
        if (Date.now() - since > 60_000)
          throw new Error(`Nothing was committed for a minute. It said: ${trial.told.slice(-2000)}`);
      }
    };
    /** Stands still, for a while or until others have all that it had; then it goes on. */
    const freeze = async (child: ChildProcess, long: boolean): Promise<void> => {
      await until('it has a partition', () => holding(child) || !isRunning(child));
      if (!isRunning(child)) return;
      child.kill('SIGSTOP');
      frozen.add(child);
      if (long) await until('others have taken over', () => !holding(child));
      else await wait(NAP);
      await wait(random.below(1500));
      child.kill('SIGCONT');
      frozen.delete(child);
    };
    const move = async (kind: (typeof KINDS)[number]): Promise<void> => {
      const candidates = awake();
      if (kind === 'join' && candidates.length >= MOST) kind = 'kill';
      const child = candidates[random.below(candidates.length)]!;
      if (kind === 'join' || candidates.length < 2) trial.start();
      if (kind === 'kill') child.kill('SIGKILL');
      if (kind === 'leave') child.kill('SIGTERM');
      if (kind === 'freeze' || kind === 'nap') await freeze(child, kind === 'freeze');
      done[kind] = (done[kind] ?? 0) + 1;
    };
    const moving = async (): Promise<void> => {
      try {
        for (let n = 0; n < MOVES; n++) {
          limit = STRETCH * (n + 1);
          await move(KINDS[n % KINDS.length]!);
          await wait(300 + random.below(2500));
        }
        // what still joins now would be too late for anything
        await until('all partitions are at work', () =>
          holders(trial).every((pid) => awake().some((child) => child.pid === pid)),
        );
      } finally {
        over = true;
      }
    };
    try {
      trial.start();
      trial.start();
      await Promise.all([moving(), feeding(), looking()]);
      await trial.finish();
      console.log(`seed ${SEED}, moves: ${JSON.stringify(done)}`);
      await trial.stop();
      for (const { exitCode, signalCode } of trial.children) expect([0, 'SIGKILL'], trial.told).toContain(exitCode ?? signalCode);
      expect(trial.told).toBe('');
      expectSame(await trial.outcome(), wanted);
    } finally {
      for (const child of frozen) child.kill('SIGCONT');
      await trial.clean();
    }
  },
);
