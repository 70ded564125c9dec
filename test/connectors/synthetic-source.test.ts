import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import synthetic from '../../connectors/synthetic-source.ts';
import { collect, context, testSource } from '../contract/source.ts';

const KINDS = ['seasonal', 'random-walk', 'regime-shift', 'irregular', 'trades'] as const;

for (const kind of KINDS) {
  testSource({
    component: synthetic,
    title: kind,
    config: () => ({ kind, series: 3, rows: 5000, missing: 0.05 }),
    rows: 5000,
    large: () => ({ kind, series: 100, rows: 400_000 }),
  });
}

async function rows(config: Record<string, unknown>) {
  const source = synthetic.build(synthetic.config.parse(config) as never, context());
  return (await collect(source, undefined, Infinity)).map(
    ({ content }) => content as [string, number, number[], number | undefined],
  );
}

describe('what is made up', () => {
  it('is the same on every machine', async () => {
    const hash = createHash('sha256');
    for (const kind of KINDS) hash.update(JSON.stringify(await rows({ kind, series: 2, rows: 2000, seed: 7 })));
    expect(hash.digest('hex').slice(0, 16)).toMatchInlineSnapshot(`"89548da899589aec"`);
  });

  it.each(KINDS)(
    '%s: a series does not depend on how many others there are, times do not go back, values are finite',
    async (kind) => {
      const alone = await rows({ kind, series: 1, rows: 300 });
      const among = (await rows({ kind, series: 5, rows: 3000 })).filter(([series]) => series === `${kind}-0`);
      const n = Math.min(alone.length, among.length);
      expect(n).toBeGreaterThan(200);
      expect(among.slice(0, n)).toEqual(alone.slice(0, n));
      const all = await rows({ kind, series: 5, rows: 3000 });
      for (let i = 1; i < all.length; i++) expect(all[i]![1]).toBeGreaterThanOrEqual(all[i - 1]![1]);
      expect(all.every(([, , values]) => values.every(Number.isFinite))).toBe(true);
      expect(await rows({ kind, series: 5, rows: 3000, seed: 2 })).not.toEqual(all);
    },
  );

  it('trades only while the market is open, several in one millisecond, each with its own id', async () => {
    const trades = await rows({ kind: 'trades', rows: 4000, interval: '20s', start: '2024-03-07T00:00:00Z' });
    const hours = new Intl.DateTimeFormat('en-US', {
      timeZone: 'America/New_York',
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    const days = new Set<string>();
    for (const [, time] of trades) {
      const parts = Object.fromEntries(hours.formatToParts(time).map(({ type, value }) => [type, value]));
      days.add(parts['weekday']!);
      const minute = Number(parts['hour']) * 60 + Number(parts['minute']);
      expect(minute).toBeGreaterThanOrEqual(570);
      expect(minute).toBeLessThan(960);
    }
    expect([...days].sort()).toEqual(['Fri', 'Mon', 'Thu', 'Tue'].slice(0, days.size).sort());
    expect(new Set(trades.map(([, time]) => time)).size).toBeLessThan(trades.length * 0.8);
    expect(new Set(trades.map(([, , , id]) => id)).size).toBe(trades.length);
  });

  it('leaves out the share of values that it is told to', async () => {
    const missing = (await rows({ kind: 'random-walk', rows: 5000, missing: 0.2 })).filter(([, , [value]]) =>
      Number.isNaN(value),
    ).length;
    expect(missing / 5000).toBeCloseTo(0.2, 1);
  });

  it.each([
    [{ kind: 'sinus' }],
    [{ kind: 'trades', session: { open: '17:00' } }],
    [{ kind: 'trades', session: { time_zone: 'Mars/Olympus' } }],
    [{ kind: 'seasonal', start: 'soon' }],
    [{ kind: 'seasonal', interval: '5 minutes' }],
    [{ kind: 'seasonal', rows: 0 }],
  ])('refuses %j', (config) => {
    expect(synthetic.config.safeParse(config).success).toBe(false);
  });
});
