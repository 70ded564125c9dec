/** `tidecast train`: a recording becomes a model that runs begin with. */
import { resolve } from 'node:path';
import { trainModel, type Learned } from '../backtest/train-model.ts';
import { TidecastError } from '../core/errors.ts';
import type { LoadedSpec, LoadOptions } from '../pipeline/load.ts';
import { fromHistory, timeOption } from './backtest.ts';
import { loadReplayed } from './recording.ts';
import { follow } from './run.ts';
import type { Verb } from './verbs.ts';

/** Rows between two trainings of a pipeline that trains never by itself. */
const EVERY = 1000;

export const train: Verb = async (call, terminal) => {
  const { out, source } = call.options;
  if (typeof out !== 'string')
    throw new TidecastError('CLI_USAGE', { '--out': 'missing', problem: 'say where the model is to be written' });
  const to = timeOption('--to', call.options['to']);
  const recording = typeof source === 'string' ? resolve(terminal.folder, source) : undefined;
  let learned: Learned | undefined;
  return follow(
    call,
    terminal,
    async (spec, given) => {
      const result = await trainModel(spec, resolve(terminal.folder, out), { ...given, to });
      ({ learned } = result);
      return result;
    },
    {
      load: (file, loading) => training(file, loading, recording),
      done: async (outcome) => (learned ? { ...outcome, learned } : outcome),
    },
  );
};

/** The pipeline over what it is trained on: its history, where it has one. */
function training(file: string, loading: LoadOptions, recording: string | undefined): LoadedSpec {
  const spec = loadReplayed(file, loading, recording);
  const every = { retrain: { every: EVERY * spec.window.interval } };
  const trained = spec.retrain ? spec : loadReplayed(file, loading, recording, every);
  return fromHistory(trained.history ? { ...trained, source: trained.history, history: undefined } : trained);
}
