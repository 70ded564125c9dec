/** The Grafana dashboard: every query finds something in what the real pipeline writes, every metric is one that tidecast has. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ManualClock } from '../../src/core/clock.ts';
import { EventBus } from '../../src/core/events.ts';
import { metrics } from '../../src/web/metrics.ts';
import { Progress } from '../../src/web/progress.ts';
import { influxQuery } from '../services/influx.ts';
import { filledIn, INFLUX_QUERIES, PROMETHEUS_QUERIES, VARIABLES } from './support/dashboard.ts';
import { influxUrl, newDatabase } from './support/servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-dashboard-'));
let database: string;

beforeAll(async () => {
  database = await newDatabase();
  // names with signs that mean something in a pattern
  writeFileSync(join(folder, 'ticks.csv'), `series,time,value\n${ticks(['a/b.c (1)', 'plain'])}`);
  writeFileSync(
    join(folder, 'line.yaml'),
    `name: line
source: { type: csv, path: ticks.csv }
window: { grid: rows, interval: 1m }
forecast: { horizon: 3, models: [naive, linear, { type: recurrent, hidden: 4 }] }
retrain: { every: 1h, rows: 100, epochs: 1 }
sinks: [{ type: influx, url: "${influxUrl()}", database: ${database} }]
`,
  );
  execFileSync(process.execPath, [resolve('dist/src/cli/main.js'), 'run', join(folder, 'line.yaml'), '--fast'], {
    stdio: 'pipe',
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function ticks(series: readonly string[]): string {
  const line = (name: string, i: number) =>
    `${name},${new Date(Date.UTC(2024, 0, 1, 0, i)).toISOString()},${Math.sin(i / 5) + i / 100}\n`;
  return Array.from({ length: 200 }, (_, i) => series.map((name) => line(name, i)).join('')).join('');
}

const CHOSEN = {
  pipeline: 'line',
  series: 'a/b.c (1)',
  target: 'value',
  step: '2',
  timeFilter: `time >= '2024-01-01T00:00:00Z' AND time < '2024-01-02T00:00:00Z'`,
  __interval: '10m',
};

describe('InfluxDB', () => {
  it('the variables list what there is', async () => {
    const listed: Record<string, unknown[]> = {};
    for (const [name, query] of VARIABLES) {
      const found = await influxQuery(influxUrl(), filledIn(query, CHOSEN), { database });
      listed[name] = found.flatMap(({ values }) => values.map(([, value]) => value)).sort();
    }
    expect(listed).toEqual({ pipeline: ['line'], series: ['a/b.c (1)', 'plain'], target: ['value'], step: ['1', '2', '3'] });
  });
  it.each(INFLUX_QUERIES)('%s', async (_, query) => {
    const found = await influxQuery(influxUrl(), filledIn(query, CHOSEN), { database });
    expect(found.length).toBeGreaterThan(0);
    // a series that was not chosen is not shown
    expect(found.map(({ tags }) => tags?.['series'] ?? CHOSEN.series)).not.toContain('plain');
    const columns = found[0]!.columns.slice(1);
    for (const [i, column] of columns.entries())
      expect(
        found.some(({ values }) => values.some((row) => row[i + 1] !== null)),
        `${column} has values`,
      ).toBe(true);
  });
  it('a pattern that fits nothing finds nothing: the test above can fail', async () => {
    for (const [, query] of INFLUX_QUERIES)
      expect(await influxQuery(influxUrl(), filledIn(query, { ...CHOSEN, pipeline: 'lin' }), { database })).toEqual([]);
  });
});

it('Prometheus: every metric of the dashboard is one that tidecast has', async () => {
  const events = new EventBus();
  const clock = new ManualClock();
  const progress = new Progress(clock, events);
  const page = await metrics({ pipeline: 'line', events, progress, clock, series: () => 0, ready: () => true }).text();
  const known = new Set<string>();
  for (const [, name, type] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm))
    for (const part of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) known.add(name! + part);
  const used = PROMETHEUS_QUERIES.flatMap(([, query]) => query.match(/tidecast_\w+/g) ?? []);
  expect(used.length).toBeGreaterThan(15);
  expect(used.filter((name) => !known.has(name))).toEqual([]);
});
