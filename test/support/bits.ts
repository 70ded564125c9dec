/** Prints the bits of a small seeded backtest with retraining, as JSON: the same on every machine and Node, or something is wrong. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { backtest } from '../../src/backtest/replay.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-bits-'));
try {
  const file = join(folder, 'bits.yaml');
  writeFileSync(
    file,
    `
name: bits
source: { type: synthetic, kind: seasonal, series: 3, rows: 4500, interval: 30m, seed: 5, period: 48 }
window: { grid: rows, interval: 30m, time_zone: America/New_York, ring: 512 }
forecast:
  horizon: 2
  season: 48
  models: [naive, seasonal-naive, holt-winters, linear, ridge, boosted, { type: recurrent, cell: ${process.argv[2] ?? 'gru'}, hidden: 8, rebuild: 32 }, readout]
retrain: { every: 5d, rows: 512, epochs: 1 }
`,
  );
  const outputs = createHash('sha256');
  const components = { sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS };
  const { stateHash } = await backtest(loadPipeline(file, { env: {}, ...components }), {
    ...components,
    events: new EventBus(),
    signal: new AbortController().signal,
    watch: ({ mean, quantiles, models }) => {
      outputs.update(new Uint8Array(mean.buffer, mean.byteOffset, mean.byteLength));
      outputs.update(new Uint8Array(quantiles.buffer, quantiles.byteOffset, quantiles.byteLength));
      outputs.update(models.join(' '));
    },
  });
  process.stdout.write(JSON.stringify({ state: stateHash, outputs: outputs.digest('hex') }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
