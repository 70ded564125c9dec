/** A learning file under `tidecast run`: trains in view of the user, then shows what the networks are worth and whether the claims hold. */
import { join } from 'node:path';
import { EXIT } from '../core/errors.ts';
import type { Fitted } from '../learn/fit.ts';
import type { Judgement } from '../learn/judge.ts';
import { learn, type Claimed, type Learnt } from '../learn/learn.ts';
import type { AnswersTo } from '../learn/learn-pairs.ts';
import { checkLearning } from '../learn/load.ts';
import type { LearningSpec } from '../learn/spec.ts';
import { saveModel } from '../nn/files.ts';
import type { ReadDocument } from '../pipeline/document.ts';
import { COMPONENTS } from './components.ts';
import { ago, percent, value, whole } from './numbers.ts';
import { calmTable } from './table.ts';
import type { Paint, Terminal } from './terminal.ts';

/** Lines of progress that a network gets at most, beside its last. */
const LINES = 10;

/** Runs it, with the trained networks saved below `out` where that is given; the exit code says whether every claim holds. */
export async function runLearning(
  file: string,
  read: ReadDocument,
  terminal: Terminal,
  { json, out }: { readonly json: boolean; readonly out: string | undefined },
): Promise<number> {
  const spec = checkLearning(file, read, COMPONENTS.sources);
  const { epochs } = spec.learn;
  const say = json ? terminal.err : terminal.out;
  const every = Math.ceil(epochs / LINES);
  const width = Math.max(...spec.learn.networks.map(({ name }) => name.length));
  const result = await learn(spec, {
    sources: COMPONENTS.sources,
    began: (sequences, rows) => say(`${spec.name}: ${whole(sequences)} sequences, ${whole(rows)} rows; ${question(spec)}`),
    progress: (name, epoch, loss) => {
      if (epoch % every === 0 && epoch < epochs) say(`  ${name.padEnd(width)}  epoch ${epoch} of ${epochs}, loss ${value(loss)}`);
    },
    fitted: (name, fitted, seconds) => say(`  ${name.padEnd(width)}  ${ending(fitted, seconds)}`),
    ...(out !== undefined && { trained: (name, model) => saveModel(join(out, encodeURIComponent(name)), model) }),
  });
  terminal.out(
    json ? JSON.stringify({ ok: true, name: spec.name, ...result }, null, 2) : `\n${resultText(result, terminal.paint)}`,
  );
  return result.claims.every(({ holds }) => holds) ? EXIT.ok : EXIT.unexpected;
}

function question({ learn: { inputs, target, ahead } }: LearningSpec): string {
  const when = ahead === 0 ? '' : ahead === 1 ? 'the next ' : `${ahead} rows ahead, `;
  return `${inputs.join(', ')} -> ${when}${target}`;
}

function ending({ epochs, loss, clipped, updates }: Omit<Fitted, 'weights' | 'byEpoch'>, seconds: number): string {
  const bitten = clipped > 0 ? `, clipped ${whole(clipped)} times` : '';
  return `${whole(updates)} updates in ${whole(epochs)} epochs and ${ago(seconds)}, loss ${value(loss)}${bitten}`;
}

/** The judgements as a table, and the claims below it. */
export function resultText({ judged, proofs, claims, samples, answers }: Learnt, paint: Paint): string {
  const rows = proofs.flatMap(({ name, judgements }) =>
    measuresOf(judgements).map(({ title, shown }, i) => [i === 0 ? name : '', title, ...judgements.map(shown)]),
  );
  const table = calmTable(['put to them', 'measure', ...judged], rows, paint, 2);
  const written = samples.map(({ network, text }) => `${network} writes:\n${text.replaceAll(/^/gm, '  ')}\n`);
  return [
    table,
    ...(answers ?? []).flatMap((each) => answersText(each, judged, paint)),
    ...written,
    ...(claims.length > 0 ? [''] : []),
    ...claims.map((claim) => claimLine(claim, paint)),
  ].join('\n');
}

function measuresOf([first]: readonly Judgement[]): { title: string; shown: (each: Judgement) => string }[] {
  const epochs = { title: 'epochs to the loss', shown: ({ epochs }: Judgement) => value(epochs ?? NaN) };
  const taught = { title: 'when shown the truth', shown: ({ epochsShown }: Judgement) => value(epochsShown ?? NaN) };
  const reached = first?.epochs === undefined ? [] : [epochs, taught];
  if (first?.error !== undefined) return [{ title: 'error / variance', shown: ({ error }) => value(error!) }, ...reached];
  const exact = { title: 'exact sequences', shown: ({ exact }: Judgement) => percent(exact!, 1) };
  return [
    ...(first && first.sequences > 1 && first.answers > first.sequences ? [exact] : []),
    { title: 'right answers', shown: ({ right }) => percent(right!, 2) },
    { title: 'bits an answer', shown: ({ bits }) => value(bits!) },
    ...(first?.verdict === undefined ? [] : [{ title: 'beside the base rate', shown: skillText }]),
    ...reached,
  ];
}

/** How the answers to a proof depend on how much there was to read, and the first of them. */
function answersText({ proof, lengths, examples }: AnswersTo, judged: readonly string[], paint: Paint): string[] {
  const rows = lengths.map(({ shortest, longest, sequences, errors }) => [
    shortest === longest ? `${shortest}` : `${shortest} to ${longest}`,
    whole(sequences),
    ...errors.map((error) => percent(error, 1)),
  ]);
  const shown = examples.flatMap(({ read, right, answers }) => [
    `  ${read} -> ${right}`,
    ...answers.flatMap((answer, i) => (answer === right ? [] : [`    ${judged[i]} answers ${answer}`])),
  ]);
  const head = ['rows read', 'sequences', ...judged.slice(0, lengths[0]?.errors.length)];
  return [
    ...(rows.length > 1 ? [`\n${proof}: answers that are not exact`, calmTable(head, rows, paint)] : []),
    ...(shown.length > 0 ? ['', ...shown] : []),
  ];
}

function skillText({ skill, verdict }: Judgement): string {
  return verdict === undefined ? '' : `${verdict} (${skill! > 0 ? '+' : ''}${skill!.toFixed(1)} s.e.)`;
}

function claimLine(claim: Claimed, paint: Paint): string {
  const { proof, network, measure, found, at_least, at_most, below, above, than, holds } = claim;
  const other = (name: string | undefined): string | undefined => name && `${value(than!)} of ${name}`;
  const bounds = Object.entries({ 'at least': at_least, 'at most': at_most, below: other(below), above: other(above) })
    .filter(([, bound]) => bound !== undefined)
    .map(([words, bound]) => `${words} ${bound}`);
  const mark = holds ? paint('green', 'holds') : paint('red', 'fails');
  return `${mark}  ${network}, ${proof}: ${measure} ${bounds.join(' and ')}, is ${value(found)}`;
}
