/** `retrain.drift` of a pipeline file. */
import { z } from 'zod';
import { between, span } from './fields.ts';

/** What is watched, and when it leads to a training. */
export const DRIFT = z.strictObject({
  error: z
    .boolean()
    .default(false)
    .describe('Watch the forecast error of each series (ADWIN): train early when forecasts have lost their skill.'),
  inputs: z
    .boolean()
    .default(false)
    .describe('Watch level and scale of each channel of each series (Page-Hinkley): train early when they have moved.'),
  share: between(0, 1)
    .default(0.1)
    .describe('Share of the series that must have drifted since the last training; with few series one is enough.'),
  cool_down: span()
    .optional()
    .describe(
      'Event time after a training in which drift is not acted upon. Default: a quarter of `every`, or 250 intervals where trainings come as the series grow.',
    ),
});
