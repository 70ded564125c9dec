/** Inputs that nobody should have, found by hand: each must be refused at once or run to its end. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import arrow from '../../connectors/arrow-source.ts';
import csv from '../../connectors/csv-source.ts';
import { collect, context } from '../contract/source.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-adversarial-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(process.platform === 'win32')('a pipe that nobody writes to', () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);

  // to open it would block the process, and Ctrl-C with it
  it('is refused as an Arrow file', async () => {
    const source = (values?: string[]) => arrow.build(arrow.config.parse({ path: 'pipe', values }), context(folder));
    const refused = expect.objectContaining({
      code: 'SOURCE_FILE_UNREADABLE',
      facts: expect.objectContaining({ problem: 'not a regular file' }),
    });
    expect(() => source().channels).toThrow(refused);
    await expect(collect(source(['value']), undefined, Infinity)).rejects.toEqual(refused);
  });

  it('is refused as a CSV file whose columns would have to be looked for', () => {
    const source = csv.build(csv.config.parse({ path: 'pipe' }), context(folder));
    expect(() => source.channels).toThrow(/name its columns with `values`/);
  });
});
