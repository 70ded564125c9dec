/**
 * A YAML file as plain values, with the place of every key and value at hand.
 *
 * It takes less than YAML allows: one document, no anchors, aliases, tags or merge keys, 32 levels, 1 MB. What a pipeline file
 * needs fits; what would only serve to blow up a reader does not.
 */
import {
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
  type Pair,
  type Scalar,
} from 'yaml';
import { substitute, type Environment } from './environment.ts';
import type { Problem } from './problem.ts';

export const MAX_BYTES = 1_000_000;
const MAX_DEPTH = 32;
const MAX_INDENT = 200;

/** Where something stands. */
export type Place = Omit<Problem, 'message'>;

/** A path into the values: keys and list indexes. */
export type Path = readonly PropertyKey[];

/** A file that was read: its value, or the problems that kept it from being read. */
export interface ReadDocument {
  readonly file: string;
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Values that came from the environment, by place in the value: never to be shown. */
  readonly fromEnvironment: ReadonlyMap<string, string>;
  /** The place of a key or value, or of the nearest thing around it that is in the file. */
  locate(path: Path, what?: 'key' | 'value'): Place;
  /** Whether the path is written in the file. */
  has(path: Path): boolean;
}

/** One text for a path, to look things up by. */
export function pathKey(path: Path): string {
  return path.map(String).join('\0');
}

/** Reads the text of a YAML file. `environment` gives the values of `${NAME}`. */
export function readDocument(file: string, source: string, environment: Environment): ReadDocument {
  const lines = new LineCounter();
  const problems: Problem[] = [];
  const fromEnvironment = new Map<string, string>();
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const complain = (offset: number, message: string) => void problems.push({ ...place(offset), message });
  const failed = (): ReadDocument => ({
    file,
    value: undefined,
    problems,
    fromEnvironment,
    locate: () => place(0),
    has: () => false,
  });

  lines.addNewLine(0);
  if (Buffer.byteLength(source) > MAX_BYTES) {
    complain(0, `the file is larger than ${MAX_BYTES} bytes`);
    return failed();
  }
  // composing is recursive: what is nested deeper than anyone writes is refused before it
  const deep = tooDeep(source, lines);
  if (deep !== undefined) {
    complain(deep, `nested deeper than ${MAX_DEPTH} levels`);
    return failed();
  }

  const document = parseDocument(source, {
    lineCounter: fresh(lines),
    prettyErrors: false,
    keepSourceTokens: false,
    logLevel: 'error',
  });
  // one slip often makes several errors in its wake: of each line the first is the one to read
  const seen = new Set<number>();
  for (const error of document.errors) {
    const { line } = place(error.pos[0]);
    if (seen.has(line)) continue;
    seen.add(line);
    complain(error.pos[0], syntax(error.code, error.message, source, error.pos[0]));
    if (error.code !== 'DUPLICATE_KEY') break;
  }
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== '1.2')
    complain(0, 'a %YAML directive other than 1.2 is not allowed');
  if (problems.length > 0 && !document.errors.every(({ code }) => code === 'DUPLICATE_KEY')) return failed();

  const root = document.contents as Node | null;
  const walk = (node: unknown, path: Path): unknown => {
    if (node === null || node === undefined) return null;
    const at = (node as Node).range?.[0] ?? 0;
    const { anchor, tag } = node as { anchor?: string; tag?: string };
    if (anchor) complain(at, 'anchors are not allowed: write the value out where it is needed');
    if (isMap(node)) {
      const value: Record<string, unknown> = {};
      for (const pair of node.items) walkPair(pair, path, value);
      return value;
    }
    if (isSeq(node)) return node.items.map((item, i) => walk(item, [...path, i]));
    if (!isScalar(node)) {
      complain(at, 'aliases are not allowed: write the value out');
      return null;
    }
    if (tag && !tag.startsWith('tag:yaml.org,2002:')) complain(at, `the tag ${tag} is not allowed`);
    return scalar(node, path, at);
  };
  const walkPair = (pair: Pair, path: Path, into: Record<string, unknown>) => {
    const keyNode = pair.key as Scalar | null;
    const at = keyNode?.range?.[0] ?? 0;
    if (!isScalar(keyNode)) return complain(at, 'a key must be plain text');
    const key = String(keyNode.value);
    if (key === '__proto__') return complain(at, '__proto__ is not allowed as a key');
    if (key === '<<') return complain(at, 'merge keys (<<) are not allowed: write the fields out');
    into[key] = walk(pair.value, [...path, key]);
  };
  const scalar = (node: Scalar, path: Path, at: number): unknown => {
    if (typeof node.value !== 'string' || !node.value.includes('$')) {
      if (typeof node.value === 'object' && node.value !== null)
        complain(at, 'only text, numbers, true, false and null are allowed');
      return node.value;
    }
    const done = substitute(node.value, environment);
    for (const message of done.problems) complain(at, message);
    if (done.used.length === 0) return done.text;
    fromEnvironment.set(pathKey(path), done.used.map((name) => `\${${name}}`).join(' '));
    // unquoted, a number from the environment is a number, as it would be in the file
    return node.type === 'PLAIN' ? resolvePlain(document, done.text) : done.text;
  };

  const value = walk(root, []);
  const locate = (path: Path, what: 'key' | 'value' = 'value'): Place => {
    const { found, pair, node } = follow(root, path);
    const usesKey = (what === 'key' || found < path.length) && pair;
    const offset =
      (usesKey ? (pair.key as Node).range?.[0] : undefined) ??
      (node as Node | null)?.range?.[0] ??
      (pair?.key as Node | undefined)?.range?.[0] ??
      0;
    return place(offset);
  };
  return { file, value, problems, fromEnvironment, locate, has: (path) => follow(root, path).found === path.length };
}

