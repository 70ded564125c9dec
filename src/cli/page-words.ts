/** What the report of a backtest says in sentences: the same in HTML, Markdown and JSON. */
import { levelOf } from '../backtest/timeline.ts';
import type { CellScore, ReportData } from '../backtest/report-data.ts';
import type { WatchedDrift } from '../backtest/alarms.ts';
import type { Mark } from '../backtest/marks.ts';
import type { Events } from '../core/events.ts';
import type { Verdict } from '../forecast/skill.ts';
import { printable } from './cell.ts';
import {
  driftText,
  firstText,
  instant,
  intervalsText,
  percent,
  promotedText,
  rowsText,
  seasonsText,
  trainedText,
  unscoredText,
  value,
  watchText,
  whole,
} from './numbers.ts';

/** Who took over is told for so many times. */
const PROMOTIONS = 5;
/** Coverage may be off by this much, at one step ahead and beyond, before it is called wrong. */
const CLOSE = [0.02, 0.04] as const;
/** A model whose absence costs less than this share of the error adds nothing. */
const WORTH = 0.005;

/** How good it was against each baseline, target by target. */
export function skillSentences({ scores }: Pick<ReportData, 'scores'>): string[] {
  return byTarget(scores).flatMap(([target, own]) =>
    Object.keys(own[0]!.summary.skill).map((baseline) => {
      const told = `${own.length > 0 && several(scores) ? `${printable(target)}, against` : 'Against'} ${baseline}`;
      if (own.every((cell) => Number.isNaN(cell.summary.skill[baseline]!.skill)))
        return `${told}: ${own.every(({ output, summary }) => summary.models[output]!.mae === 0) ? 'neither makes an error, so there is none to compare' : 'it makes no error, and the forecast does'}.`;
      const groups = runs(own.map((cell) => ({ step: cell.step, verdict: cell.summary.skill[baseline]!.verdict })));
      const at = (cell: CellScore) => `${shown(Math.abs(cell.summary.skill[baseline]!.skill))} at step ${cell.step}`;
      const ends = own.length === 1 ? [own[0]!] : [own[0]!, own.at(-1)!];
      if (groups.length > 1) return `${told}: ${groups.map(({ verdict, steps }) => `${WORDS[verdict]} ${steps}`).join(', ')}.`;
      if (groups[0]!.verdict === 'no skill')
        return `${told}: no skill can be shown${own.length > 1 ? ' at any step' : ''}. Whoever uses the forecast should not expect it to be better.`;
      return `${told}: ${groups[0]!.verdict}${own.length > 1 ? ' at every step' : ''}, by ${ends.map(at).join(' and ')}.`;
    }),
  );
}

const WORDS: Readonly<Record<Verdict, string>> = {
  better: 'better at',
  worse: 'worse at',
  'no skill': 'no skill can be shown at',
};

/** A share of an error as per cent, with a digit more where it is small. */
export function shown(share: number): string {
  return percent(share, Math.abs(share) < 0.0995 ? 1 : 0);
}

/** Whether intervals hold what they promise. */
export function intervalSentences({ scores }: Pick<ReportData, 'scores'>): string[] {
  return byTarget(scores).flatMap(([target, own]) => {
    const ends = own.length === 1 ? [own[0]!] : [own[0]!, own.at(-1)!];
    return ends[0]!.summary.intervals
      .map(({ nominal }) => nominal)
      .sort((a, b) => a - b)
      .map((nominal) => {
        const held = ends.map((cell, i) => {
          const { coverage, width } = cell.summary.intervals.find((each) => each.nominal === nominal)!;
          const off = coverage - nominal;
          // of few forecasts more or fewer lie inside by luck; an interval of no width cannot be too wide
          const luck = 2 * Math.sqrt((nominal * (1 - nominal)) / cell.summary.n);
          const close = Math.abs(off) <= Math.max(CLOSE[i]!, luck) || (off > 0 && width === 0);
          const fault = close ? '' : off < 0 ? ' (too narrow)' : ' (too wide)';
          return `${percent(coverage, 1)}${i === 0 ? ' of the truths' : ''} at step ${cell.step}${fault}`;
        });
        return `${several(scores) ? `${printable(target)}: the` : 'The'} ${percent(nominal)} intervals held ${held.join(' and ')}.`;
      });
  });
}

/** What the mixture would miss without a model. */
export interface Share {
  readonly name: string;
  /** Mean weight, a share. */
  readonly weight: number;
  /** How much larger the error is without it, a share of the error; negative: smaller. */
  readonly cost: number;
  readonly effect: 'missed' | 'harm' | 'none';
}

/** The models of a mixture, the most trusted first. */
export function sharesOf({ without, weights, n }: ReportData['timelines'][number]): Share[] {
  const all = n.reduce((sum, each) => sum + each, 0);
  const shares = Object.entries(without).map(([name, cost]): Share => {
    const weight = weights[name]!.reduce<number>((sum, each, i) => sum + (each ?? 0) * n[i]!, 0) / all;
    return { name, weight, cost, effect: cost >= WORTH ? 'missed' : cost <= -WORTH ? 'harm' : 'none' };
  });
  return shares.sort((x, y) => y.weight - x.weight);
}

