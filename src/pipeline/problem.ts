/** What is wrong with a file that a user wrote: where, what, and the nearest thing that would be right. */
import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { TidecastError, type ErrorCode } from '../core/errors.ts';

/** One fault, with its place; lines and columns count from 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** A file that a user wrote is wrong: every fault at once, in the order of the file. */
export class FileError extends TidecastError {
  readonly problems: readonly Problem[];

  constructor(code: ErrorCode, problems: readonly Problem[]) {
    const sorted = [...problems].sort((a, b) =>
      a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
    );
    super(code, { file: sorted[0]?.file, problems: sorted.length });
    this.problems = sorted;
    this.message = [...sorted.map(written), this.message].join('\n');
  }
}

/** `file:line:column message`, as editors and terminals make it a link. */
export function written({ file, line, column, message }: Problem): string {
  return `${file}:${line}:${column} ${message}`;
}

/** The known word that was probably meant, or undefined when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length > 100) return undefined;
  let best: string | undefined;
  // two letters swapped are two steps apart
  let least = (word.length < 4 ? 1 : Math.max(2, Math.floor(word.length / 3))) + 1;
  for (const each of known) {
    const d = each.toLowerCase() === word.toLowerCase() ? 0 : distance(word, each);
    if (d < least) [best, least] = [each, d];
  }
  return best;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

/** zod's error map: the sentence that follows a field's name. The value itself is added later, and only where it may be shown. */
export function explain(issue: RawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'too_big':
      return sized('most', issue.origin, Number(issue.maximum), issue.inclusive);
    case 'too_small':
      return sized('least', issue.origin, Number(issue.minimum), issue.inclusive);
    case 'invalid_value': {
      const hint = typeof issue.input === 'string' ? nearest(issue.input, issue.values.map(String)) : undefined;
      if (issue.input === undefined) return `is missing: one of ${issue.values.map(String).join(', ')}`;
      return `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map(String).join(', ')}${hint ? ` (did you mean "${hint}"?)` : ''}`;
    }
    case 'invalid_union':
      return issue.input === undefined ? 'is missing' : 'fits none of the forms that are allowed here';
    case 'invalid_format':
      return issue.format === 'regex' ? `must match ${String(issue['pattern'])}` : `must be a valid ${issue.format}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
      return 'is not a known field';
    case 'invalid_key':
      return 'has a key that is not allowed';
    default:
      return 'is not allowed';
  }
}

function sized(side: 'most' | 'least', origin: string, bound: number, inclusive = true): string {
  if (origin === 'string')
    return bound === 1 && side === 'least' ? 'must not be empty' : `must have at ${side} ${bound} characters`;
  if (origin === 'array' || origin === 'record' || origin === 'map')
    return `must have at ${side} ${bound} ${bound === 1 ? 'entry' : 'entries'}`;
  if (!inclusive) return `must be ${side === 'most' ? 'less' : 'greater'} than ${bound}`;
  return `must be at ${side} ${bound}`;
}
