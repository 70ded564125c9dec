/** `tidecast models`: versions of the weights, scores and promotions of a pipeline; and the way back to an earlier version. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EXIT, TidecastError } from '../core/errors.ts';
import { loadPipeline, type LoadedSpec } from '../pipeline/load.ts';
import { PROMOTIONS, type PromotionRecord } from '../pipeline/promotion.ts';
import { readRecords } from '../pipeline/record-log.ts';
import { readRollback, requestRollback } from '../pipeline/rollback.ts';
import { readNewest } from '../pipeline/state-store.ts';
import { SHADOW, SWAPS, type SwapRecord } from '../pipeline/swap-log.ts';
import { printable } from './cell.ts';
import { COMPONENTS } from './components.ts';
import { foundSeasonsText, instant, percent, value, whole } from './numbers.ts';
import { forecastName, savedModels, type SavedModels } from './saved-models.ts';
import { calmTable } from './table.ts';
import type { Terminal } from './terminal.ts';
import type { Verb } from './verbs.ts';

export const models: Verb = async ({ arguments: words, options }, terminal) => {
  const back = words[0] === 'rollback' && words.length === 2;
  if (!back && words.length > 1)
    throw new TidecastError('CLI_USAGE', {
      models: words[0]!.slice(0, 60),
      problem: 'knows `rollback`, or the pipeline file alone',
    });
  if (!back && options['to'] !== undefined)
    throw new TidecastError('CLI_USAGE', { '--to': String(options['to']).slice(0, 60), problem: 'goes with `rollback`' });
  const file = resolve(terminal.folder, words.at(-1)!);
  const spec = loadPipeline(file, { ...COMPONENTS, env: terminal.env, from: terminal.folder });
  const json = options['json'] === true;
  if (!existsSync(spec.state.path)) throw new TidecastError('CLI_NO_STATE', { folder: spec.state.path });
  return back ? rollback(spec, options['to'], json, terminal) : list(spec, json, terminal);
};

function rollback(spec: LoadedSpec, to: unknown, json: boolean, terminal: Terminal): number {
  const folder = spec.state.path;
  const versions = readRecords<SwapRecord>(join(folder, SWAPS))
    .map(({ version }) => version)
    .filter((version) => version > 0);
  const wanted = to === undefined ? versions.at(-2) : Number(to);
  if (wanted === undefined || !versions.includes(wanted))
    throw new TidecastError('CLI_USAGE', {
      '--to': String(to ?? 'the one before').slice(0, 60),
      versions: versions.slice(-20).join(' ') || 'none',
      problem: `there are no such weights${spec.shadow ? ' of the forecast itself; those of a shadow stay' : ''}`,
    });
  requestRollback(folder, wanted);
  terminal.out(
    json
      ? JSON.stringify({ ok: true, pipeline: spec.name, to: wanted }, null, 2)
      : `${spec.name}: back to weights ${wanted}: at the next checkpoint of a run, or when it is started`,
  );
  return EXIT.ok;
}

function list(spec: LoadedSpec, json: boolean, terminal: Terminal): number {
  const folder = spec.state.path;
  const saved = savedModels(readNewest(folder)?.state, spec);
  const versions = [
    ...versionsOf(folder, forecastName, saved.versions[forecastName]),
    ...(spec.shadow ? versionsOf(join(folder, SHADOW), spec.shadow.name, saved.versions[spec.shadow.name]) : []),
  ];
  const promotions = readRecords<PromotionRecord>(join(folder, PROMOTIONS)).map(({ trigger, charge, gains, scored }) => ({
    time: new Date(trigger).toISOString(),
    name: charge === 1 ? (spec.shadow?.name ?? 'shadow') : forecastName,
    gains,
    rows: scored,
  }));
  const found = {
    pipeline: spec.name,
    inCharge: saved.inCharge,
    seasons: saved.seasons,
    versions,
    promotions,
    scores: saved.scores,
    rollback: readRollback(folder)?.to,
  };
  terminal.out(json ? JSON.stringify({ ok: true, ...found }, null, 2) : textOf(found, terminal));
  return EXIT.ok;
}

function versionsOf(folder: string, of: string, inForce: number | undefined) {
  return readRecords<SwapRecord>(join(folder, SWAPS)).map((record) => ({
    of,
    version: record.version > 0 ? record.version : undefined,
    trigger: new Date(record.trigger).toISOString(),
    mode: record.mode,
    accepted: record.version > 0,
    inForce: record.version > 0 && record.version === inForce,
    champion: record.champion,
    challenger: record.challenger,
    hash: record.hash,
    ...(record.to === undefined ? {} : { to: record.to }),
  }));
}

interface Found extends Pick<SavedModels, 'inCharge' | 'scores' | 'seasons'> {
  readonly versions: ReturnType<typeof versionsOf>;
  readonly promotions: readonly {
    readonly time: string;
    readonly name: string;
    readonly gains: readonly number[];
    readonly rows: number;
  }[];
  readonly rollback: number | undefined;
}

function textOf({ versions, promotions, scores, inCharge, seasons, rollback: asked }: Found, { paint }: Terminal): string {
  const loss = (x: number | null) => (x === null ? '' : value(x));
  const taken = ({ accepted, champion, challenger }: Found['versions'][number]) =>
    !accepted ? 'kept the old' : (challenger ?? 0) < (champion ?? 1) ? 'accepted' : 'network kept, rest anew';
  const outcome = (version: Found['versions'][number]) =>
    `${version.mode === 'given' ? 'begun with' : version.to !== undefined ? `back to ${version.to}` : taken(version)}${version.inForce ? ', in force' : ''}`;
  const table = calmTable(
    ['of', 'version', 'trained up to', 'outcome', 'loss before', 'after'],
    versions.map((each) => [
      printable(each.of),
      each.version === undefined ? '' : String(each.version),
      instant(Date.parse(each.trigger)),
      outcome(each),
      loss(each.champion),
      loss(each.challenger),
    ]),
    paint,
    4,
  );
  const parts = [
    seasons ? foundSeasonsText(seasons) : '',
    versions.length > 0 ? table : 'no training so far',
    scores.length > 0
      ? calmTable(
          ['scores', 'step', 'rows', 'MAE'],
          scores.map(({ name, step, n, mae }) => [
            `${printable(name)}${name === inCharge ? ' (in charge)' : ''}`,
            `+${step}`,
            whole(n),
            value(mae),
          ]),
          paint,
        )
      : '',
    ...promotions.map(
      ({ time, name, gains, rows }) =>
        `${instant(Date.parse(time))}: ${printable(name)} took over: MAE lower by ${percent(Math.min(...gains))} or more over ${whole(rows)} rows`,
    ),
    asked === undefined ? '' : `asked for: back to weights ${asked}`,
  ];
  return parts.filter(Boolean).join('\n');
}
