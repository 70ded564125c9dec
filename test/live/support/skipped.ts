import { it } from 'vitest';

it.skip(`the live tests: ${process.env['TIDECAST_MISSING']}`, () => undefined);
