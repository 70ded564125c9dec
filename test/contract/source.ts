/**
 * The contract of sources, as tests: `testSource({ component, config, rows })` inside a connector's own test file.
 *
 * A rule that does not hold for a source is skipped by name, with the reason in words.
 */
import { describe, expect, it } from 'vitest';
import type { SourceBatch } from '../../src/core/batch.ts';
import { ManualClock } from '../../src/core/clock.ts';
import { EventBus } from '../../src/core/events.ts';
import type { SourceComponent } from '../../src/core/component.ts';
import type { ConnectorContext, Source } from '../../src/core/connector.ts';
import type { Position } from '../../src/core/position.ts';
import { testDeclaration } from './declaration.ts';

export const SOURCE_RULES = [
  'opens and closes',
  'shapes its batches as the contract says',
  'never yields a row twice, and offsets increase',
  'reads the same rows again',
  'resumes from every position with exactly the rest',
  'reads nothing at the last position',
  'ends soon when it is aborted',
  'keeps its memory flat',
] as const;

export type SourceRule = (typeof SOURCE_RULES)[number];

export interface SourceCase<Config> {
  readonly component: SourceComponent<Config>;
  /** A configuration (without `type`) whose input has `rows` rows; called when the tests run. */
  config(): unknown;
  /** Rows and rejects that reading yields. An unbounded source is stopped after so many. */
  readonly rows: number;
  /** A configuration with at least 300,000 rows, for the memory rule. */
  large?(): unknown;
  /** Distinguishes several cases of one component. */
  readonly title?: string;
  readonly folder?: string;
  readonly skip?: Partial<Record<SourceRule, string>>;
}

/** Runs the contract over a source. */
export function testSource<Config>(test: SourceCase<Config>): void {
  const { component } = test;
  const make = (config = test.config()): Source => component.build(component.config.parse(config), context(test.folder));
  const all = async (from?: Position) => {
    const source = make();
    try {
      return await collect(source, from, test.rows);
    } finally {
      await source.close();
    }
  };

  describe(`source contract: ${component.name}${test.title ? ` (${test.title})` : ''}`, () => {
    testDeclaration(component, test.config);

    const rule = (name: SourceRule, run: () => Promise<void>) => {
      const reason = test.skip?.[name];
      if (reason === undefined) it(name, run);
      else it.skip(`${name} (skipped: ${reason})`, run);
    };

    rule('opens and closes', async () => {
      const untouched = make();
      await untouched.close();
      const source = make();
      expect(source.channels.length).toBeGreaterThan(0);
      const rows = await source.rows?.();
      if (rows !== undefined) expect(rows).toBe(test.rows);
      await source.close();
      await source.close();
    });

    rule('shapes its batches as the contract says', async () => {
      const source = make();
      for await (const batch of limited(source, undefined, test.rows)) {
        const n = batch.times.length;
        expect(batch.channels).toHaveLength(source.channels.length);
        for (const column of [batch.codes, batch.offsets, ...batch.channels, ...(batch.ids ? [batch.ids] : [])])
          expect(column).toHaveLength(n);
        expect(new Set(batch.series).size).toBe(batch.series.length);
        expect(new Set(batch.codes).size, 'every series of a batch occurs in it').toBe(batch.series.length);
        expect(batch.codes.every((code) => code >= 0 && code < batch.series.length)).toBe(true);
      }
      await source.close();
    });

    rule('never yields a row twice, and offsets increase', async () => {
      const rows = await all();
      expect(rows).toHaveLength(test.rows);
      const last = new Map<number, number>();
      for (const { partition, offset } of rows) {
        expect(offset).toBeGreaterThan(last.get(partition) ?? -1);
        last.set(partition, offset);
      }
    });

    rule('reads the same rows again', async () => {
      expect(await all()).toEqual(await all());
    });

    rule('resumes from every position with exactly the rest', async () => {
      const rows = await all();
      const step = Math.max(1, Math.floor(rows.length / 40));
      for (let at = 0; at < rows.length; at += at < 5 || at > rows.length - 5 ? 1 : Math.min(step, rows.length - 5 - at + 1)) {
        const position = positionAfter(rows.slice(0, at));
        expect(byPartition(await all(at === 0 ? undefined : position)), `resumed after ${at} rows`).toEqual(
          byPartition(rows.slice(at)),
        );
      }
    });

    rule('reads nothing at the last position', async () => {
      expect(await all(positionAfter(await all()))).toEqual([]);
    });

    rule('ends soon when it is aborted', async () => {
      const before = make();
      expect(await collect(before, undefined, test.rows, AbortSignal.abort())).toEqual([]);
      await before.close();
      const source = make();
      const controller = new AbortController();
      let batches = 0;
      for await (const _batch of source.read(undefined, controller.signal)) {
        batches++;
        controller.abort();
      }
      expect(batches).toBeLessThanOrEqual(2);
      await source.close();
    });

    if (test.large) {
      rule('keeps its memory flat', async () => {
        const source = make(test.large!());
        let [rows, first, peak] = [0, 0, 0];
        for await (const batch of source.read(undefined, new AbortController().signal)) {
          rows += batch.times.length;
          if (rows < 100_000) first = Math.max(first, resident());
          else peak = Math.max(peak, resident());
        }
        await source.close();
        expect(rows).toBeGreaterThan(300_000);
        expect((peak - first) / 1e6, 'megabytes more than after the first rows').toBeLessThan(150);
      });
    }
  });
}

interface Row {
  readonly partition: number;
  readonly offset: number;
  readonly content: unknown;
}

/** What a source is built with in tests. */
export function context(folder = process.cwd()): ConnectorContext {
  return { folder, pipeline: 'contract', clock: new ManualClock(), seed: 1, events: new EventBus(), fresh: false };
}

/** All rows and rejects, in the order of their batches. */
export async function collect(source: Source, from: Position | undefined, count: number, signal?: AbortSignal): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of limited(source, from, count, signal)) {
    const { partition, series, codes, times, channels, ids, offsets } = batch;
    const found: Row[] = Array.from(offsets, (offset, i) => {
      const content = [series[codes[i]!], times[i], channels.map((channel) => channel[i]), ids?.[i]];
      return { partition, offset, content };
    });
    for (const reject of batch.rejects ?? []) found.push({ partition, offset: reject.offset, content: reject });
    rows.push(...found.sort((a, b) => a.offset - b.offset));
  }
  return rows;
}

async function* limited(
  source: Source,
  from: Position | undefined,
  count: number,
  signal?: AbortSignal,
): AsyncGenerator<SourceBatch> {
  const controller = new AbortController();
  signal?.addEventListener('abort', () => controller.abort());
  if (signal?.aborted) controller.abort();
  const skipped = Object.values(from ?? {}).reduce((sum, offset) => sum + offset, 0);
  let seen = skipped;
  for await (const batch of source.read(from, controller.signal)) {
    yield batch;
    seen += batch.offsets.length + (batch.rejects?.length ?? 0);
    if (!source.bounded && seen >= count) controller.abort();
  }
}

function positionAfter(rows: readonly Row[]): Position {
  const position: Record<string, number> = {};
  for (const { partition, offset } of rows) position[String(partition)] = offset + 1;
  return position;
}

function byPartition(rows: readonly Row[]): Map<number, Row[]> {
  const map = new Map<number, Row[]>();
  for (const row of rows) map.set(row.partition, [...(map.get(row.partition) ?? []), row]);
  return map;
}

function resident(): number {
  return process.memoryUsage.rss();
}
