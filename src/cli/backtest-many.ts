/** Several backtests at once, each in a thread of its own: a spec is a line, and lines share nothing. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { resolve } from 'node:path';
import { EXIT, TidecastError } from '../core/errors.ts';
import { COMPONENTS } from './components.ts';
import { countOption, settings } from './backtest.ts';
import type { ThreadWork } from './backtest-thread.ts';
import { loadReplayed } from './recording.ts';
import type { Report } from './report.ts';
import { summaryText } from './summary.ts';
import type { Terminal } from './terminal.ts';
import type { Call } from './verbs.ts';

/** How a backtest in a thread ended. */
export interface Ended {
  readonly code: number;
  readonly outcome?: Report | undefined;
  readonly failure?: unknown;
}

/** Runs them and tells their outcomes in the order in which they were named. */
export async function backtestMany(call: Call, terminal: Terminal): Promise<number> {
  const { out, source } = call.options;
  const { over } = settings(call.options);
  const loading = { ...COMPONENTS, env: terminal.env, from: terminal.folder };
  const recording = typeof source === 'string' ? resolve(terminal.folder, source) : undefined;
  // a slip in the last one should not take minutes to show
  const names = call.arguments.map((file) => loadReplayed(resolve(terminal.folder, file), loading, recording, over).name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined && typeof out === 'string')
    throw new TidecastError('CLI_USAGE', { name: twice, problem: 'two pipelines of one name would share a folder of `--out`' });

  const works = call.arguments.map((file, i): ThreadWork => ({
    call: {
      arguments: [file],
      options: { ...call.options, json: true, ...(typeof out === 'string' ? { out: join(out, names[i]!) } : {}) },
    },
    folder: terminal.folder,
    env: terminal.env,
  }));
  const ended = await inThreads(works, terminal, threadsOf(call));
  if (call.options['json']) {
    const backtests = ended.map(({ outcome, failure }) => (outcome ? { ok: true, ...outcome } : failure));
    terminal.out(JSON.stringify({ ok: ended.every(({ code }) => code === EXIT.ok), backtests }, null, 2));
  } else for (const { outcome } of ended) if (outcome) terminal.out(`\n${summaryText(outcome, terminal.paint)}`);
  return ended.find(({ code }) => code !== EXIT.ok)?.code ?? EXIT.ok;
}

/** How many threads work at once. */
export function threadsOf({ options }: Call): number {
  return countOption('--threads', options['threads'], 1) ?? availableParallelism();
}

/** Runs each in a thread of its own, so many at once; how they ended, in their order. */
export async function inThreads(works: readonly ThreadWork[], terminal: Terminal, threads: number): Promise<Ended[]> {
  const { signal, dispose } = terminal.stopper();
  const ended: Ended[] = [];
  const waiting = [...works.keys()];
  const turn = async (): Promise<void> => {
    for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) ended[i] = await inThread(works[i]!, terminal, signal);
  };
  try {
    await Promise.all(Array.from({ length: Math.min(threads, works.length) }, turn));
  } finally {
    dispose();
  }
  return ended;
}

function inThread(work: ThreadWork, terminal: Terminal, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program(), { workerData: { ...work, env: { ...work.env } } });
    const abort = () => worker.postMessage('stop');
    let outcome: Report | undefined;
    let last: { code: number; failure?: unknown } | undefined;
    worker.on('message', (said: { line?: string; outcome?: Report; code?: number; failure?: unknown }) => {
      if (said.line !== undefined) terminal.err(`${work.label ?? ''}${said.line}`);
      outcome = said.outcome ?? outcome;
      if (said.code !== undefined) last = { code: said.code, failure: said.failure };
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      signal.removeEventListener('abort', abort);
      if (last) resolve({ ...last, outcome });
      else
        reject(new TidecastError('INTERNAL', { file: work.call.arguments[0]!, problem: 'the thread of a backtest ended early' }));
    });
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/** A thread cannot load TypeScript on every supported Node, so sources use the built program. */
function program(): URL {
  const beside = new URL('./backtest-thread.js', import.meta.url);
  return existsSync(fileURLToPath(beside)) ? beside : new URL('../../dist/src/cli/backtest-thread.js', import.meta.url);
}
