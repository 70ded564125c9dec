/** Trains in threads of its own, so that the line never stands still; whatever happens there, the old weights stay. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { TidecastError } from '../core/errors.ts';
import type { TrainingJob, TrainingResult } from './job.ts';
import { joinParts, partsOf, type TrainedPart } from './train.ts';
import { ThreadFailure, WorkerThread } from './worker-thread.ts';

/** Runs a job somewhere and resolves with its result. */
export type TrainingRunner = (job: TrainingJob) => Promise<TrainingResult>;

const HEAP_MB = 1024;
const MOST_THREADS = 8;

export interface TrainingWorkerOptions {
  /** Cores that are left to others. Default: 0. */
  readonly spare?: number;
  /** A job that takes longer is ended with its threads, ms. */
  readonly deadline: number;
  /** Sets and clears the deadline; handed in, because this folder keeps no clock. */
  readonly timer: (ms: number, late: () => void) => () => void;
  /** JavaScript heap of a thread; its arrays lie outside of it. Default: 1024. */
  readonly heapMegabytes?: number;
  /** The threads' program; by default the one beside this file. */
  readonly program?: URL;
}

/** Threads that share a job's parts, started as they are needed, restarted after a job that failed, ended by `close`. */
export class TrainingWorker {
  readonly #options: TrainingWorkerOptions;
  readonly #threads: readonly WorkerThread[];

  constructor(options: TrainingWorkerOptions) {
    this.#options = options;
    const start = () =>
      new Worker(options.program ?? program(), {
        resourceLimits: { maxOldGenerationSizeMb: options.heapMegabytes ?? HEAP_MB },
      });
    const length = Math.max(1, Math.min(MOST_THREADS, availableParallelism() - (options.spare ?? 0)));
    this.#threads = Array.from({ length }, () => new WorkerThread(start));
  }

  /** Trains, one job at a time; rejects with `TRAIN_FAILED` when a thread throws, runs out of memory or exits, or the deadline passes. */
  async run(job: TrainingJob): Promise<TrainingResult> {
    const { deadline, timer } = this.#options;
    const parts = partsOf(job);
    const trained: TrainedPart[] = [];
    let next = 0;
    const turn = async (thread: WorkerThread): Promise<void> => {
      while (next < parts.length) {
        const at = next++;
        trained[at] = (await thread.ask({ job, part: parts[at] })) as TrainedPart;
      }
    };
    const stopTimer = timer(deadline, () => void this.#end(`took longer than ${deadline} ms`));
    try {
      await Promise.all(this.#threads.map(turn));
    } catch (cause) {
      // the others must not answer the next job with what they were asked by this one
      next = parts.length;
      void this.#end('another part failed');
      if (!(cause instanceof ThreadFailure)) throw cause;
      const facts = { trigger: new Date(job.trigger).toISOString(), reason: cause.message };
      throw new TidecastError('TRAIN_FAILED', facts, { cause: cause.cause });
    } finally {
      stopTimer();
    }
    return joinParts(job, trained);
  }

  async #end(reason: string): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end(reason)));
  }

  close(): Promise<void> {
    return this.#end('the run ended before it did');
  }
}

/** A thread cannot load TypeScript on every supported Node, so sources use the built program. */
function program(): URL {
  const beside = new URL('./worker-main.js', import.meta.url);
  return existsSync(fileURLToPath(beside)) ? beside : new URL('../../dist/src/train/worker-main.js', import.meta.url);
}
