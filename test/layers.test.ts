/** The rules of the house, held over every source file, and shown to fail where they are broken. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SINKS, SOURCES } from '../connectors/index.ts';
import { FORECASTERS } from '../src/forecast/index.ts';
import { brokenRules } from './support/source-rules.ts';

const root = new URL('..', import.meta.url).pathname;

function filesBelow(folder: string): string[] {
  return readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !file.includes('/assembly/'))
    .sort();
}

const files = [...filesBelow('src'), ...filesBelow('connectors')];
const texts = new Map([...files, ...filesBelow('test')].map((file) => [file, readFileSync(root + file, 'utf8')]));

describe('every file keeps the rules of the house', () => {
  it('there are files to look at', () => {
    expect(files.length).toBeGreaterThan(50);
  });
  it('none breaks any', () => {
    const broken = [...texts].flatMap(([file, text]) => brokenRules(file, text).map((rule) => `${file} ${rule}`));
    expect(broken).toEqual([]);
  });
  it('the median file of src and connectors is under 120 lines', () => {
    const lengths = files.map((file) => texts.get(file)!.trimEnd().split('\n').length).sort((a, b) => a - b);
    expect(lengths[lengths.length >> 1]).toBeLessThan(120);
  });
});

describe('lists and folders agree', () => {
  it('connectors/index.ts names every connector', () => {
    const inFolder = readdirSync(`${root}connectors`)
      .filter((name) => /-(source|sink)\.ts$/.test(name))
      .map((name) => name.replace('.ts', ''));
    const inList = [...SOURCES, ...SINKS].map(({ name, kind }) => `${name}-${kind}`);
    expect(inList.sort()).toEqual(inFolder.sort());
  });
  it('connectors/ holds connectors, the list, formats, and what a source and a sink of one system share, nothing else', () => {
    const others = readdirSync(`${root}connectors`).filter((name) => !/-(source|sink)\.ts$/.test(name));
    expect(['formats', 'index.ts', 'influx', 'kafka']).toEqual(expect.arrayContaining(others));
  });
  it('src/forecast/index.ts names every forecaster', () => {
    const inFolder = filesBelow('src/forecast').filter((file) => /^export default defineForecaster/m.test(texts.get(file)!));
    expect(FORECASTERS.map(({ name }) => `src/forecast/${name}.ts`).sort()).toEqual(inFolder);
  });
});

describe('a broken rule is seen', () => {
  it.each([
    ['src/core/batch.ts', "import { x } from '../nn/network.ts';", 'core imports nothing above itself'],
    ['src/nn/network.ts', "import { x } from '../core/lanes.ts';", 'nn uses errors, random and math'],
    ['src/nn/network.ts', "import { x } from '../window/ring.ts';", 'nn imports core only'],
    ['src/window/bars.ts', "import { x } from '../stream/clean.ts';", 'imports point down'],
    ['src/forecast/naive.ts', "import { map } from 'rxjs';", 'rxjs, which begins at src/stream'],
    ['src/train/schedule.ts', "import type { X } from '../pipeline/spec.ts';", 'imports point down'],
    ['src/pipeline/build.ts', "import { SOURCES } from '../../connectors/index.ts';", 'only src/cli imports connectors'],
    ['src/cli/run.ts', "import x from '../../connectors/arrow-source.ts';", 'only src/cli imports connectors/index.ts'],
    ['src/pipeline/build.ts', "import x from '../web/health.ts';", 'only src/cli does'],
    ['src/web/health.ts', "import x from '../stream/clean.ts';", 'web imports core only'],
    ['src/interop/keras.ts', "import x from '../stream/clean.ts';", 'interop imports core, nn, forecast only'],
    ['src/misplaced/thing.ts', "import x from '../core/batch.ts';", 'is no layer'],
    ['connectors/csv-source.ts', "import x from './arrow-source.ts';", 'never imports another'],
    ['connectors/csv-source.ts', "import x from '../src/forecast/naive.ts';", 'connectors import src/core only'],
    ['connectors/csv-source.ts', "import { map } from 'rxjs';", 'rxjs'],
    ['connectors/influx-sink.ts', "import { InfluxDB } from 'influx';", 'load it with import()'],
    ['src/cli/run.ts', "import * as arrow from 'apache-arrow';", 'belongs to connectors'],
    ['src/stream/clean.ts', "const later = import('../cli/run.ts');", 'imports point down'],
    ['src/stream/clean.ts', "import x from '../../test/support/x.ts';", 'tests import code'],
    ['src/stream/clean.ts', "import x from './window';", 'without its ending'],
    ['src/stream/clean.ts', 'async function f() {}', 'waits (async)'],
    ['src/window/bars.ts', 'const p: Promise<void> = x;', 'waits (Promise)'],
    ['src/window/bars.ts', 'const t = Date.now();', 'uses Date.now'],
    ['src/window/bars.ts', 'const t = new Date();', 'uses Date.now'],
    ['src/core/random.ts', 'const r = Math.random();', 'uses Math.random'],
    ['src/pipeline/run.ts', 'setTimeout(f, 1);', 'uses setTimeout'],
    ['src/pipeline/run.ts', 'const e = process.env.X;', 'uses process.env'],
    ['src/stream/clean.ts', "console.log('x');", 'uses console'],
    ['src/core/utils.ts', '', 'has a name that says nothing'],
    ['src/core/lane-manager.ts', '', 'has a name that says nothing'],
    ['src/common/x.ts', '', 'has a name that says nothing'],
    ['src/core/LaneTable.ts', '', 'kebab-case'],
    ['src/core/lanes.ts', 'x;\n'.repeat(301), 'has 301 lines'],
  ])('%s: %s', (path, source, rule) => {
    expect(brokenRules(path, source).join('\n')).toContain(rule);
  });
  it.each([
    ['src/window/bars.ts', '// Date.now() and Promise in a comment\nconst text = "Math.random()";'],
    ['src/cli/run.ts', "import { COMPONENTS } from '../../connectors/index.ts';\nconst t = Date.now();"],
    ['connectors/influx-sink.ts', "import type { InfluxDB } from 'influx';\nasync function f() { await import('influx'); }"],
    ['src/core/lanes.ts', `/** Over 300 lines, because it is one table. */\n${'x;\n'.repeat(301)}`],
    ['src/window/bars.ts', 'const d = new Date(0);'],
  ])('%s: what is allowed stays allowed', (path, source) => {
    expect(brokenRules(path, source)).toEqual([]);
  });
});
