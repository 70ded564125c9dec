/** How a failure is told: the message and what to do for what users can meet, a stack only for what is a bug. */
import { EXIT, TidecastError } from '../core/errors.ts';
import { FileError } from '../pipeline/problem.ts';
import type { Terminal } from './terminal.ts';

/** Tells a failure and gives the exit code it ends with. With `json` it is one JSON document on standard output as well. */
export function report(error: unknown, terminal: Pick<Terminal, 'out' | 'err'>, json: boolean): number {
  if (error instanceof TidecastError && error.code !== 'INTERNAL') {
    terminal.err(error instanceof FileError ? error.message : `tidecast: ${error.message}`);
    if (json) terminal.out(JSON.stringify({ ok: false, error: asJson(error) }, null, 2));
    return error.exit;
  }
  terminal.err(error instanceof Error ? (error.stack ?? error.message) : String(error));
  terminal.err('tidecast: Something that should never happen did. This is likely a bug: please report it with the lines above.');
  if (json) terminal.out(JSON.stringify({ ok: false, error: { code: 'INTERNAL', message: String(error) } }, null, 2));
  return EXIT.internal;
}

function asJson(error: TidecastError): Record<string, unknown> {
  const problems = error instanceof FileError ? { problems: error.problems } : {};
  return { code: error.code, message: error.message, facts: error.facts, ...problems };
}
