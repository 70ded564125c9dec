/** `tidecast check`: is the file right, and what line does it make? With `--live`: could it run now? */
import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { EXIT } from '../core/errors.ts';
import { EventBus, type Events } from '../core/events.ts';
import { checkLearning, isLearning } from '../learn/load.ts';
import { checkModel } from '../pipeline/check-model.ts';
import { loadPipeline, readPipelineFile, type LoadedSpec } from '../pipeline/load.ts';
import type { Part } from '../pipeline/part.ts';
import { connectorContext } from '../pipeline/run.ts';
import { everyRowIsScored, searchBeginning, searchSeasons, unscoredRows, type FoundSeasons } from '../pipeline/season-search.ts';
import { COMPONENTS } from './components.ts';
import { printable } from './cell.ts';
import { foundSeasonsText, intervalsText } from './numbers.ts';
import type { Terminal } from './terminal.ts';
import { drawing, stations } from './topology.ts';
import { veiled, veilOver } from './veil.ts';
import type { Verb } from './verbs.ts';

/** What is found where the file names no season. Of one that names some, and in which every row is scored, all rows are looked at. */
async function foundSeasons(spec: LoadedSpec, terminal: Terminal, heard: EventBus): Promise<FoundSeasons> {
  const { signal, dispose } = terminal.stopper();
  const context = connectorContext(spec, { events: new EventBus(), fresh: true });
  const build = ({ type, config }: Part) => COMPONENTS.sources.find(({ name }) => name === type)!.build(config as never, context);
  const open = () => build(spec.source);
  const options = { forecasters: COMPONENTS.forecasters, clock: systemClock, signal, heard };
  const everywhere = everyRowIsScored(spec);
  try {
    if (everywhere && spec.forecast.findSeasons) return await searchBeginning(spec, open(), open, options);
    return await searchSeasons(spec, open(), spec.history && build(spec.history), { ...options, everywhere });
  } finally {
    dispose();
  }
}

function foundText(found: FoundSeasons): string {
  const { seasons } = found;
  if (seasons.length === 0) return foundSeasonsText(found);
  const unscored = unscoredRows(found);
  const lines = [
    `season: ${seasons.length === 1 ? seasons[0] : `[${seasons.join(', ')}]`}`,
    ...(unscored > 0 ? [`warmup: ${unscored}`] : []),
  ];
  return `${foundSeasonsText(found)}\n\nforecast:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

export const check: Verb = async ({ arguments: words, options }, terminal) => {
  const file = resolve(terminal.folder, words[0]!);
  const read = readPipelineFile(file, { env: terminal.env, from: terminal.folder });
  if (isLearning(read)) {
    const { name, learn, prove } = checkLearning(file, read, COMPONENTS.sources);
    const networks = learn.networks.map((each) => each.name);
    const proofs = prove.map((each) => each.name);
    if (options['json']) terminal.out(JSON.stringify({ ok: true, pipeline: name, file, networks, proofs }, null, 2));
    else terminal.out(`${name} trains ${networks.join(', ')} and judges them on: ${proofs.join('; ')}`);
    return EXIT.ok;
  }
  const spec = loadPipeline(file, { ...COMPONENTS, env: terminal.env, from: terminal.folder });
  const { out } = veiled(terminal, veilOver(spec, COMPONENTS));
  await checkModel(spec, COMPONENTS);
  const drawn = { pipeline: spec.name, file: spec.file, stations: stations(spec) };
  if (options['seasons']) {
    const heard = new EventBus();
    let intervals: Events['intervals.differed'] | undefined;
    heard.on('intervals.differed', (what) => (intervals ??= what));
    const found = await foundSeasons(spec, terminal, heard);
    const warning = intervals ? [printable(`warning: ${intervalsText(intervals)}`, 1000)] : [];
    out(
      options['json']
        ? JSON.stringify({ ok: true, ...drawn, found, intervals }, null, 2)
        : [...warning, foundText(found)].join('\n'),
    );
    return EXIT.ok;
  }
  if (!options['live']) {
    out(options['json'] ? JSON.stringify({ ok: true, ...drawn }, null, 2) : drawing(spec, terminal.paint));
    return EXIT.ok;
  }
  const { liveCheck, liveText } = await import('./live-check.ts');
  const ends = await liveCheck(spec);
  const exit = Math.max(...ends.map((each) => each.exit));
  out(options['json'] ? JSON.stringify({ ok: exit === EXIT.ok, ...drawn, ends }, null, 2) : liveText(ends, terminal.paint));
  return exit;
};
