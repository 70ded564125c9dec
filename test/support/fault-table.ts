/** The fault table of the tests: which row each test is about, and test/FAULTS.md, made from reports of vitest. */
import ts from 'typescript';

/** What breaks, by row. These rows must have a test; further ones may. */
export const FAULTS: Readonly<Record<number, string>> = {
  1: 'Process killed at a random moment',
  2: 'Malformed message',
  3: 'Consumer dead for good',
  4: 'Offset committed before the output is stored',
  5: 'Error in a stage of the stream',
  6: 'Replay after a rebalance meets recurrent state',
  7: 'InfluxDB away for minutes',
  8: 'InfluxDB answers, then stalls or resets',
  9: 'InfluxDB times out, but the write is applied',
  10: 'Partial write',
  11: 'NaN, infinity, huge values',
  12: 'Training or a slow reader holds up the heartbeat',
  13: 'Partition revoked with work under way',
  14: 'A process that stood still comes back',
  15: 'All brokers down, then up',
  16: 'Started while Kafka or InfluxDB is down',
  17: 'Offset out of range',
  18: 'State file torn, empty or flipped',
  19: 'Killed between flush, save and commit',
  20: 'Disk of the state full',
  21: 'Disk of InfluxDB full',
  22: 'InfluxDB answers 401, 403 or 404',
  23: 'Slow InfluxDB',
  24: 'Late and out-of-order ticks',
  25: 'Duplicate ticks',
  26: 'Idle partition',
  27: 'Tick from the future',
  28: 'More series than lanes',
  29: 'Training thread dies, hangs or throws',
  30: 'Training diverges',
  31: 'Weights swapped in mid-stream',
  32: 'Asked to stop under load or with a sink that hangs',
  33: 'Compression codecs',
  38: 'Broker frozen',
  39: 'One of three brokers dies',
  40: 'Coordinator errors',
  41: 'Poison message',
  42: 'Dead-letter topic unavailable',
  43: 'Partition added',
  44: 'Pipeline changed under its state',
  45: 'Line protocol injected by a key',
  46: 'InfluxQL injected by parameters',
  47: 'Decompression bomb',
  48: 'Huge or deep message',
  52: 'Clock jumps',
  54: 'Overload',
  55: 'InfluxDB: too large, too many series, too old',
  56: 'Type drift in InfluxDB',
  57: 'Two processes on one state folder',
  58: 'Secrets leak',
  61: 'Restart storm',
  62: 'Wrong server',
};

/** The rows that a test's title names: `row 2: ...`, `rows 24, 25: ...`, `... (row 37)`. */
export function rowsIn(title: string): number[] {
  return [...title.matchAll(/\brows? (\d+(?:(?:, | and )\d+)*)(?=[:)])/g)].flatMap(([, list]) =>
    list!.split(/, | and /).map(Number),
  );
}

/** Titles of the suites and tests in the text of a test file. */
export function titlesIn(source: string): string[] {
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|describe)$/.test(rootOf(node.expression))) {
      const [title] = node.arguments;
      if (title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) titles.push(title.getText());
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('x.ts', source, ts.ScriptTarget.Latest, true));
  return titles;
}

/** `it` of `it.skipIf(x).each(y)`. */
function rootOf(node: ts.Expression): string {
  if (ts.isCallExpression(node) || ts.isPropertyAccessExpression(node)) return rootOf(node.expression);
  return ts.isIdentifier(node) ? node.text : '';
}

/** What `--reporter=json` of vitest writes, as far as it is read. */
export interface Report {
  /** Whether every test passed. */
  readonly success: boolean;
  readonly testResults: readonly {
    /** The file. */
    readonly name: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly meta?: { readonly figure?: string };
    }[];
  }[];
}

interface Line {
  readonly row: number;
  readonly test: string;
  readonly status: string;
  readonly figure: string;
}

/** The table as markdown, and the rows of the list above that no test passed. `root`: the folder that file names are relative to. */
export function faultTable(reports: readonly Report[], root: string, commit: string): { text: string; lacking: number[] } {
  const lines = reports.flatMap((report) => linesOf(report, root)).sort((a, b) => a.row - b.row || (a.test < b.test ? -1 : 1));
  const rows = [...new Set([...Object.keys(FAULTS).map(Number), ...lines.map(({ row }) => row)])].sort((a, b) => a - b);
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const table = rows.flatMap((row) => {
    const tests = lines.filter((line) => line.row === row);
    if (tests.length === 0) return [`| ${row} | ${FAULTS[row]} | none | missing |  | ${commit} |`];
    return tests.map(
      ({ test, status, figure }) => `| ${row} | ${FAULTS[row] ?? ''} | ${cell(test)} | ${status} | ${cell(figure)} | ${commit} |`,
    );
  });
  const lacking = Object.keys(FAULTS)
    .map(Number)
    .filter((row) => {
      const tests = lines.filter((line) => line.row === row);
      return !tests.some(({ status }) => status === 'passed') || tests.some(({ status }) => status === 'failed');
    });
  const head = ['| row | fault | test | result | figure | commit |', '| --- | --- | --- | --- | --- | --- |'];
  return { text: [...head, ...table].join('\n'), lacking };
}

/** Tests of one title, such as those of `it.each`, are one line. */
function linesOf({ testResults }: Report, root: string): Line[] {
  const lines = new Map<string, Line>();
  for (const { name, assertionResults } of testResults) {
    const file = name.startsWith(root) ? name.slice(root.length).replace(/^\//, '') : name;
    for (const { ancestorTitles, title, status, meta } of assertionResults) {
      for (const row of new Set(rowsIn([...ancestorTitles, title].join(' > ')))) {
        // the row that is said elsewhere need not be said again
        const path = [...ancestorTitles, title].map((text) => text.replace(/^rows? [\d, and]+: /, '')).join(' > ');
        const test = `\`${file}\`: ${path}`;
        lines.set(`${row} ${test}`, { row, test, status, figure: meta?.figure ?? '' });
      }
    }
  }
  return [...lines.values()];
}
