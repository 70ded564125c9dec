/** The training thread: jobs in, results out. */
import { parentPort } from 'node:worker_threads';
import { train } from './train.ts';
import type { TrainingJob } from './job.ts';

parentPort!.on('message', (job: TrainingJob) => parentPort!.postMessage(train(job)));
