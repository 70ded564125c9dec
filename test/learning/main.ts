/**
 * `npm run learn [NAME...]`: every learning file that ships, or those named, with three fixed seeds each; writes docs/learning.md.
 *
 * Fails where a claim does not hold. Of files that are not named, the rows of the page stay as they are.
 */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { arch, cpus } from 'node:os';
import { SOURCES } from '../../connectors/index.ts';
import { learn } from '../../src/learn/learn.ts';
import { checkLearning, isLearning } from '../../src/learn/load.ts';
import { readPipelineFile } from '../../src/pipeline/load.ts';
import { commit } from '../support/commit.ts';
import { keptRows, learningPage, rowOf } from './page.ts';

const SEEDS = [1, 2, 3];
const PAGE = 'docs/learning.md';

const names = process.argv.slice(2);
const commitNow = commit(PAGE);

const rows: string[] = [];
let held = true;
for (const file of readdirSync('pipelines')
  .filter((name) => name.endsWith('.yaml'))
  .sort()) {
  const path = join('pipelines', file);
  const read = readPipelineFile(path);
  if (!isLearning(read)) continue;
  const spec = checkLearning(path, read, SOURCES);
  if (names.length > 0 && !names.includes(spec.name)) continue;
  for (const seed of SEEDS) {
    const result = await learn({ ...spec, seed }, { sources: SOURCES });
    held &&= result.claims.every(({ holds }) => holds);
    rows.push(rowOf(spec.name, seed, result, commitNow));
    console.log(rows.at(-1));
  }
}
const before = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
const machine = `${cpus().length} cores (${arch()}), Node.js ${process.version}`;
writeFileSync(
  PAGE,
  learningPage([...keptRows(before, new Set(rows.map((row) => row.split(' | ')[0]!))), ...rows].sort(), machine),
);
process.exit(held ? 0 : 1);
