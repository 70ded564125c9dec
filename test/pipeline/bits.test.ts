/** The same bits on every machine: hashes of a seeded run, recorded once, on this Node and on others where CI has put them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const FIXTURE = JSON.parse(readFileSync('test/fixtures/bits/bits.json', 'utf8')) as Record<string, unknown>;
const PROGRAM = resolve('dist/test/support/bits.js');
/** Programs of other Node versions, `:` between them; `.ci/run` sets it. */
const OTHERS = (process.env['TIDECAST_NODES'] ?? '').split(':').filter((path) => path !== '');

it.each(['rnn', 'gru', 'lstm'])(`%s on Node ${process.version} gives the recorded bits`, (cell) => {
  expect(JSON.parse(execFileSync(process.execPath, [PROGRAM, cell], { encoding: 'utf8' }))).toEqual(FIXTURE[cell]);
});

// the others are checked where CI has installed them: a developer's machine has one Node
it.skipIf(OTHERS.length === 0)('other versions of Node give the recorded bits', () => {
  for (const node of OTHERS) {
    for (const cell of ['gru', 'lstm'])
      expect(JSON.parse(execFileSync(node, [PROGRAM, cell], { encoding: 'utf8' })), node).toEqual(FIXTURE[cell]);
  }
});
