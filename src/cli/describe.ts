/** `tidecast describe`: everything that is known about one component. */
import { z } from 'zod';
import { EXIT, TidecastError } from '../core/errors.ts';
import type { Described } from '../pipeline/part.ts';
import { nearest } from '../pipeline/problem.ts';
import { wrap } from './cell.ts';
import { everyComponent, exampleLines } from './components.ts';
import { fieldRows } from './field-rows.ts';
import type { Terminal } from './terminal.ts';
import type { Verb } from './verbs.ts';

export const describe: Verb = async ({ arguments: words, options }, terminal) => {
  const found = find(words[0]!, everyComponent());
  if (options['json']) {
    const asJson = ({ kind, name, status, summary, config, example, guarantees }: Described) => {
      return {
        kind,
        name,
        status,
        summary,
        example,
        guarantees,
        fields: z.toJSONSchema(config, { io: 'input', unrepresentable: 'any' }),
      };
    };
    terminal.out(JSON.stringify(found.map(asJson), null, 2));
  } else terminal.out(found.map((each) => page(each, terminal)).join('\n\n'));
  return EXIT.ok;
};

/** Components of a name, or the one of `kind/name`. */
export function find(wanted: string, components: readonly Described[]): Described[] {
  const [kind, name] = wanted.includes('/') ? wanted.split('/', 2) : [undefined, wanted];
  const found = components.filter(
    (each) => each.name === name && (kind === undefined || each.kind === kind || `${each.kind}s` === kind),
  );
  if (found.length > 0) return found;
  const hint = nearest(name ?? '', [...new Set(components.map((each) => each.name))]);
  throw new TidecastError('CLI_USAGE', {
    unknown: wanted.slice(0, 60),
    ...(hint ? { 'did you mean': hint } : { known: 'see `tidecast list`' }),
  });
}

function page(component: Described, terminal: Terminal): string {
  const { kind, name, status, summary, config, example, guarantees } = component;
  const { paint } = terminal;
  const width = Math.max(40, Math.min(terminal.width(), 110));
  const rows = fieldRows(config);
  const fields = rows.flatMap(({ name: field, type, fallback, required, secret, description }) => {
    const note = required ? 'required' : fallback !== undefined ? `default ${fallback}` : 'optional';
    return [
      `  ${paint('cyan', field)}  ${paint('dim', `${type.replaceAll('`', '')} · ${note}${secret ? ' · secret' : ''}`)}`,
      ...wrap(description, width - 6).map((line) => `      ${line}`),
    ];
  });
  const section = (title: string, lines: readonly string[]) => (lines.length > 0 ? ['', paint('bold', title), ...lines] : []);
  const indented = [...(kind === 'sink' ? ['- '] : ['']), ''];
  const yaml = [`type: ${name}`, ...exampleLines(example)].map(
    (line, i) => `  ${i === 0 ? indented[0] : ' '.repeat(indented[0]!.length)}${line}`,
  );
  return [
    `${paint('bold', `${kind} ${name}`)}${status === 'stable' ? '' : ` (${status})`}`,
    ...wrap(summary, width),
    ...section('Fields', fields),
    ...section('Example', yaml),
    ...section(
      'What holds',
      guarantees.flatMap((line) => wrap(line, width - 4).map((part, i) => `  ${i === 0 ? '-' : ' '} ${part}`)),
    ),
  ].join('\n');
}
