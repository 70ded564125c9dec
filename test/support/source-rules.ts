/** The house rules that a program can check, as functions of a file's path and text, so that they can be tested themselves. */
import ts from 'typescript';

/** Folders of `src` by height: a file may import its own folder and those below. */
const HEIGHT: Readonly<Record<string, number>> = {
  core: 0,
  nn: 1,
  window: 2,
  forecast: 2,
  train: 3,
  stream: 4,
  pipeline: 5,
  backtest: 6,
  learn: 6,
  cli: 7,
};
/** Folders that may import only some of what lies below them. */
const ONLY: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  nn: ['nn', 'core'],
  interop: ['interop', 'core', 'nn', 'forecast'],
  web: ['web', 'core'],
};
/** What `nn` may use of `core`. */
const NN_USES = ['src/core/errors.ts', 'src/core/random.ts', 'src/core/math/'];

const WAITS = [
  'connectors/',
  'src/core/clock.ts',
  'src/core/connector.ts',
  'src/forecast/forecaster.ts',
  'src/stream/ingest',
  'src/stream/intake.ts',
  'src/stream/deliver.ts',
  'src/pipeline/',
  'src/backtest/',
  'src/learn/',
  'src/train/worker',
  'src/interop/',
  'src/web/',
  'src/cli/',
];
const WORLD: readonly (readonly [name: string, allowed: readonly string[]])[] = [
  ['Date.now', ['src/core/clock.ts', 'src/cli/', 'src/web/', 'connectors/']],
  ['performance.now', ['src/core/clock.ts', 'src/cli/', 'connectors/']],
  ['Math.random', []],
  ['setTimeout', ['src/core/clock.ts', 'src/cli/', 'src/web/', 'connectors/']],
  ['setInterval', ['src/cli/', 'src/web/', 'connectors/']],
  ['process.env', ['src/pipeline/load.ts', 'src/interop/tensorflow.ts', 'src/cli/']],
  ['console', ['src/cli/']],
];
const VAGUE = /(^|[/-])(utils?|helpers?|common|managers?|services?|misc|shared)([.-]|\/|$)/;
const LONGEST = 300;

/** What one file breaks, in words; empty when it is as it should be. `path` is relative to the repository. */
export function brokenRules(path: string, source: string): string[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  return [
    ...nameRules(path),
    ...sizeRule(path, source),
    ...importsOf(file).flatMap((each) => importRules(path, each)),
    ...waitRule(path, file),
    ...worldRules(path, file),
  ];
}

interface Import {
  readonly from: string;
  /** Loaded when it is needed, by `import()`. */
  readonly lazy: boolean;
  readonly typeOnly: boolean;
}

function importsOf(file: ts.SourceFile): Import[] {
  const found: Import[] = [];
  visit(file, (node) => {
    if (
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      const typeOnly = ts.isImportDeclaration(node) ? Boolean(node.importClause?.isTypeOnly) : node.isTypeOnly;
      found.push({ from: node.moduleSpecifier.text, lazy: false, typeOnly });
    } else if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword &&
      node.arguments[0] &&
      ts.isStringLiteralLike(node.arguments[0])
    ) {
      found.push({ from: node.arguments[0].text, lazy: true, typeOnly: false });
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      found.push({ from: node.argument.literal.text, lazy: false, typeOnly: true });
    }
  });
  return found;
}

function importRules(path: string, { from, lazy, typeOnly }: Import): string[] {
  const broken: string[] = [];
  const inSource = path.startsWith('src/');
  const folder = inSource ? path.split('/')[1]! : '';
  if (!from.startsWith('.')) {
    const name = from.split('/')[0]!;
    if (
      name === 'rxjs' &&
      (path.startsWith('connectors/') || (inSource && !path.startsWith('src/index') && (HEIGHT[folder] ?? 0) < HEIGHT['stream']!))
    )
      broken.push(`imports rxjs, which begins at src/stream`);
    const clients = ['apache-arrow', 'influx', 'kafkajs', 'csv-parse', 'lz4-napi', 'fzstd'];
    if (clients.includes(name) && inSource) broken.push(`imports ${name}, which belongs to connectors`);
    if (clients.includes(name) && path.startsWith('connectors/') && !path.startsWith('connectors/formats/') && !lazy && !typeOnly)
      broken.push(`imports ${name} at once: load it with import() when it is used`);
    return broken;
  }
  const target = resolved(path, from);
  if (!/\.(ts|js|json|wasm)$/.test(target)) broken.push(`imports ${from} without its ending`);
  if (inSource && target.startsWith('connectors/') && (target !== 'connectors/index.ts' || folder !== 'cli'))
    broken.push(`imports ${target}: only src/cli imports connectors/index.ts`);
  if (target.startsWith('test/') && !path.startsWith('test/'))
    broken.push(`imports ${target}: tests import code, not the other way round`);
  if (path.startsWith('connectors/') && path !== 'connectors/index.ts') {
    if (target.startsWith('src/') && !target.startsWith('src/core/'))
      broken.push(`imports ${target}: connectors import src/core only`);
    if (/^connectors\/[^/]*$/.test(target)) broken.push(`imports ${target}: a connector never imports another`);
    if (path.startsWith('connectors/formats/') && /^connectors\/[^/]+$/.test(target))
      broken.push(`imports ${target}: codecs know no connector`);
  }
  if (inSource && path.split('/').length > 2 && target.startsWith('src/')) broken.push(...downwards(folder, target));
  return [...new Set(broken)];
}