/** Walks down a path as far as the file goes. */
function follow(root: unknown, path: Path): { found: number; pair: Pair | undefined; node: unknown } {
  let node: unknown = root;
  let pair: Pair | undefined;
  let found = 0;
  for (const step of path) {
    if (isMap(node)) {
      const next = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step));
      if (!next) break;
      [pair, node] = [next as Pair, next.value];
    } else if (isSeq(node) && typeof step === 'number' && step < node.items.length) {
      [pair, node] = [undefined, node.items[step]];
    } else break;
    found++;
  }
  return { found, pair, node };
}

/** What an unquoted text means in YAML's core schema. */
function resolvePlain(document: Document, text: string): unknown {
  for (const tag of document.schema.tags) {
    if ('resolve' in tag && 'test' in tag && tag.default && tag.test instanceof RegExp && tag.test.test(text)) {
      const resolved: unknown = (tag.resolve as (text: string, onError: () => void, options: object) => unknown)(
        text,
        () => {},
        {},
      );
      return isScalar(resolved) ? resolved.value : resolved;
    }
  }
  return text;
}

/** The offset where the text is nested too deeply; the lexer is flat, so this cannot run out of stack. */
function tooDeep(source: string, lines: LineCounter): number | undefined {
  let flow = 0;
  let inLine = 0;
  let offset = 0;
  for (const token of new Lexer().lex(source)) {
    const first = token[0];
    // the lexer's own marks (byte order, document, flow end, scalar) are single control characters that are not in the text
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') continue;
    if (first === '[' || first === '{') flow++;
    else if (first === ']' || first === '}') flow--;
    else if (token === '-' || token === '?') inLine++;
    else if (first === '\n' || first === '\r') inLine = 0;
    else if (first === ' ' && token.length > MAX_INDENT && source[offset - 1] === '\n') return offset;
    if (flow > MAX_DEPTH || inLine > MAX_DEPTH) return offset;
    for (let i = token.indexOf('\n'); i >= 0; i = token.indexOf('\n', i + 1)) lines.addNewLine(offset + i + 1);
    offset += token.length;
  }
  return undefined;
}

/** The same counter, emptied: the parser fills it again. */
function fresh(lines: LineCounter): LineCounter {
  lines.lineStarts = [];
  return lines;
}

function syntax(code: string, message: string, source: string, offset: number): string {
  if (code === 'DUPLICATE_KEY') return 'this key is given twice';
  if (code === 'MULTIPLE_DOCS') return 'a file holds one document: remove the `---`';
  const line = source.slice(
    source.lastIndexOf('\n', offset - 1) + 1,
    source.indexOf('\n', offset) < 0 ? undefined : source.indexOf('\n', offset),
  );
  const hint = /[[{].*\$\{/.test(line) ? ' (inside [ ] and { }, write "${NAME}" in quotes)' : '';
  // the parser quotes what it cannot read, which may be a whole binary file
  const shown = message.length > 160 ? `${message.slice(0, 157)}...` : message;
  return `not valid YAML: ${shown.charAt(0).toLowerCase()}${shown.slice(1)}${hint}`;
}
