/** The thread of one backtest among several: a call in, its lines and its outcome out. */
import { parentPort, workerData } from 'node:worker_threads';
import { backtestOne } from './backtest.ts';
import { report } from './failure.ts';
import { plainPaint, type Terminal } from './terminal.ts';
import type { Call } from './verbs.ts';

/** What a thread is told. */
export interface ThreadWork {
  readonly call: Call;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Stands before its lines, where several have one name. */
  readonly label?: string;
}

const { call, folder, env } = workerData as ThreadWork;
const stop = new AbortController();
parentPort!.once('message', () => stop.abort());
const terminal: Terminal = {
  out: () => undefined,
  err: (text) => parentPort!.postMessage({ line: text }),
  live: false,
  paint: plainPaint,
  folder,
  env,
  width: () => 80,
  height: () => 24,
  stopper: () => ({ signal: stop.signal, dispose: () => undefined }),
};
let failure: unknown;
const heard: Terminal = { ...terminal, out: (text) => (failure = JSON.parse(text)) };
let code: number;
try {
  code = await backtestOne(call, heard, (outcome) => parentPort!.postMessage({ outcome }));
} catch (error) {
  code = report(error, heard, true);
}
parentPort!.postMessage({ code, failure: code === 0 ? undefined : failure });
// what still listens must not keep the thread
parentPort!.close();
