/** A training thread: parts of jobs in, what they came to out. */
import { parentPort } from 'node:worker_threads';
import type { TrainingJob } from './job.ts';
import { trainPart, type TrainingPart } from './train.ts';

parentPort!.on('message', ({ job, part }: { job: TrainingJob; part: TrainingPart }) =>
  parentPort!.postMessage(trainPart(job, part)),
);
