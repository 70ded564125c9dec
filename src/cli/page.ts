/** The report of a backtest as one HTML file: no script, no network, readable on a phone and on paper. */
import { createHash } from 'node:crypto';
import type { ReportData } from '../backtest/report-data.ts';
import { displayName } from './page-names.ts';
import { instant, percent, rowsText, value, whole } from './numbers.ts';
import * as plots from './page-plots.ts';
import { rulesText } from './page-rules.ts';
import { STYLE } from './page-style.ts';
import { factTable, markTable, modelTable, seriesTable, signed, stepTable, trustTable, type PageTable } from './page-tables.ts';
import {
  byTarget,
  intervalSentences,
  spacingSentences,
  markSentences,
  modelSentences,
  seasonSentences,
  skillSentences,
  unscoredSentence,
} from './page-words.ts';
import { verdictText } from './verdict.ts';

/** Targets that are drawn at most. */
const DRAWN = 3;
/** Sentences at the top; the sections have all of them. */
const FIRST = 8;

/** The whole page. Names are data of others: all of them are escaped, and the page allows nothing but its own style. */
export function page(data: ReportData): string {
  const { facts, scores } = data;
  const hash = createHash('sha256').update(STYLE).digest('base64');
  const scored = scores.some(({ summary }) => summary.n > 0);
  const title = `Backtest of ${displayName(facts.pipeline)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${text(title)}</h1>
<p class="soft">${text(`${rowsText(facts.rows)} of ${whole(facts.series)} series${facts.complete ? '' : ', stopped before the end'}; every forecast was made from earlier rows only.`)}</p>
${scored ? body(data) : `${said([unscoredSentence(data)])}${made(data)}`}
</body>
</html>
`;
}

function body(data: ReportData): string {
  return [
    tiles(data),
    said([...spacingSentences(data), ...[...skillSentences(data), ...intervalSentences(data)].slice(0, FIRST)]),
    forecasts(data),
    errors(data),
    skill(data),
    series(data),
    calibration(data),
    residuals(data),
    trust(data),
    marks(data),
    made(data),
  ].join('\n');
}

function tiles({ scores }: ReportData): string {
  const [target, own] = byTarget(scores)[0]!;
  const of = scores.some((cell) => cell.target !== target) ? `${displayName(target)}, ` : '';
  const ends = own.length > 1 ? [own[0]!, own.at(-1)!] : [own[0]!];
  const each = ends.flatMap(({ step, output, summary }) => {
    const [baseline, against] = Object.entries(summary.skill)[0] ?? [];
    const narrow = [...summary.intervals].sort((a, b) => a.nominal - b.nominal)[0];
    return [
      [value(summary.models[output]!.mae), `mean absolute error, ${of}step ${step}`],
      ...(against
        ? [
            against.verdict === 'no skill'
              ? Number.isFinite(against.skill)
                ? ['no skill', `against ${baseline}, step ${step} (${signed(against.skill)})`]
                : ['-', `against ${baseline}, step ${step}: it makes no error`]
              : [verdictText(signed(against.skill), against.verdict), `than ${baseline}, step ${step}`],
          ]
        : []),
      ...(narrow ? [[percent(narrow.coverage, 1), `of truths in the ${percent(narrow.nominal)} interval, step ${step}`]] : []),
    ];
  });
  return `<ul class="tiles">${each.map(([big, small]) => `<li><b>${text(big!)}</b><small>${text(small!)}</small></li>`).join('')}</ul>`;
}

function forecasts({ stretches, facts }: ReportData): string {
  const levels = plots.levelsOf(facts.quantiles).map((level) => percent(Number(level)));
  const bands =
    levels.length > 0
      ? ` The bands should hold ${levels.join(' and ')} of what comes; where they are much wider than what came they are cut off.`
      : '';
  const figures = stretches.map((stretch) => {
    const name = `${displayName(stretch.series)}: ${stretch.what}`;
    const range = `${instant(stretch.from)} to ${instant(stretch.to)} UTC, ${displayName(stretch.target)}.`;
    const fans = stretch.fans.length > 0;
    return `<h3>${text(name)}</h3>
${fans ? figure(plots.stretchPlot(stretch, facts.quantiles, displayName(stretch.target), true), `${range} All ${facts.horizon} steps of forecasts made one after the other: each fan opens at the row it was made from.`) : ''}
${figure(plots.stretchPlot(stretch, facts.quantiles, displayName(stretch.target), false), `${range} One step ahead, at every row.`)}`;
  });
  return section(
    'Forecasts and what came',
    `<p>What came is the thin line, forecasts are blue.${bands} Every row is drawn.</p>${figures.join('\n')}`,
  );
}

