/** Trains in a thread of its own, so that the line never stands still; whatever happens there, the old weights stay. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { TidecastError } from '../core/errors.ts';
import type { TrainingJob, TrainingResult } from './job.ts';

/** Runs a job somewhere and resolves with its result. */
export type TrainingRunner = (job: TrainingJob) => Promise<TrainingResult>;

const HEAP_MB = 1024;

export interface TrainingWorkerOptions {
  /** A job that takes longer is ended with its thread, ms. */
  readonly deadline: number;
  /** Sets and clears the deadline; handed in, because this folder keeps no clock. */
  readonly timer: (ms: number, late: () => void) => () => void;
  /** JavaScript heap of the thread; its arrays lie outside of it. Default: 1024. */
  readonly heapMegabytes?: number;
  /** The thread's program; by default the one beside this file. */
  readonly program?: URL;
}

/** One thread, started at the first job, restarted after a job that failed, ended by `close`. */
export class TrainingWorker {
  readonly #options: TrainingWorkerOptions;
  #worker: Worker | undefined;
  #closed = false;

  constructor(options: TrainingWorkerOptions) {
    this.#options = options;
  }

  /** Trains; rejects with `TRAIN_FAILED` when the thread throws, runs out of memory, exits or misses the deadline. */
  run(job: TrainingJob): Promise<TrainingResult> {
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a thread speaks in whatever it was sent
      const listeners: Record<string, (value: any) => void> = {
        message: (result: TrainingResult) => end(() => resolve(result)),
        messageerror: (cause: Error) => fail('its answer could not be read', cause),
        // a thread may throw anything
        error: (cause: unknown) => fail(cause instanceof Error ? cause.message : String(cause), cause),
        exit: (code: number) => fail(this.#closed ? 'the run ended before it did' : `the thread ended with code ${code}`),
      };
      const end = (settle: () => void) => {
        stopTimer();
        // one by one: removing all would also remove the thread's own, and its port would never speak again
        for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
        settle();
      };
      const fail = (reason: string, cause?: unknown) =>
        end(() => {
          if (this.#worker === worker) this.#worker = undefined;
          void worker.terminate();
          reject(new TidecastError('TRAIN_FAILED', { trigger: new Date(job.trigger).toISOString(), reason }, { cause }));
        });
      const stopTimer = this.#options.timer(this.#options.deadline, () => fail(`took longer than ${this.#options.deadline} ms`));
      for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
      worker.postMessage(job);
    });
  }

  #start(): Worker {
    const worker = new Worker(this.#options.program ?? program(), {
      resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMegabytes ?? HEAP_MB },
    });
    // what a thread says between two jobs, or while it dies, must not end the process
    worker.on('error', () => undefined);
    // a job that is handed to a thread that has ended would never be answered
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

/** A thread cannot load TypeScript on every supported Node, so sources use the built program. */
function program(): URL {
  const beside = new URL('./worker-main.js', import.meta.url);
  return existsSync(fileURLToPath(beside)) ? beside : new URL('../../dist/src/train/worker-main.js', import.meta.url);
}
