/** What a verb may touch of the world: text out, the size of the window, and being asked to stop. Tests hand in their own. */
import { stripVTControlCharacters, styleText } from 'node:util';

/** How text is emphasised; on a terminal without colour it is left alone. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
export type Paint = (style: Style, text: string) => string;

export interface Terminal {
  /** Results, to standard output. */
  out(text: string): void;
  /** Progress and complaints, to standard error. */
  err(text: string): void;
  /** Whether a live view can be drawn on standard output. */
  readonly live: boolean;
  readonly paint: Paint;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Columns now. */
  width(): number;
  /** Lines now. */
  height(): number;
  /** A stop on SIGINT or SIGTERM; `dispose` gives the signals back. */
  stopper(): { readonly signal: AbortSignal; dispose(): void };
}

/** No emphasis. */
export const plainPaint: Paint = (_, text) => text;

/** ANSI emphasis. */
export const colourPaint: Paint = (style, text) => styleText(style, text);

/** The process's own terminal. */
export function processTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  const colour = stdout.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  for (const stream of [stdout, stderr]) {
    // the reader of a pipe may leave early (`| head`): that is no fault
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  return {
    out: (text) => void stdout.write(`${text}\n`),
    err: (text) => void stderr.write(`${stderr.isTTY ? text : stripVTControlCharacters(text)}\n`),
    live: Boolean(stdout.isTTY) && !env['CI'] && env['TERM'] !== 'dumb',
    paint: colour ? colourPaint : plainPaint,
    folder: process.cwd(),
    env,
    width: () => stdout.columns || 80,
    height: () => stdout.rows || 24,
    stopper,
  };
}

function stopper() {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    // the second request is obeyed at once: the checkpoint on disk is sound at any moment
    if (controller.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    controller.abort(signal);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    dispose: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
