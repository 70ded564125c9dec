/**
 * Looking for the likeliest sequence that a categorical head can say: greedily, by a beam, or among all.
 *
 * Sequences of equal score are told apart by their first different symbol: the lower one is better.
 */
import { TidecastError } from '../core/errors.ts';
import { pow } from '../core/math/math.ts';
import { Best } from './best.ts';

/** What is looked for: V symbols, a function that steps, and when a sequence ends. */
export interface Search<S> {
  readonly symbols: number;
  /** From a state and the symbol before: the log probability of each symbol [V], and the state to go on with. */
  step(state: S, symbol: number): { readonly logs: ArrayLike<number>; readonly state: S };
  readonly state: S;
  /** What stands for the symbol before the first. */
  readonly first: number;
  /** T: the most symbols of a sequence, its end among them; without an end symbol every sequence has so many. */
  readonly length: number;
  /** The symbol that ends a sequence. */
  readonly end?: number;
  /**
   * Length normalisation: the score of n symbols is their log probability divided by ((5 + n) / 6) to this power (Wu et al., 2016, "Google's
   * neural machine translation system", equation 14). Left out: {@link NORMALISATION}; 0: the log probability itself.
   */
  readonly normalise?: number;
}

/** A sequence with its log probability and its score, and what it cost. */
export interface Found {
  /** The end symbol is among them where it was reached. */
  readonly symbols: readonly number[];
  readonly log: number;
  readonly score: number;
  /** Calls of `step`, sequences that were scored, and comparisons in heaps. */
  readonly work: { readonly steps: number; readonly candidates: number; readonly comparisons: number };
}

/** The power of the length normalisation: in the middle of what Wu et al. found best, 0.6 to 0.7, at its lower end. */
export const NORMALISATION = 0.6;
/** The most sequences, V^T, among which `exhaustive` looks. */
export const MOST_SEQUENCES = 1_000_000;

/** A sequence by its last symbol. */
interface Path {
  readonly before?: Path;
  readonly symbol: number;
  readonly length: number;
  readonly log: number;
}

/** How to look: greedily, by a beam of a width, or among all. */
export type How = 'greedy' | 'exhaustive' | number;

/** Looks as it is told to; throws SEARCH_OPTION and SEARCH_TOO_LARGE. */
export function look<S>(search: Search<S>, how: How): Found {
  return how === 'greedy' ? greedy(search) : how === 'exhaustive' ? exhaustive(search) : beam(search, how);
}

/** Refuses, before there is anything to search, a beam above the number of symbols (SEARCH_OPTION) and too many sequences to look at all (SEARCH_TOO_LARGE). */
export function checkHow(how: How, symbols: number, length: number): void {
  if (how === 'exhaustive') checkAll(symbols, length);
  else if (how !== 'greedy' && how > symbols) throw new TidecastError('SEARCH_OPTION', { beam: how, allowed: `1 to ${symbols}` });
}

/** The likeliest symbol at each step: O(T V). Throws SEARCH_OPTION. */
export function greedy<S>(search: Search<S>): Found {
  check(search);
  const { symbols, length, end, first } = search;
  let { state } = search;
  let path: Path | undefined;
  let steps = 0;
  do {
    const stepped = stepOf(search, state, path?.symbol ?? first);
    let best = 0;
    for (let s = 1; s < symbols; s++) if (stepped.logs[s]! > stepped.logs[best]!) best = s;
    path = longer(path, best, stepped.logs[best]!);
    state = stepped.state;
    steps++;
  } while (path.length < length && path.symbol !== end);
  return found(search, [path], { steps, candidates: steps * symbols, comparisons: 0 });
}

/**
 * The k likeliest sequences so far at each step: O(T V k log k).
 *
 * One that has ended keeps its place among the k (Sutskever et al., 2014), so the beam narrows; the best score of those that ended is
 * taken. A width of V^T leaves nothing out, so more than that is refused: SEARCH_OPTION.
 */
