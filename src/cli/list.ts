/** `tidecast list`: what a pipeline file may name. */
import { EXIT } from '../core/errors.ts';
import { columns } from './cell.ts';
import { COMPONENTS, everyComponent } from './components.ts';
import type { Verb } from './verbs.ts';

export const list: Verb = async ({ options }, terminal) => {
  const found = everyComponent();
  if (options['json']) {
    terminal.out(
      JSON.stringify(
        found.map(({ kind, name, status, summary }) => ({ kind, name, status, summary })),
        null,
        2,
      ),
    );
    return EXIT.ok;
  }
  const { paint } = terminal;
  const width = Math.max(0, ...found.map(({ name }) => name.length));
  for (const [title, each] of [
    ['Sources', COMPONENTS.sources],
    ['Sinks', COMPONENTS.sinks],
    ['Forecasters', COMPONENTS.forecasters],
  ] as const) {
    terminal.out(paint('bold', title));
    const rows = each.map(({ name, status, summary }) => [
      `  ${paint('cyan', name.padEnd(width))}`,
      status === 'stable' ? summary : `${summary} (${status})`,
    ]);
    terminal.out(`${columns(rows).join('\n')}\n`);
  }
  terminal.out('`tidecast describe NAME` shows the fields of one.');
  return EXIT.ok;
};
