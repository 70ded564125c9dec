import { afterEach, describe, expect, it, vi } from 'vitest';
import consoleSink from '../../connectors/console-sink.ts';
import discard, { DiscardSink } from '../../connectors/discard-sink.ts';
import { context } from '../contract/source.ts';
import { forecasts, sinkContext, testSink, type SinkRule } from '../contract/sink.ts';

afterEach(() => void vi.restoreAllMocks());

const unreadable = (reason: string): Partial<Record<SinkRule, string>> => ({
  'delivers what was flushed, bit for bit': reason,
  'copies what it keeps': reason,
  'replaces a cut that is written again': reason,
  'replaces a cut that is written again with another end': reason,
  'leaves nothing half after a kill between write and flush': reason,
  'keeps what was flushed when it is opened again': reason,
});

testSink({ component: discard, config: () => ({}), skip: unreadable('it keeps nothing') });
testSink({
  component: consoleSink,
  config: () => ({ every: 1_000_000, stream: 'stderr' }),
  skip: unreadable('lines on a terminal cannot be taken back'),
});

it('discard counts', async () => {
  const sink = discard.build({}, context()) as DiscardSink;
  await sink.open();
  sink.write(forecasts(0, 5));
  sink.reject([{ partition: 0, offset: 0, reason: 'late' }]);
  expect([sink.rows, sink.rejects]).toEqual([5, 1]);
});

describe('console', () => {
  async function lines(config: Record<string, unknown>, batch = forecasts(0, 3)): Promise<string[]> {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    const sink = consoleSink.build(consoleSink.config.parse(config), context());
    await sink.open(sinkContext());
    await sink.write(batch);
    await sink.flush({ from: 0, to: batch.length });
    await sink.close(true);
    vi.restoreAllMocks();
    return written.join('').split('\n').slice(0, -1);
  }

  it('prints a line a row, target and step', async () => {
    const found = await lines({ steps: [1, 3] });
    expect(found).toHaveLength(3 * 2 * 2);
    expect(found[0]).toBe('2023-11-14T22:15:20.000Z first series value +1 0 [0, 0.666667] naive -0.1');
    expect(await lines({ every: 2 })).toHaveLength(2 * 2);
  });

  it('escapes what a terminal would obey', async () => {
    const [line] = await lines({}, { ...forecasts(0, 1), keys: ['\u001b[31mred\n\u009b2J\u202e'] });
    expect(line).toContain('\\u001b[31mred\\n\\u009b2J\\u202e value');
  });

  it('skips rows without a forecast', async () => {
    const batch = forecasts(0, 2);
    batch.mean.fill(NaN);
    expect(await lines({}, batch)).toEqual([]);
  });
});
