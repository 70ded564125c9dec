/** `tidecast run` over the pipeline of a trial, as a process of its own, and what it says and answers. */
import { execFileSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { until } from '../support/servers.ts';
import { ended, type Trial } from './trial.ts';

const PROGRAM = resolve('dist/src/cli/main.js');

export interface LineOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of Node.js. */
  readonly node?: readonly string[];
}

export class LineProcess {
  readonly child: ChildProcess;
  /** Its lines of log and whatever else it said. */
  said = '';
  readonly #url: string;

  constructor(trial: Trial, { env = {}, node = [] }: LineOptions = {}) {
    this.#url = `http://127.0.0.1:${trial.port}`;
    this.child = trial.spawn([...node, PROGRAM, 'run', trial.pipeline], env);
    for (const stream of [this.child.stdout, this.child.stderr])
      stream!.on('data', (text: Buffer) => (this.said += text.toString()));
  }

  /** The log, line by line. */
  get log(): Record<string, unknown>[] {
    return this.said.split('\n').flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? [JSON.parse(line)] : []));
  }

  /** How often the log says that something happened. */
  count(event: string): number {
    return this.log.filter((line) => line['event'] === event).length;
  }

  /** The answer to a request, 0 while nobody answers. */
  async ask(path: '/health' | '/ready' | '/metrics'): Promise<{ status: number; text: string }> {
    try {
      const answer = await fetch(this.#url + path, { signal: AbortSignal.timeout(5000) });
      return { status: answer.status, text: await answer.text() };
    } catch {
      return { status: 0, text: '' };
    }
  }

  /** Waits until `/ready` answers with this status. */
  async becomes(status: 200 | 503): Promise<void> {
    let last = '';
    await until(`/ready is ${status}`, async () => {
      const answer = await this.ask('/ready');
      last = answer.text;
      return answer.status === status;
    }).catch((cause: unknown) => {
      throw new Error(`/ready says ${last}; the log ends with ${this.said.slice(-2000)}`, { cause });
    });
  }

  /** A number of `/metrics`, summed over its labels; NaN while nobody answers. */
  async metric(name: string): Promise<number> {
    return (await this.metrics(name))[0]!;
  }

  /** Several of one answer: the delays of the event loop are those since the last one. */
  async metrics(...names: string[]): Promise<number[]> {
    const { status, text } = await this.ask('/metrics');
    return names.map((name) => {
      const found = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))];
      return status === 200 ? found.reduce((sum, [, value]) => sum + Number(value), 0) : NaN;
    });
  }

  /** Megabytes of resident memory. */
  get memory(): number {
    const { pid } = this.child;
    if (process.platform !== 'linux') return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) / 1024;
    return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
  }

  /** Watches the memory until what it returns is called, which gives the highest value. */
  watchMemory(): () => number {
    let highest = 0;
    let over = false;
    const look = async () => {
      for (; !over && this.child.exitCode === null && this.child.signalCode === null; await wait(100))
        highest = Math.max(highest, this.memory);
    };
    void look().catch(() => undefined);
    return () => {
      over = true;
      return highest;
    };
  }

  /** Asks it to stop; gives the exit code. */
  async stop(): Promise<number | null> {
    this.child.kill('SIGTERM');
    return ended(this.child);
  }
}