export function beam<S>(search: Search<S>, width: number): Found {
  check(search);
  const { symbols, length, end, first } = search;
  const widest = Math.min(pow(symbols, length), MOST_SEQUENCES);
  if (!Number.isInteger(width) || width < 1 || width > widest)
    throw new TidecastError('SEARCH_OPTION', { width: String(width), allowed: `1 to ${widest}` });
  let alive: { path: Path | undefined; state: S }[] = [{ path: undefined, state: search.state }];
  const ended: Path[] = [];
  const work = { steps: 0, candidates: 0, comparisons: 0 };
  for (let t = 1; t <= length && alive.length > 0; t++) {
    const best = new Best(width - ended.length);
    const stepped = alive.map(({ path, state }) => stepOf(search, state, path?.symbol ?? first));
    stepped.forEach(({ logs }, i) => {
      const before = alive[i]!.path?.log ?? 0;
      for (let s = 0; s < symbols; s++) best.offer({ score: before + logs[s]!, index: i * symbols + s });
    });
    work.steps += alive.length;
    work.candidates += alive.length * symbols;
    work.comparisons += best.comparisons;
    const next: typeof alive = [];
    for (const { index } of best.kept()) {
      const i = Math.floor(index / symbols);
      const symbol = index % symbols;
      const path = longer(alive[i]!.path, symbol, stepped[i]!.logs[symbol]!);
      if (symbol === end || t === length) ended.push(path);
      else next.push({ path, state: stepped[i]!.state });
    }
    alive = next;
  }
  return found(search, ended, work);
}

/** Every sequence there is: O(V^T). Throws SEARCH_TOO_LARGE where V^T is above {@link MOST_SEQUENCES}, and SEARCH_OPTION. */
export function exhaustive<S>(search: Search<S>): Found {
  check(search);
  const { symbols, length, end, first } = search;
  checkAll(symbols, length);
  const ended: Path[] = [];
  const work = { steps: 0, candidates: 0, comparisons: 0 };
  const visit = (path: Path | undefined, state: S): void => {
    const stepped = stepOf(search, state, path?.symbol ?? first);
    work.steps++;
    for (let s = 0; s < symbols; s++) {
      const next = longer(path, s, stepped.logs[s]!);
      work.candidates++;
      if (s === end || next.length === length) ended.push(next);
      else visit(next, stepped.state);
    }
  };
  visit(undefined, search.state);
  return found(search, ended, work);
}

function checkAll(symbols: number, length: number): void {
  const sequences = pow(symbols, length);
  if (sequences > MOST_SEQUENCES)
    throw new TidecastError('SEARCH_TOO_LARGE', { symbols, length, sequences, largest: MOST_SEQUENCES });
}

function check<S>({ symbols, length, end, normalise = NORMALISATION }: Search<S>): void {
  const refuse = (facts: Record<string, string>): never => {
    throw new TidecastError('SEARCH_OPTION', facts);
  };
  if (!Number.isInteger(symbols) || symbols < 1) refuse({ symbols: String(symbols), allowed: '1 or more' });
  if (!Number.isInteger(length) || length < 1) refuse({ length: String(length), allowed: '1 or more' });
  if (end !== undefined && !(Number.isInteger(end) && end >= 0 && end < symbols))
    refuse({ end: String(end), allowed: `0 to ${symbols - 1}` });
  if (!(normalise >= 0 && normalise < Infinity)) refuse({ normalise: String(normalise), allowed: '0 or more' });
}

function stepOf<S>(search: Search<S>, state: S, symbol: number): ReturnType<Search<S>['step']> {
  const stepped = search.step(state, symbol);
  for (let s = 0; s < search.symbols; s++) {
    // NaN would be neither better nor worse than anything
    if (!(stepped.logs[s]! < Infinity)) throw new TidecastError('SEARCH_STEP', { symbol: s, log: String(stepped.logs[s]) });
  }
  return stepped;
}

function longer(before: Path | undefined, symbol: number, log: number): Path {
  return { ...(before && { before }), symbol, length: (before?.length ?? 0) + 1, log: (before?.log ?? 0) + log };
}

/** The best of the sequences that ended. */
function found<S>({ normalise = NORMALISATION, end }: Search<S>, ended: readonly Path[], work: Found['work']): Found {
  const power = end === undefined ? 0 : normalise;
  const scored = (path: Path): number => path.log / pow((5 + path.length) / 6, power);
  let best = ended[0]!;
  for (const path of ended) {
    const [score, most] = [scored(path), scored(best)];
    if (score > most || (score === most && earlier(symbolsOf(path), symbolsOf(best)))) best = path;
  }
  return { symbols: symbolsOf(best), log: best.log, score: scored(best), work };
}

function symbolsOf(path: Path): number[] {
  const symbols = new Array<number>(path.length);
  for (let at: Path | undefined = path; at; at = at.before) symbols[at.length - 1] = at.symbol;
  return symbols;
}

function earlier(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((symbol, i) => symbol !== b[i]);
  return at >= 0 && a[at]! < b[at]!;
}
