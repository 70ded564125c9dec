/** Pipeline files for tests: written to a folder of their own, with components that do not change when the real ones do. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { loadPipeline, type LoadedSpec, type LoadOptions } from '../../src/pipeline/load.ts';

const component = (kind: string, name: string, config: z.ZodType, rows = 1) => {
  return {
    kind,
    name,
    status: 'stable' as const,
    summary: `The ${name} ${kind}.`,
    config,
    example: '',
    guarantees: ['It is only for tests.'],
    lookback: () => rows,
  };
};

const file = z.strictObject({
  path: z.string().min(1).describe('The file.'),
  values: z.array(z.string()).min(1).default(['value']).describe('Value columns.'),
  token: z
    .string()
    .min(8)
    .regex(/^[a-f0-9]+$/)
    .optional()
    .meta({ secret: true })
    .describe('Token.'),
  options: z
    .strictObject({ rows: z.int().min(1).default(10).describe('Rows.') })
    .prefault({})
    .describe('Options.'),
});
const nothing = z.strictObject({});
const network = z.strictObject({
  cell: z.enum(['rnn', 'gru', 'lstm']).default('gru').describe('Cell.'),
  hidden: z.int().min(1).max(1024).default(32).describe('Units.'),
  layers: z.int().min(1).max(8).default(1).describe('Layers.'),
});

/** Two sources, two sinks, eight forecasters. */
export const TEST_COMPONENTS = {
  sources: [component('source', 'arrow', file), component('source', 'csv', file)],
  sinks: [
    component('sink', 'arrow', z.strictObject({ path: z.string().min(1).describe('Folder.') })),
    component('sink', 'console', z.strictObject({ every: z.int().min(1).default(1).describe('Rows.') })),
  ],
  forecasters: [
    component('forecaster', 'naive', nothing),
    component('forecaster', 'seasonal-naive', nothing),
    component('forecaster', 'linear', nothing),
    component('forecaster', 'holt-winters', nothing, 100),
    component('forecaster', 'ridge', nothing),
    component('forecaster', 'boosted', nothing),
    component('forecaster', 'recurrent', network),
    { ...component('forecaster', 'readout', nothing), builtOn: 'recurrent' },
  ],
};

/** Loads a pipeline from its text; the file is called `case.yaml`. */
export function loadText(text: string | Buffer, options: Partial<LoadOptions> = {}): LoadedSpec {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-spec-'));
  try {
    writeFileSync(join(folder, 'case.yaml'), text);
    return loadPipeline(join(folder, 'case.yaml'), { ...TEST_COMPONENTS, env: {}, from: folder, ...options });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
