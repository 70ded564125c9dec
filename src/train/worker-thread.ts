/** One thread that answers one question at a time; started at the first, and again after one that failed. */
import { Worker } from 'node:worker_threads';

export class WorkerThread {
  readonly #start: () => Worker;
  #worker: Worker | undefined;
  #fail: ((reason: string, cause?: unknown) => void) | undefined;

  constructor(start: () => Worker) {
    this.#start = start;
  }

  /** Rejects with a {@link ThreadFailure} when the thread throws, runs out of memory or exits, or when {@link end} is called. */
  ask(question: unknown): Promise<unknown> {
    const worker = (this.#worker ??= this.#begin());
    return new Promise((resolve, reject) => {
      // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a thread speaks in whatever it was sent
      const listeners: Record<string, (value: any) => void> = {
        message: (answer: unknown) => settle(() => resolve(answer)),
        messageerror: (cause: Error) => fail('its answer could not be read', cause),
        // a thread may throw anything
        error: (cause: unknown) => fail(cause instanceof Error ? cause.message : String(cause), cause),
        exit: (code: number) => fail(`the thread ended with code ${code}`),
      };
      const settle = (then: () => void) => {
        this.#fail = undefined;
        // one by one: removing all would also remove the thread's own, and its port would never speak again
        for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
        then();
      };
      const fail = (this.#fail = (reason: string, cause?: unknown) =>
        settle(() => {
          if (this.#worker === worker) this.#worker = undefined;
          void worker.terminate();
          reject(new ThreadFailure(reason, { cause }));
        }));
      for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
      worker.postMessage(question);
    });
  }

  #begin(): Worker {
    const worker = this.#start();
    // what a thread says between two questions, or while it dies, must not end the process
    worker.on('error', () => undefined);
    // a question to a thread that has ended would never be answered
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return worker;
  }

  /** Ends the thread; what it was asked fails for that reason. */
  async end(reason: string): Promise<void> {
    const worker = this.#worker;
    this.#fail?.(reason);
    this.#worker = undefined;
    await worker?.terminate();
  }
}

/** Why a thread did not answer; `cause` is what it threw. */
export class ThreadFailure extends Error {}
