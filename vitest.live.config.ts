/** `npm run test:live`: the tests that need a Kafka or an InfluxDB, real ones. */
import { defineConfig } from 'vitest/config';
import { whatIsMissing } from './test/live/support/global.ts';

export default defineConfig(async () => {
  const missing = await whatIsMissing();
  if (missing !== undefined && process.env['CI']) throw new Error(`The live tests cannot run. ${missing}`);
  return {
    test: {
      // one test that is skipped, and says why
      include: missing === undefined ? ['test/live/**/*.test.ts'] : ['test/live/support/skipped.ts'],
      env: missing === undefined ? {} : { TIDECAST_MISSING: missing },
      globalSetup: missing === undefined ? ['test/live/support/global.ts'] : [],
      testTimeout: 120_000,
      hookTimeout: 180_000,
      teardownTimeout: 30_000,
      maxWorkers: 3,
    },
  };
});