/** Which models the mixture needs. */
export function modelSentences({ timelines }: Pick<ReportData, 'timelines'>): string[] {
  const many = new Set(timelines.map(({ target }) => target)).size > 1;
  return timelines.flatMap((line) => {
    const shares = sharesOf(line);
    if (shares.length === 0) return [];
    const names = (effect: Share['effect']) => shares.filter((share) => share.effect === effect).map(({ name }) => name);
    const [missed, harm, none] = [names('missed'), names('harm'), names('none')];
    const parts = [
      ...(missed.length > 0 ? [`the error is larger without ${missed.join(', ')}`] : []),
      ...(harm.length > 0 ? [`smaller without ${harm.join(', ')}`] : []),
      ...(none.length > 0 ? [`the same without ${none.join(', ')}`] : []),
    ];
    if (missed.length === 0) parts[0] = `the error is ${parts[0]!}`;
    const network = shares.find(({ name }) => name === 'recurrent');
    const earned = network && [
      network.effect === 'missed'
        ? `The network earns its place: without it, and what is built on it, the error is ${shown(network.cost)} larger.`
        : `The network does not earn its place here: without it, and what is built on it, the error is ${network.effect === 'harm' ? `${shown(-network.cost)} smaller` : 'the same'}.`,
    ];
    return [
      [`${many ? `${printable(line.target)}, step` : 'Step'} ${line.step}: ${parts.join('; ')}.`, ...(earned ?? [])].join(' '),
    ];
  });
}

/** Trainings and the like in one sentence each kind. */
export function markSentences({ marks, drift, facts: { series } }: Happened): string[] {
  const trained = marks.filter(({ event }) => event === 'training.finished');
  const networks = trained.filter(({ facts }) => typeof facts['champion'] === 'number' && Number.isFinite(facts['champion']));
  const taken = networks.filter(({ facts }) => Number(facts['challenger']) < Number(facts['champion'])).length;
  const early = trained.filter(({ facts }) => facts['reason'] === 'drift').length;
  const seconds = trained.reduce((sum, { facts }) => sum + Number(facts['milliseconds'] ?? 0), 0) / 1000;
  const times = (event: string, one: string, many: string) => {
    const n = marks.filter((mark) => mark.event === event).length;
    return n > 0 ? [n === 1 ? `1 ${one}.` : `${whole(n)} ${many}.`] : [];
  };
  return [
    ...(trained.length > 0
      ? [
          `${whole(trained.length)} ${trained.length === 1 ? 'training' : 'trainings'} took ${value(seconds)} s in all${early > 0 ? `, ${whole(early)} of them early, because of drift` : ''}${networks.length > 0 ? `; ${whole(taken)} gave a better network, which was taken` : ''}.`,
        ]
      : ['Nothing was trained.']),
    ...marks.flatMap(({ event, facts }) =>
      event === 'seasons.found'
        ? [`The pipeline names no season; ${foundSentence(facts as unknown as Events['seasons.found'])}.`]
        : [],
    ),
    ...marks.flatMap(({ event, time }) =>
      event === 'weights.given'
        ? [`It began with a model that had learned from rows up to ${instant(time)}, in force after those.`]
        : [],
    ),
    ...(trained.length > 0 && drift.length === 0 ? ['Drift was not watched for (`retrain.drift`).'] : []),
    ...drift.flatMap((watch) => driftSentences(watch, series > 1)),
    ...times('training.skipped', 'training was skipped', 'trainings were skipped'),
    ...times('training.failed', 'training failed, and the old weights stayed', 'trainings failed, and the old weights stayed'),
    ...marks
      .filter(({ event }) => event === 'model.promoted')
      .slice(0, PROMOTIONS)
      .map((mark) => `${instant(mark.time)}: ${markText(mark)}; what was sent out from there on is its.`),
  ];
}

interface Happened extends Pick<ReportData, 'marks' | 'drift'> {
  readonly facts: Pick<ReportData['facts'], 'series'>;
}

/** What watches for drift, when it may start a training, and what came of it. */
function driftSentences(watch: WatchedDrift, many: boolean): string[] {
  const { alarms, inCoolDown, shadow } = watch;
  const all = alarms.adwin + alarms['page-hinkley'];
  const of = watch.error && watch.inputs ? ` (ADWIN ${whole(alarms.adwin)}, Page-Hinkley ${whole(alarms['page-hinkley'])})` : '';
  const waited = inCoolDown === 0 ? '' : `; ${whole(inCoolDown)} fell into a cool-down and had to wait for its end`;
  return [
    `Drift${shadow === undefined ? '' : ` (shadow ${printable(shadow)})`}: ${watchText(watch, many)}.`,
    all === 0 ? 'There was no alarm.' : `There ${all === 1 ? 'was 1 alarm' : `were ${whole(all)} alarms`}${of}${waited}.`,
  ];
}