function errors(data: ReportData): string {
  const { scores, timelines, facts } = data;
  const shown = ['output', ...facts.baselines];
  const byStep = byTarget(scores)
    .slice(0, DRAWN)
    .filter(([, own]) => own.length > 1);
  return section(
    'How far off',
    `${byStep.map(([target, own]) => figure(plots.errorByStep(own, ['output', ...facts.models]), `${displayName(target)}: mean absolute error by step ahead. ${several(data) ? 'Errors of all series together.' : ''}`, legend(['output', ...facts.models], facts.models))).join('')}
${table(stepTable(scores))}
<details><summary>Every model at the first and the last step</summary>${table(modelTable(scores))}</details>
${timelines.map((line) => figure(plots.errorOverTime(line, facts.models, shown, data.marks), `${displayName(line.target)}, step ${line.step}, over time: each point is the mean of about ${whole(mean(line.n))} forecasts.${rulesText(line, data.marks)}`, legend(shown, facts.models))).join('')}`,
  );
}

function skill(data: ReportData): string {
  const { scores, facts } = data;
  if (facts.baselines.length === 0) return '';
  const figures = byTarget(scores)
    .slice(0, DRAWN)
    .filter(([, own]) => own.length > 1)
    .map(([target, own]) =>
      figure(
        plots.skillByStep(own, facts.baselines, facts.models),
        `${displayName(target)}: how much smaller the error is than the baseline’s. The shade is the 95 % range of the difference (Diebold-Mariano, allowing for errors that resemble their neighbours).`,
        legend(facts.baselines, facts.models),
      ),
    );
  const words = `<p>Skill is 1 − MAE / MAE of the baseline on the same rows; “no skill” means that the 95 % range includes zero, or that the difference is under 0.5 %.${several(data) ? ' Series count as independent: where they move together, the range is too narrow.' : ''}</p>`;
  return section('Skill', `${words}${said(skillSentences(data))}${figures.join('')}`);
}

function series({ ranked, ratios, facts }: ReportData): string {
  if (facts.series < 2 || ranked.length < 2) return '';
  const left = facts.series - ranked.length;
  const note =
    left > 0 ? `<p class="soft">The ten best, the median and the ten worst; summary.json has the other ${whole(left)}.</p>` : '';
  return section(
    'Series',
    `${figure(plots.seriesRanking(ratios, facts.series), `Every series by its skill against naive, mean over all targets and steps.${ratios.length < facts.series ? ` ${whole(ratios.length)} of the ${whole(facts.series)} are drawn, evenly.` : ''}`)}${note}${table(seriesTable(ranked))}`,
  );
}

function calibration(data: ReportData): string {
  const { scores, timelines, facts } = data;
  const levels = plots.levelsOf(facts.quantiles);
  if (levels.length === 0) return '';
  const key = `<ul class="legend">${levels.map((level, i) => `<li><i class="c-s${i % 6}"></i>${percent(Number(level))} interval</li>`).join('')}<li>dashed: what it promises</li></ul>`;
  const byStep = byTarget(scores)
    .slice(0, DRAWN)
    .filter(([, own]) => own.length > 1);
  const first = timelines.filter(({ target }) => target === timelines[0]?.target);
  const steps = `<ul class="legend">${first.map(({ step }, i) => `<li><i class="c-s${i}"></i>step ${step}</li>`).join('')}</ul>`;
  return section(
    'Calibration',
    `${said(intervalSentences(data))}
${byStep.map(([target, own]) => figure(plots.coverageByStep(own, levels), `${displayName(target)}: share of truths inside each interval, by step ahead.`, key)).join('')}
${timelines.map((line) => figure(plots.coverageOverTime(line, levels), `${displayName(line.target)}, step ${line.step}, over time: each point is the share among about ${whole(plots.forecastsAShare(line))} forecasts.`, key)).join('')}
${first.length > 0 ? figure(plots.reliability(first), `${displayName(first[0]!.target)}: how many more truths than promised lay at or below each quantile; on the dashed line all is as promised.`, steps) : ''}`,
  );
}

