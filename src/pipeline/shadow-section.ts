/** `shadow` of a pipeline file. */
import { z } from 'zod';
import { between, count, label, seasonsField, text } from './fields.ts';

const PROMOTE = z.strictObject({
  margin: between(0, 1)
    .default(0.02)
    .describe('Share by which the MAE of the one that takes over must be lower, at every step ahead.'),
  rows: count(1, 1_000_000_000)
    .default(1000)
    .describe('Rows, over all series, on which this is seen; after so many the count begins anew.'),
});

/** The section, given how a training and how a forecaster are written. */
export function shadowSection<Retrain extends z.ZodType, Model extends z.ZodType>(retrain: Retrain, model: Model) {
  return z
    .strictObject({
      name: label().default('shadow').describe('What it is called in events and lists.'),
      forecast: z
        .strictObject({
          season: seasonsField()
            .optional()
            .describe('Rows in a season, a list of such, or `none`. Default: those of `forecast`.'),
          models: z.array(model).min(1).max(16).optional().describe('Its forecasters. Default: those of `forecast`.'),
          weights: text(4096)
            .optional()
            .describe('The model to begin with. Default: that of `forecast`, unless models or seasons differ.'),
          output: label().optional().describe('`mixture`, or one of its models. Default: that of `forecast`.'),
        })
        .prefault({})
        .describe('What differs from `forecast`; targets, horizon and quantiles are the same.'),
      retrain: retrain.optional().describe('How its weights are trained. Default: like those of the pipeline.'),
      promote: PROMOTE.optional().describe(
        'When the two change places: the forecast of the shadow is sent out, and the other one runs in shadow. Absent: never.',
      ),
    })
    .optional()
    .describe('A second forecast of the same rows: scored beside the one that is sent out, and not sent out.');
}
