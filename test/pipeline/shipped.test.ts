/** Every pipeline in the box: it is valid, its tests pass, and the real sensor file with rows out of order goes through. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { backtest } from '../../src/backtest/replay.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { isLearning } from '../../src/learn/load.ts';
import { loadPipeline, readPipelineFile } from '../../src/pipeline/load.ts';
import { runRows } from '../../src/pipeline/run-rows.ts';
import { loadTests } from '../../src/pipeline/test-case.ts';
import { verify } from '../../src/pipeline/verify.ts';

const COMPONENTS = { sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS };
// learning files have tests of their own
const files = readdirSync('pipelines').filter(
  (name) => name.endsWith('.yaml') && !isLearning(readPipelineFile(join('pipelines', name))),
);

it.each(files.filter((name) => !name.endsWith('.test.yaml')))('%s is valid', (name) => {
  expect(loadPipeline(join('pipelines', name), { env: {}, ...COMPONENTS }).name).toBe(name.slice(0, -'.yaml'.length));
});

const cases = files
  .filter((name) => name.endsWith('.test.yaml'))
  .flatMap((name) =>
    loadTests(join('pipelines', name), { env: {}, ...COMPONENTS }).map((each) => [`${name}: ${each.name}`, each] as const),
  );

it.each(cases)('%s', async (_, each) => {
  expect(verify(each, await runRows(each.spec, each.given))).toEqual([]);
});

it('machine-temperature: the twelve rows that come a second time are dead-lettered, everything else is forecast', async () => {
  const events = new EventBus();
  const refused: Record<string, number> = {};
  events.on('ticks.rejected', ({ reason, count }) => (refused[reason] = (refused[reason] ?? 0) + count));
  const { rows, complete, scores } = await backtest(
    loadPipeline('pipelines/machine-temperature.yaml', { env: {}, ...COMPONENTS }),
    {
      ...COMPONENTS,
      events,
      signal: new AbortController().signal,
    },
  );
  expect({ rows, complete, refused }).toEqual({ rows: 22_695, complete: true, refused: { duplicate: 12 } });
  expect(scores[0]![0]!.skill['naive']!.verdict).toBe('better');
});
