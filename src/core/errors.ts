/**
 * Every error a user can meet: one table, one class.
 *
 * A message always reads `what happened (facts). What to do.`; the code says where and what. The reference page of errors is
 * generated from this table, and a test compares the two. Exit codes follow sysexits(3).
 */

/** Process exit codes, documented in `docs/errors.md`. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 64,
  data: 65,
  noInput: 66,
  unavailable: 69,
  internal: 70,
  cannotCreate: 73,
  io: 74,
  tryAgain: 75,
  config: 78,
} as const;

export interface ErrorEntry {
  /** What happened, without a full stop. */
  readonly what: string;
  /** What the reader should do, as a full sentence. */
  readonly todo: string;
  /** Exit code of the process when this error ends it. */
  readonly exit: number;
  /** Whether trying the same thing again can succeed. */
  readonly retriable?: true;
}

/** THE table. Keys are `<WHERE>_<WHAT>`; keep each section sorted. */
export const ERRORS = {
  // -- src/core
  LANES_FULL: { what: 'No lane is free for a new series', todo: 'Raise `state.max_lanes`, or shorten `state.time_to_live`.', exit: EXIT.data },
  STATE_SHAPE: { what: 'The saved state is of another shape than this pipeline', todo: 'Undo the change of the pipeline, or start over with `--fresh`.', exit: EXIT.config },
  // -- connectors
  // -- src/nn
  // -- src/window
  // -- src/forecast
  // -- src/train
  // -- src/stream
  // -- src/pipeline
  // -- src/backtest
  // -- src/cli
  INTERNAL: { what: 'Something that should never happen did', todo: 'This is likely a bug: please report it with the lines above.', exit: EXIT.internal },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** Facts that go into the brackets of a message; order is kept. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * The one error class.
 *
 * `code` is a key of {@link ERRORS}; `facts` are the values a program would read; `cause` is what lies beneath.
 */
export class TidecastError extends Error {
  override readonly name = 'TidecastError';
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly retriable: boolean;
  readonly exit: number;

  constructor(code: ErrorCode, facts: Facts = {}, options?: { cause?: unknown }) {
    const entry: ErrorEntry = ERRORS[code];
    super(sentence(entry, facts), options);
    this.code = code;
    this.facts = facts;
    this.retriable = entry.retriable ?? false;
    this.exit = entry.exit;
  }
}

function sentence(entry: ErrorEntry, facts: Facts): string {
  const listed = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${String(value)}`)
    .join(', ');
  return `${entry.what}${listed ? ` (${listed})` : ''}. ${entry.todo}`;
}
