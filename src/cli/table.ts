/** Tables as the summaries draw them: rules above and below, nothing between columns. */
import Table from 'cli-table3';
import type { Paint } from './terminal.ts';

const PLACES = [
  'left',
  'right',
  'middle',
  'top-left',
  'top-right',
  'top-mid',
  'bottom-left',
  'bottom-right',
  'bottom-mid',
  'left-mid',
  'right-mid',
  'mid-mid',
];
const CALM = Object.fromEntries(PLACES.map((place) => [place, '']));

/** The first `names` columns stand left, the others, which are numbers, right. */
export function calmTable(titles: readonly string[], rows: readonly (readonly string[])[], paint: Paint, names = 1): string {
  const table = new Table({
    head: titles.map((title) => paint('dim', title)),
    colAligns: titles.map((_, i) => (i < names ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
    chars: CALM,
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}
