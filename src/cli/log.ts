/** The log of a run: a line of JSON for each thing worth it, for programs that gather them. */
import { pino, stdTimeFunctions } from 'pino';
import { TidecastError } from '../core/errors.ts';
import type { Notice } from './notices.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export interface Log {
  /** Something that happened. */
  tell(notice: Notice): void;
  /** Where health and metrics are. */
  serving(url: string): void;
  /** What ended the run. */
  failed(error: unknown): void;
}

/** Lines go to `write`, without their ends. Fields: `level`, `time` (ISO 8601), `pipeline`, `event`, those of the event, `msg`. */
export function log(pipeline: string, level: LogLevel, write: (line: string) => void): Log {
  const lines = pino(
    {
      level,
      base: { pipeline },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => write(line.replace(/\n$/, '')) },
  );
  return {
    tell: ({ level: at, event, text, facts }) => lines[at]({ event, ...short(facts) }, text),
    serving: (url) => lines.info({ event: 'web.serving', url }, 'health and metrics are served'),
    failed: (error) => {
      if (error instanceof TidecastError && error.code !== 'INTERNAL')
        return lines.error({ event: 'run.failed', code: error.code, exit: error.exit, facts: error.facts }, error.message);
      const stack = error instanceof Error ? error.stack : undefined;
      lines.error({ event: 'run.failed', code: 'INTERNAL', stack }, String(error));
    },
  };
}

/** Numbers with six digits that count. */
function short(facts: Notice['facts']): Notice['facts'] {
  const round = (value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, round(value)]));
}