function residuals({ residuals: all }: ReportData): string {
  if (all.length === 0) return '';
  const figures = all.map((each) => {
    const thinned =
      each.each > 1
        ? ` Each point stands for ${whole(each.each)} rows: the line is their median, the shade runs from the smallest to the largest.`
        : '';
    return figure(
      plots.residualPlot(each),
      `${displayName(each.series)}, ${displayName(each.target)}, step ${each.step}: truth less forecast.${thinned}`,
    );
  });
  return section('Residuals', figures.join(''));
}

function trust(data: ReportData): string {
  const mixed = data.timelines.filter(({ weights }) => Object.keys(weights).length > 0);
  if (mixed.length === 0) return '';
  const models = data.facts.models;
  const words =
    '<p>The forecast is a mixture; these are the weights that each model had, mean over series. “Without it” deals a model’s weight out to the others and leaves everything else as it was, models that are built on it included. Quantiles are mixed by themselves: at each level, what every model gives for it and what lies around the mixture, each with a weight of its own.</p>';
  return section(
    'What the mixture trusted',
    `${words}${said(modelSentences(data))}<details><summary>Every model’s weight, and what it adds</summary>${table(trustTable(data))}</details>${mixed.map((line) => figure(plots.weightsOverTime(line, models), `${displayName(line.target)}, step ${line.step}: weights over time.`, legend(models, models))).join('')}`,
  );
}

function marks(data: ReportData): string {
  const rows = markTable(data);
  const shown =
    rows.rows.length > 0
      ? `<details><summary>The last ${whole(rows.rows.length)}, with their losses</summary>${table(rows)}</details>`
      : '';
  return section('Retraining and drift', `${said([...seasonSentences(data), ...markSentences(data)])}${shown}`);
}

function made(data: ReportData): string {
  return section(
    'How it was made',
    `${table(factTable(data), 'facts')}<details><summary>The pipeline file</summary><pre>${text(data.facts.spec)}</pre></details>`,
  );
}

function section(title: string, inner: string): string {
  return `<section><h2>${text(title)}</h2>\n${inner}</section>`;
}

function figure(plot: string, caption: string, key = ''): string {
  return `<figure>${key}${plot}<figcaption>${text(caption)}</figcaption></figure>`;
}

function said(sentences: readonly string[]): string {
  const item = (sentence: string) =>
    text(sentence)
      .replace(/(\d) %/g, '$1\u00a0%')
      .replace(/`([^`]+)`/g, '<code>$1</code>');
  return `<ul class="said">${sentences.map((sentence) => `<li>${item(sentence)}</li>`).join('')}</ul>`;
}

function legend(shown: readonly string[], models: readonly string[]): string {
  const item = (model: string) =>
    `<li><i class="c-${plots.colour(model, models).slice(6, -1)}"></i>${text(model === 'output' ? 'the forecast' : model)}</li>`;
  return `<ul class="legend">${shown.map(item).join('')}</ul>`;
}

function table({ titles, rows, text: words }: PageTable, kind = words ? 'text' : ''): string {
  const head = titles.some(Boolean)
    ? `<thead><tr>${titles.map((title) => `<th>${text(title).replace(/^in (\d+) %$/, 'in\u00a0$1\u00a0%')}</th>`).join('')}</tr></thead>`
    : '';
  const body = rows.map(({ cells, own, kinds }) => {
    const all = cells.map(
      (cell, i) => `<td${kinds?.[i] === 'better' || kinds?.[i] === 'worse' ? ` class="${kinds[i]}"` : ''}>${text(cell)}</td>`,
    );
    return `<tr${own ? ' class="own"' : ''}>${all.join('')}</tr>`;
  });
  return `<div class="scroll"><table class="${words ? `text ${kind}` : kind}">${head}<tbody>${body.join('')}</tbody></table></div>`;
}

/** Text as HTML: nothing in it is markup. */
function text(plain: string): string {
  return plain.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

function several({ facts }: ReportData): boolean {
  return facts.series > 1;
}

function mean(all: readonly number[]): number {
  return all.reduce((sum, each) => sum + each, 0) / Math.max(1, all.length);
}