function foundSentence({ seasons, rows, first }: Events['seasons.found']): string {
  const looked = `in ${rowsText(rows)}`;
  if (seasons.length === 0)
    return `none was found ${looked}${first === undefined ? ' that are not scored' : `, ${firstText({ seasons, first })}`}`;
  if (first === undefined) return `found ${looked} that are not scored: ${seasonsText(seasons)}`;
  return `found ${looked}, ${firstText({ seasons, first })}: ${seasonsText(seasons)}`;
}

/** Why there are no scores. */
export function unscoredSentence({ facts: { rows, rejected } }: Pick<ReportData, 'facts'>): string {
  const told = unscoredText(rows, rejected);
  return `${told[0]!.toUpperCase()}${told.slice(1)}.`;
}

/** That series do not come as the pipeline says. */
export function spacingSentences({ facts: { intervals } }: Pick<ReportData, 'facts'>): string[] {
  if (!intervals) return [];
  const text = printable(intervalsText(intervals), 1000);
  return [`${text[0]!.toUpperCase()}${text.slice(1)}.`];
}

/** That no season was looked for, where the pipeline names none. */
export function seasonSentences({ facts }: Pick<ReportData, 'facts'>): string[] {
  return facts.noSeason === undefined ? [] : [`The pipeline names no season, and none was looked for: ${facts.noSeason}.`];
}

/** A mark as a line of a table: what happened, and its facts. */
export function markText({ event, facts }: Mark): string {
  const shadow = facts['shadow'] === undefined ? '' : `shadow ${printable(String(facts['shadow']))}: `;
  return shadow + ownText({ event, facts });
}

function ownText({ event, facts }: Pick<Mark, 'event' | 'facts'>): string {
  const {
    accepted = false,
    champion,
    challenger,
    reason,
  } = facts as {
    accepted?: boolean;
    champion?: number;
    challenger?: number;
    reason?: string;
  };
  if (event === 'training.finished')
    return `trained${reason === 'drift' ? ' early, because of drift' : ''}: ${trainedText({ champion: champion ?? NaN, challenger: challenger ?? NaN, accepted })}`;
  if (event === 'seasons.found') return `found: ${seasonsText(facts['seasons'] as number[])}`;
  if (event === 'weights.given') return `begun with a model, ${printable(String(facts['hash'])).slice(0, 12)}`;
  if (event === 'weights.swapped') return `new weights ${printable(String(facts['hash'])).slice(0, 12)}`;
  if (event === 'training.skipped' || event === 'training.failed') return `${event.slice(9)}: ${printable(String(reason))}`;
  if (event === 'model.promoted') return promotedText(facts as unknown as Events['model.promoted']);
  if (event === 'drift.detected') return driftText(facts as unknown as Events['drift.detected']);
  const told = Object.entries(facts).map(
    ([name, fact]) => `${name} ${typeof fact === 'number' ? value(fact) : printable(String(fact))}`,
  );
  return `${event}${told.length > 0 ? `: ${told.join(', ')}` : ''}`;
}

/** Coverage of an interval by its nominal level. */
export function coverageOf(cell: CellScore, level: string): number {
  return cell.summary.intervals.find(({ nominal }) => levelOf(nominal) === level)?.coverage ?? NaN;
}

/** Scored cells by target, in order. */
export function byTarget(scores: readonly CellScore[]): [string, CellScore[]][] {
  const groups = new Map<string, CellScore[]>();
  for (const cell of scores) if (cell.summary.n > 0) groups.set(cell.target, [...(groups.get(cell.target) ?? []), cell]);
  return [...groups];
}

/** Of many steps the first ones, then ever wider apart, and the last. */
export function pickSteps(own: readonly CellScore[], most = 12): CellScore[] {
  if (own.length <= most) return [...own];
  const last = most - 1;
  const wanted = new Set(
    Array.from({ length: most }, (_, i) => Math.max(i, Math.round(((own.length - 1) * i * i) / (last * last)))),
  );
  return own.filter((_, i) => wanted.has(i));
}

function several(scores: readonly CellScore[]): boolean {
  return scores.some(({ target }) => target !== scores[0]!.target);
}

/** Equal verdicts of neighbouring steps: `steps 1 to 5`. */
function runs(all: readonly { step: number; verdict: Verdict }[]): { verdict: Verdict; steps: string }[] {
  const found: { verdict: Verdict; from: number; to: number }[] = [];
  for (const { step, verdict } of all) {
    const last = found.at(-1);
    if (last?.verdict === verdict) last.to = step;
    else found.push({ verdict, from: step, to: step });
  }
  return found.map(({ verdict, from, to }) => ({ verdict, steps: from === to ? `step ${from}` : `steps ${from} to ${to}` }));
}
