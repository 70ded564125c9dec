/** Names of series, targets and pipelines on a page: what moves text around is written out, and no name fills the page. */
import { printable } from './cell.ts';

/** At most 80 characters of a name. */
export function displayName(name: string): string {
  return printable(name, 80);
}
