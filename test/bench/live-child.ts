/** The process that runs `live-line.ts`. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Span } from './live-line.ts';

export class LiveChild {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves when the line of `bench.yaml` in that folder runs. */
  static async start(folder: string): Promise<LiveChild> {
    const child = fork(fileURLToPath(new URL('./live-line.js', import.meta.url)), [join(folder, 'bench.yaml')], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the line ended')));
    await Promise.race([once(child, 'message'), ended]);
    ended.catch(() => undefined);
    return new LiveChild(child);
  }

  /** Begins a span. */
  measure(): void {
    this.#child.send('measure');
  }

  /** What happened since `measure`. */
  async report(): Promise<Span> {
    this.#child.send('report');
    const [span] = (await once(this.#child, 'message')) as [Span];
    return span;
  }

  /** Resident memory, bytes. */
  get resident(): number {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8'))![1]) * 1024;
  }

  /** Stops it as Ctrl-C would, or kills it where that takes too long. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 30_000);
    this.#child.send('stop');
    await gone;
    clearTimeout(late);
  }
}
