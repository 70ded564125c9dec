/** Promise 3 between real servers: nothing is lost, nothing counts twice, killed at any moment. Rows 1, 4, 19 and 31 of the fault table. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { expectSame, Trial, unbroken } from './oracle/trial.ts';
import { FULL } from './support/forms.ts';

const SEED = 100;
const KILLS = Number(process.env['TIDECAST_KILLS'] ?? (FULL ? 100 : 20));
const PHASES = ['training', 'swap record', 'state save', 'sink write', 'commit', 'anywhere'] as const;
const INPUT = { series: 6, rows: 80 * KILLS, partitions: 2 };
/** Rows of each series that a process is given before it dies: enough for a training, or for a few checkpoints. */
const STRETCH = { training: 130, 'swap record': 130, 'state save': 30, 'sink write': 30, commit: 30, anywhere: 40 };

describe('kill -9', () => {
  it(
    `rows 1, 4, 19, 31: ${KILLS} kills over the life of a run that retrains leave the points, the states and the offsets of an unbroken one`,
    { timeout: 3_600_000 },
    async () => {
      const wanted = await unbroken({ input: INPUT });
      const trial = await new Trial({ input: INPUT, session: '1s' }).prepare();
      try {
        const random = new Random(SEED);
        const kills: Record<string, number> = Object.fromEntries(PHASES.map((phase) => [phase, 0]));
        let fed = 0;
        let done = 0;
        for (let n = 0; done < KILLS && fed < INPUT.rows; n++) {
          const phase = PHASES[n % PHASES.length]!;
          const to = Math.min(INPUT.rows, fed + STRETCH[phase]);
          await trial.feed(fed, to);
          fed = to;
          const nth = phase === 'anywhere' ? INPUT.series * (fed - random.below(20)) : 1;
          const child = trial.start(phase, nth, random.below(1000));
          await trial.watch(child, fed);
          if (child.signalCode !== 'SIGKILL') continue;
          kills[phase]!++;
          done++;
        }
        console.log(`seed ${SEED}, kills by phase: ${JSON.stringify(kills)}`);
        expect(done).toBe(KILLS);
        for (const phase of PHASES) expect(kills[phase], phase).toBeGreaterThanOrEqual(Math.floor(KILLS / PHASES.length / 2));
        if (fed < INPUT.rows) await trial.feed(fed);
        trial.start();
        await trial.finish();
        const codes = await trial.stop();
        expect(codes.at(-1), trial.told).toBe(0);
        expectSame(await trial.outcome(), wanted);
      } finally {
        await trial.clean();
      }
    },
  );
});
