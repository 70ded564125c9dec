/** Row 31 of the fault table, `swap: asap`: a run that is killed again and again equals one that is not, if that swaps where the other did. */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import type { SwapRecord } from '../../src/pipeline/swap-log.ts';
import { expectSame, isRunning, Trial } from './oracle/trial.ts';
import { FULL } from './support/forms.ts';
import { until } from './support/servers.ts';

const SEED = 31;
const KILLS = FULL ? 50 : 10;
const PHASES = ['swap record', 'training', 'anywhere', 'state save', 'commit'] as const;
/** Rows of each series that a process is given before it dies: enough for a training. */
const STRETCH = 130;
const INPUT = { series: 6, rows: STRETCH * (KILLS + 1), partitions: 2 };
const ASAP = { input: INPUT, swap: 'asap', session: '1s' } as const;

function swapsOf({ stateFolder }: Trial): SwapRecord[] {
  const lines = readFileSync(join(stateFolder, 'swaps.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as SwapRecord);
}

it(
  `row 31: asap: after ${KILLS} kills the points and states are those of a fresh run that is given the recorded swaps`,
  { timeout: 1_800_000 },
  async () => {
    const trial = await new Trial(ASAP).prepare();
    const again = await new Trial(ASAP).prepare();
    try {
      const random = new Random(SEED);
      const kills: Record<string, number> = {};
      let fed = 0;
      /** A few rows at a time: a training ends while rows still come. */
      const trickle = async (to: number): Promise<void> => {
        for (; fed < to; fed += 5) await trial.feed(fed, fed + 5);
      };
      for (let n = 0; n < KILLS; n++) {
        const phase = PHASES[n % PHASES.length]!;
        const to = STRETCH * (n + 1);
        const child = trial.start(phase, phase === 'anywhere' ? INPUT.series * (to - random.below(60)) : 1, random.below(1000));
        const before = await trial.look();
        await trickle(fed + 10);
        await until('it is at work', async () => (await trial.look()) > before || !isRunning(child));
        await trickle(to);
        await trial.watch(child, fed);
        if (child.signalCode === 'SIGKILL') kills[phase] = (kills[phase] ?? 0) + 1;
      }
      await trial.feed(fed);
      const last = trial.start();
      await trial.finish();
      expect(await trial.stop([last]), trial.told).toEqual([0]);
      const swaps = swapsOf(trial);
      const swapped = swaps.filter(({ version }) => version > 0).length;
      console.log(
        `seed ${SEED}, kills by phase: ${JSON.stringify(kills)}, trainings recorded: ${swaps.length}, swaps: ${swapped}`,
      );
      expect(Object.values(kills).reduce((sum, each) => sum + each, 0)).toBeGreaterThanOrEqual(KILLS / 2);
      expect(swapped).toBeGreaterThanOrEqual(KILLS / 5);

      mkdirSync(again.stateFolder, { recursive: true });
      for (const name of ['swaps.jsonl', 'weights'])
        cpSync(join(trial.stateFolder, name), join(again.stateFolder, name), { recursive: true });
      await again.feed();
      const child = again.start('history only');
      await again.finish();
      expect(await again.stop([child]), again.told).toEqual([0]);
      expect(swapsOf(again)).toEqual(swaps);
      expectSame(await again.outcome(), await trial.outcome());
    } finally {
      await trial.clean();
      await again.clean();
    }
  },
);
