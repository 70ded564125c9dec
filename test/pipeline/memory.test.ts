/** The network remembers what no window of 200 lags can hold; in full: `npm run accuracy -- --only memory`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { latches, latchLines } from '../bench/latch.ts';

const COMPONENTS = { sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS };
const folder = mkdtempSync(join(tmpdir(), 'tidecast-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('a late response comes more than 200 rows after the switch was last seen or told of, as often up as down', () => {
  let [up, down] = [0, 0];
  for (const { value, set, cue, late } of latches({ series: 6, rows: 8000 })) {
    for (let row = 0; row < late.length; row++) {
      if (!late[row]) continue;
      for (let back = 2; back <= 201; back++) {
        expect(Math.abs(set[row - back]!)).toBeLessThan(0.1);
        expect(cue[row - back]).toBe(0);
      }
      let way = 0;
      for (let back = 202; way === 0; back++) if (Math.abs(set[row - back]!) > 0.5) way = Math.sign(set[row - back]!);
      expect(Math.sign(value[row]!)).toBe(way);
      if (way > 0) up++;
      else down++;
    }
  }
  expect(up + down).toBeGreaterThan(80);
  expect(Math.abs(up - down)).toBeLessThanOrEqual(12);
});

it('short form: in the last rows the network has learnt to hold it for longer than errors are carried back (96 rows)', async () => {
  const [all, from] = [latches({ series: 24, rows: 5000, late: [110, 140] }), 3500];
  const path = join(folder, 'memory.csv');
  writeFileSync(path, latchLines(all).join('\n'));
  const file = join(folder, 'memory.yaml');
  const sections = {
    source: { type: 'csv', path, time: 'time', series: 'series', values: ['value', 'set', 'cue'] },
    window: { grid: 'rows', interval: '1h' },
    forecast: { season: 24, targets: ['value'], models: ['naive', 'recurrent'] },
  };
  writeFileSync(file, JSON.stringify(sections));
  const late = new Map(all.map(({ name, late }) => [name, late]));
  const rows = new Map<string, number>();
  let [n, error] = [0, 0];
  await runPipeline(loadPipeline(file, { env: {}, ...COMPONENTS }), {
    ...COMPONENTS,
    signal: new AbortController().signal,
    fast: true,
    fresh: true,
    events: new EventBus(),
    watch: ({ length, lanes, keys, errors }) => {
      for (let i = 0; i < length; i++) {
        const name = keys[lanes[i]!]!;
        const row = rows.get(name) ?? 0;
        rows.set(name, row + 1);
        if (row < from || !late.get(name)![row]) continue;
        n++;
        error += Math.abs(errors[i]!);
      }
    },
  });
  console.log(`error of ${n} late responses: ${(error / n).toFixed(3)} of their height`);
  // whoever does not know the way is off by 1
  expect(n).toBeGreaterThan(30);
  expect(error / n).toBeLessThan(0.5);
});