function downwards(folder: string, target: string): string[] {
  const below = target.split('/')[1]!;
  if (below === folder) return [];
  const only = ONLY[folder];
  if (only && !only.includes(below))
    return [
      `imports ${target}: ${folder} imports ${only.filter((each) => each !== folder).join(', ') || 'nothing above itself'} only`,
    ];
  if (folder === 'nn' && !NN_USES.some((each) => target.startsWith(each)))
    return [`imports ${target}: nn uses errors, random and math of core only`];
  const [from, to] = [HEIGHT[folder], HEIGHT[below]];
  if (only) return [];
  if (from === undefined) return [`lies in src/${folder}, which is no layer`];
  if (to === undefined)
    return below === 'interop' || below === 'web'
      ? folder === 'cli'
        ? []
        : [`imports ${target}: only src/cli does`]
      : [`imports ${target}: imports point down`];
  return to > from ? [`imports ${target}: imports point down`] : [];
}

function resolved(path: string, from: string): string {
  const steps = path.split('/').slice(0, -1);
  for (const step of from.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '.') steps.push(step);
  }
  return steps.join('/');
}

/** Waiting has its places; everything else is synchronous. */
function waitRule(path: string, file: ts.SourceFile): string[] {
  if (!/^(src|connectors)\//.test(path) || WAITS.some((each) => path.startsWith(each))) return [];
  let waits: string | undefined;
  visit(file, (node) => {
    if (node.kind === ts.SyntaxKind.AsyncKeyword || ts.isAwaitExpression(node)) waits ??= node.getText().slice(0, 20);
    if (ts.isIdentifier(node) && /^(Promise|AsyncIterable|AsyncGenerator)$/.test(node.text)) waits ??= node.text;
  });
  return waits ? [`waits (${waits}), which only ${WAITS.join(' ')} may`] : [];
}

/** Time, chance, the environment and the console come from outside. */
function worldRules(path: string, file: ts.SourceFile): string[] {
  if (!/^(src|connectors)\//.test(path)) return [];
  const used = new Set<string>();
  visit(file, (node) => {
    if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
      used.add(`${node.expression.text}.${node.name.text}`);
      if (node.expression.text === 'console') used.add('console');
    }
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) used.add(node.expression.text);
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) used.add('Date.now');
  });
  return WORLD.filter(([name, allowed]) => used.has(name) && !allowed.some((each) => path.startsWith(each))).map(
    ([name, allowed]) => `uses ${name}, which only ${allowed.join(' ') || 'nobody'} may`,
  );
}

function nameRules(path: string): string[] {
  const broken: string[] = [];
  // the servers that tests start are services indeed
  if (VAGUE.test(path.replace('test/services/', ''))) broken.push('has a name that says nothing: a shared thing has a noun');
  const name = path
    .split('/')
    .at(-1)!
    .replace(/(\.(test|bench))?(\.d)?\.ts$/, '');
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) broken.push('is not named in kebab-case');
  return broken;
}

/** Long files say in their header why: the word "long" or "lines" in the first comment. */
function sizeRule(path: string, source: string): string[] {
  // a table of cases is as long as there are cases
  if (path.startsWith('test/')) return [];
  const lines = source.trimEnd().split('\n').length;
  if (lines <= LONGEST) return [];
  const header = /^(?:#!.*\n)?\/\*\*[\s\S]*?\*\//.exec(source)?.[0] ?? '';
  return /\b(long|lines)\b/.test(header) ? [] : [`has ${lines} lines, over ${LONGEST}, and no reason for it in its header`];
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  ts.forEachChild(node, (child) => visit(child, see));
}
