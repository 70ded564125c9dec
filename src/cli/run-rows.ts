/** TO BE WIRED by the lead: replace this file by `src/pipeline/run-rows.ts` and import that from test.ts. */
import { TidecastError } from '../core/errors.ts';
import type { RunRows } from '../pipeline/test-case.ts';

export const runRows: RunRows = async () => {
  throw new TidecastError('INTERNAL', { problem: 'src/cli/run-rows.ts is not wired yet' });
};
