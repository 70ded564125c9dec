/** `/ready`: are both ends connected, and does the line go forward? */
import type { Clock } from '../core/clock.ts';
import type { Health } from '../core/connector.ts';
import { duration } from '../core/duration.ts';
import type { Progress } from './progress.ts';

/** One end of the line, or one thing that was looked at. */
export interface Answer extends Health {
  readonly name: string;
}

/** The whole answer, as `/ready` gives it. */
export interface Readiness {
  readonly ok: boolean;
  readonly ends: readonly Answer[];
  readonly checks: readonly Answer[];
}

/** What is judged. */
export interface ReadinessOptions {
  readonly progress: Progress;
  readonly clock: Clock;
  /** How long nothing may go forward, ms. */
  readonly within: number;
  /** Wall time between two checkpoints, ms. */
  readonly checkpoint: number;
  /** The run was asked to stop. */
  stopping(): boolean;
  /** Both ends; empty until the line is built. */
  ends(): readonly { readonly name: string; health(): Health | undefined }[];
}

/** How it is now. */
export function readiness({ progress, clock, within, checkpoint, stopping, ends }: ReadinessOptions): Readiness {
  const now = clock.elapsed();
  const unsaved = progress.unsavedSince === undefined ? 0 : now - progress.unsavedSince;
  const oldest = Math.max(3 * checkpoint, within);
  const told: Answer[] = ends().map((end) => ({ name: end.name, ...healthOf(end) }));
  const checks: Answer[] = [
    { name: 'line', ...line(progress, stopping()) },
    {
      name: 'progress',
      ok: progress.still <= within,
      detail: progress.caughtUp
        ? 'everything that is there was read'
        : `something went forward ${ago(progress.still)}${progress.training ? '; a training is running' : ''}`,
    },
    {
      name: 'checkpoint',
      ok: unsaved <= oldest,
      detail:
        progress.unsavedSince === undefined ? 'everything is saved' : `the oldest row that is not saved came ${ago(unsaved)}`,
    },
  ];
  return { ok: [...told, ...checks].every(({ ok }) => ok), ends: told, checks };
}

function line({ phase, waiting }: Progress, stopping: boolean): Health {
  const away = [...waiting].map(([name, reason]) => `${name}: ${reason}`).join('; ');
  if (stopping) return { ok: false, detail: 'stopping' };
  return { ok: phase === 'running', detail: phase === 'starting' && away ? `starting; ${away}` : phase };
}

function healthOf(end: { health(): Health | undefined }): Health {
  try {
    return end.health() ?? { ok: true, detail: 'nothing to connect to' };
  } catch {
    return { ok: false, detail: 'it cannot say how it is doing' };
  }
}

function ago(ms: number): string {
  return ms < 1000 ? 'just now' : `${duration(Math.round(ms / 1000) * 1000)} ago`;
}
