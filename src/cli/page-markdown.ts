/** The report of a backtest as Markdown: the sentences and tables of the page, without its plots. */
import type { ReportData } from '../backtest/report-data.ts';
import { displayName } from './page-names.ts';
import {
  coverageTable,
  factTable,
  markTable,
  modelTable,
  seriesTable,
  stepTable,
  trustTable,
  type PageTable,
} from './page-tables.ts';
import {
  intervalSentences,
  spacingSentences,
  markSentences,
  modelSentences,
  seasonSentences,
  skillSentences,
  unscoredSentence,
} from './page-words.ts';

/** The whole text. */
export function markdown(data: ReportData): string {
  const scored = data.scores.some(({ summary }) => summary.n > 0);
  const parts = scored
    ? [
        said([...spacingSentences(data), ...skillSentences(data), ...intervalSentences(data)]),
        '## How far off',
        table(stepTable(data.scores)),
        '## Models',
        table(modelTable(data.scores)),
        ...(data.ranked.length > 1 ? ['## Series', table(seriesTable(data.ranked))] : []),
        '## Calibration',
        table(coverageTable(data.scores)),
        '## What the mixture trusted',
        ...(modelSentences(data).length > 0
          ? [said(modelSentences(data)), table(trustTable(data))]
          : ['A single model is the output.']),
        '## Retraining and drift',
        said([...seasonSentences(data), ...markSentences(data)]),
        ...(data.marks.length > 0 ? [table(markTable(data))] : []),
      ]
    : [said([unscoredSentence(data)])];
  const spec = data.facts.spec.trimEnd();
  // longer than any fence in it
  const fence = '`'.repeat(Math.max(3, ...[...spec.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  const made = ['## How it was made', table(factTable(data)), `${fence}yaml\n${spec}\n${fence}`];
  return `${[`# Backtest of ${escaped(displayName(data.facts.pipeline))}`, ...parts, ...made].join('\n\n')}\n`;
}

function said(sentences: readonly string[]): string {
  return sentences.map((sentence) => `- ${escaped(sentence)}`).join('\n');
}

function table({ titles, rows, text }: PageTable): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  const rule = `|${titles.map((_, i) => (i === 0 || text ? '---' : '---:')).join('|')}|`;
  return [line(titles), rule, ...rows.map(({ cells }) => line(cells))].join('\n');
}

/** Text as Markdown: nothing in it is markup. */
function escaped(plain: string): string {
  return plain.replace(/[\\`*_{}[\]<>|#~&]/g, '\\$&');
}
