import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import arrow, { readForecasts, readRejects, readScores } from '../../connectors/arrow-sink.ts';
import type { ReadTable } from '../../connectors/formats/arrow-segments.ts';
import { context } from '../contract/source.ts';
import { forecasts, sinkContext, testSink, type Delivered } from '../contract/sink.ts';

const temporary = mkdtempSync(join(tmpdir(), 'tidecast-sink-'));
afterAll(() => rmSync(temporary, { recursive: true, force: true }));
let places = 0;
const place = () => join(temporary, `place-${places++}`);
const open = async (path: string, from = 0, merge = true) => {
  const sink = arrow.build(arrow.config.parse({ path, merge }), context());
  await sink.open(sinkContext(from));
  return sink;
};

function delivered({ length, numbers, texts }: ReadTable): Delivered[] {
  const text = (name: string, row: number) => texts[name]!.names[texts[name]!.codes[row]!]!;
  return Array.from({ length }, (_, row) => ({
    series: text('series', row),
    target: text('target', row),
    step: numbers['step']![row]!,
    issued: numbers['issued']![row]!,
    time: numbers['time']![row]!,
    mean: numbers['mean']![row]!,
    naive: numbers['naive']![row]!,
    quantiles: ['q0025', 'q0500', 'q0975'].map((name) => numbers[name]![row]!),
  }));
}

testSink({
  component: arrow,
  config: () => ({ path: place() }),
  read: async (config) => delivered(await readForecasts((config as { path: string }).path)),
});

describe('what is in the folder', () => {
  it('holds a segment a cut and table, and at the end one file of all', async () => {
    const path = place();
    const sink = await open(path);
    await sink.write(forecasts(0, 3));
    await sink.flush({ from: 0, to: 3 });
    await sink.write(forecasts(3, 9));
    await sink.reject!([
      { partition: 1, offset: 2 ** 40, reason: 'late', series: 'a', time: 1700000000000, values: [1, NaN] },
      { partition: 0, offset: 1, reason: 'undecodable', raw: 'é\n' },
    ]);
    await sink.flush({ from: 3, to: 9 });
    expect(readdirSync(path)).toEqual([
      'forecasts-000000000000000.arrow',
      'forecasts-000000000000003.arrow',
      'rejects-000000000000003.arrow',
      'scores-000000000000003.arrow',
    ]);
    await sink.close(true);
    expect(readdirSync(path)).toContain('forecasts.arrow');
    expect(readdirSync(path)).toContain('scores.arrow');
    const rejects = await readRejects(path);
    expect(rejects.numbers['offset']).toEqual(Float64Array.of(2 ** 40, 1));
    expect(rejects.numbers['time']).toEqual(Float64Array.of(1700000000000, NaN));
    expect([...rejects.texts['raw']!.codes]).toEqual([-1, 0]);
    expect(rejects.texts['raw']!.names).toEqual(['é\n']);
    expect(rejects.texts['values']!.names[0]).toBe('[1,"NaN"]');
    const scores = await readScores(path);
    expect(scores.length).toBe(5 * 2 * 3);
    expect(scores.numbers['actual']![0]).toBe(4 * 1.1);
    expect(scores.numbers['error']![1]).toBe(3 / 11);
  });

  it('removes what an unfinished run left, and nothing else', async () => {
    const path = place();
    mkdirSync(path);
    for (const name of [
      '.forecasts.partial',
      'forecasts-000000000000010.arrow',
      'scores-000000000000020.arrow',
      'forecasts-000000000000005.arrow',
      'forecasts.arrow',
      'notes.txt',
      'forecasts-old.arrow',
    ])
      writeFileSync(join(path, name), 'x');
    await (await open(path, 10)).close(false);
    expect(readdirSync(path).sort()).toEqual(['forecasts-000000000000005.arrow', 'forecasts-old.arrow', 'notes.txt']);
  });

  it('merges nothing into tables with columns all the same', async () => {
    const path = place();
    await (await open(path)).close(true);
    expect(readdirSync(path)).toEqual(['forecasts.arrow', 'scores.arrow']);
    const { tableFromIPC } = await import('apache-arrow');
    const { readFileSync } = await import('node:fs');
    const table = tableFromIPC(readFileSync(join(path, 'forecasts.arrow')));
    expect(table.schema.fields.map(({ name }) => name)).toEqual([
      'series',
      'target',
      'step',
      'issued',
      'time',
      'mean',
      'q0025',
      'q0500',
      'q0975',
      'naive',
      'model',
    ]);
  });

  it('is read by apache-arrow as by us, also across many blocks', async () => {
    const path = place();
    const sink = await open(path);
    for (let row = 0; row < 30_000; row += 3000) await sink.write(forecasts(row, row + 3000));
    await sink.flush({ from: 0, to: 30_000 });
    await sink.close(true);
    const { tableFromIPC } = await import('apache-arrow');
    const { readFileSync } = await import('node:fs');
    const table = tableFromIPC(readFileSync(join(path, 'forecasts.arrow')));
    const ours = await readForecasts(path);
    expect(table.numRows).toBe(180_000);
    expect(ours.length).toBe(180_000);
    expect(table.getChild('mean')!.toArray()).toEqual(ours.numbers['mean']);
    expect(Number(table.getChild('time')!.get(179_999))).toBe(ours.numbers['time']![179_999]);
    expect(table.getChild('series')!.get(179_999)).toBe('zweite "Reihe", ☃');
  });

  it('leaves rows without a forecast out', async () => {
    const path = place();
    const sink = await open(path);
    const batch = forecasts(0, 4);
    batch.mean.fill(NaN, 0, 6);
    batch.naive.fill(NaN, 0, 6);
    batch.validTimes[5] = NaN;
    await sink.write(batch);
    await sink.flush({ from: 0, to: 4 });
    await sink.close(false);
    expect((await readForecasts(path)).length).toBe(4 * 6 - 6 - 2);
  });
});

describe('row 20: disk full', () => {
  const mount = join(temporary, 'small-disk');
  mkdirSync(mount);
  const mounted = process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]).status === 0;
  afterAll(() => {
    if (mounted) execFileSync('umount', [mount]);
  });

  it.skipIf(!mounted)(
    `row 20: says so, leaves nothing half, and goes on after space was freed${mounted ? '' : ' (skipped: a tmpfs cannot be mounted here)'}`,
    async () => {
      const sink = await open(mount);
      await sink.write(forecasts(0, 100));
      await sink.flush({ from: 0, to: 100 });
      const fill = async () => {
        for (let i = 0; i < 20; i++) await sink.write(forecasts(100, 3100));
        await sink.flush({ from: 100, to: 60_000 });
      };
      await expect(fill()).rejects.toMatchObject({ name: 'TidecastError', code: 'SINK_DISK_FULL' });
      await sink.close(false);
      expect(readdirSync(mount)).toEqual(['forecasts-000000000000000.arrow', 'scores-000000000000000.arrow']);
      expect((await readForecasts(mount)).length).toBe(600);
      const again = await open(mount, 100);
      await again.write(forecasts(100, 200));
      await again.flush({ from: 100, to: 200 });
      await again.close(true);
      expect((await readForecasts(mount)).length).toBe(1200);
    },
  );

  it('refuses a folder that cannot be made', async () => {
    const path = join(temporary, 'a-file');
    writeFileSync(path, '');
    await expect(open(join(path, 'below'))).rejects.toMatchObject({ code: 'SINK_FOLDER' });
    expect(existsSync(join(path, 'below'))).toBe(false);
  });
});
