/** An InfluxDB that is away, frozen, full or slow: nothing is lost, nothing stands there twice. Rows of the fault table. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { startProxy, type Proxy, type ProxyMode } from '../services/proxy.ts';
import { retained } from '../support/retained.ts';
import { expectSame, faultless, openInflux, rowsOf, writeRows } from './support/influx-sink.ts';
import { pointsOf, until } from './support/servers.ts';

let server: InfluxServer;
let proxy: Proxy;
let databases = 0;
beforeAll(async () => {
  server = await startInflux();
  proxy = await startProxy(server.port);
});
afterAll(async () => {
  await proxy?.close();
  await server?.clean();
});

beforeEach(() => proxy.mode('pass'));

const through = (change = {}) => ({ url: proxy.url, database: `outage_${databases++}`, ...change });
const held = () => retained() / 1e6;

describe('row 7: the server is stopped under writes', () => {
  it('write() waits, memory stays flat, nothing is lost', async () => {
    const config = { url: server.url, database: 'stopped' };
    const { sink, refused, waits } = await openInflux(config);
    const [step, rows] = [1000, 16_000];
    let row = 0;
    const writing = (async () => {
      for (; row < rows; row += step) await sink.write(rowsOf(row, row + step));
    })();
    await until('some rows are written', () => row >= 2000);
    await server.kill9();
    await until('writing waits', async () => {
      const before = row;
      await wait(1500);
      return row === before;
    });
    expect(row).toBeLessThan(rows - step);
    const [stuck, memory] = [row, held()];
    await wait(6000);
    expect(row).toBe(stuck);
    expect(held() - memory).toBeLessThan(50);
    expect(sink.health!()).toMatchObject({ ok: false, detail: expect.stringMatching(/for \d+ s: connection refused/) });
    await server.restart();
    await writing;
    await sink.flush({ from: 0, to: rows });
    expect(sink.health!()).toMatchObject({ ok: true });
    await sink.close(true);
    expect(refused).toEqual([]);
    expect(waits.length).toBeGreaterThan(3);
    const points = await pointsOf(server.url, config.database, 'forecast');
    expect(points.size).toBeGreaterThan(rows * 6);
    expectSame(points, await faultless(server.url, [rowsOf(0, rows)]));
  });

  it('a flush during the outage resolves when it is over, not before', async () => {
    const config = through();
    const { sink } = await openInflux(config);
    await proxy.mode('refuse');
    await writeRows(sink, 0, 200);
    let flushed = false;
    const flushing = sink.flush({ from: 0, to: 200 }).then(() => void (flushed = true));
    // what is written meanwhile belongs to the next cut
    await writeRows(sink, 200, 300);
    await wait(2000);
    expect(flushed).toBe(false);
    await proxy.mode('pass');
    await flushing;
    await sink.flush({ from: 200, to: 300 });
    await sink.close(true);
    expectSame(await pointsOf(server.url, config.database, 'forecast'), await faultless(server.url, [rowsOf(0, 300)]));
  });
});

describe('row 8: answers that do not end', () => {
  it.each<[string, ProxyMode]>([
    ['a stall', 'stall'],
    ['a reset instead of an answer', 'reset'],
    ['a reset in the status line', { resetAfterBytes: 5 }],
    ['a reset in the headers', { resetAfterBytes: 100 }],
    ['a reset in the middle of the request', { resetAfterBytes: 20_000, of: 'requests' }],
  ])('%s', async (_, fault) => {
    const config = through();
    const { sink, waits } = await openInflux(config);
    await writeRows(sink, 0, 100);
    await sink.flush({ from: 0, to: 100 });
    await proxy.mode(fault);
    await writeRows(sink, 100, 600);
    const flushing = sink.flush({ from: 100, to: 600 });
    await until('two requests failed', () => waits.length >= 2);
    await proxy.mode('pass');
    await flushing;
    await sink.close(true);
    expectSame(await pointsOf(server.url, config.database, 'forecast'), await faultless(server.url, [rowsOf(0, 600)]));
  });

  it.each<[string, ProxyMode]>([
    ['a stall after the headers', 'stallAfterHeaders'],
    ['a reset in the body', { resetAfterBytes: 330 }],
  ])('%s of a refusal', async (_, fault) => {
    const config = through();
    const { sink, waits, refused } = await openInflux(config);
    // only answers that refuse something have a body
    const odd = `forecast,pipeline=contract,series=series\\ 3,step=1,target=value naive="text" ${rowsOf(0, 1).validTimes[0]!}`;
    await fetch(`${server.url}/write?db=${config.database}&precision=ms`, { method: 'POST', body: odd });
    await proxy.mode(fault);
    await writeRows(sink, 0, 24);
    const flushing = sink.flush({ from: 0, to: 24 });
    await until('two requests failed', () => waits.length >= 2);
    expect(refused).toEqual([]);
    await proxy.mode('pass');
    await flushing;
    await sink.close(true);
    // the type of the field was text already: all points with it are refused, those of the truth are stored
    expect(refused).toHaveLength(24 * 6);
    expect(refused.every(({ reason }) => reason.includes('field type conflict'))).toBe(true);
    expect((await pointsOf(server.url, config.database, 'forecast')).size).toBeGreaterThan(20 * 6);
  });
});

it('row 9: a write that timed out is carried out later by a server that was frozen: no copies', async () => {
  const config = { url: server.url, database: 'frozen', timeout: '300ms' };
  const { sink, waits } = await openInflux(config);
  await writeRows(sink, 0, 100);
  await sink.flush({ from: 0, to: 100 });
  await server.pause();
  await writeRows(sink, 100, 1000);
  const flushing = sink.flush({ from: 100, to: 1000 });
  await until(
    'several requests timed out',
    () => waits.filter(({ reason }) => reason.startsWith('no answer within')).length >= 4,
  );
  server.resume();
  await flushing;
  await sink.close(true);
  const points = await pointsOf(server.url, config.database, 'forecast');
  expectSame(points, await faultless(server.url, [rowsOf(0, 1000)]));
  const counts = await server.query('SELECT count(mean) FROM forecast', config.database);
  expect(counts[0]!.values[0]![1]).toBe(6000);
});

/** A file system of 12 MB, or why there is none. */
function smallDisk(): { readonly folder: string } | { readonly why: string } {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', folder], { stdio: 'pipe' });
    return { folder };
  } catch (error) {
    rmSync(folder, { recursive: true });
    return { why: `a file system of 12 MB cannot be mounted: ${(error as Error).message.trim().split('\n').at(-1)}` };
  }
}

it('row 21: the disk of the server is full: waited out', async ({ skip }) => {
  const disk = smallDisk();
  if ('why' in disk) {
    if (process.env['CI']) throw new Error(disk.why);
    return skip(disk.why);
  }
  const dir = join(disk.folder, 'influx');
  mkdirSync(dir);
  const ballast = join(disk.folder, 'ballast');
  writeFileSync(ballast, Buffer.alloc(10 << 20));
  const small = await startInflux({ dir });
  let on = true;
  try {
    const { sink, waits, refused } = await openInflux({ url: small.url, database: 'small' });
    let row = 0;
    const writing = (async () => {
      for (; on; row += 1000) await sink.write(rowsOf(row, row + 1000));
    })();
    const full = () => waits.filter(({ reason }) => /HTTP 500 .*no space left/.test(reason)).length;
    await until('the disk is full', () => full() >= 5);
    expect(sink.health!()).toMatchObject({ ok: false });
    on = false;
    rmSync(ballast);
    // InfluxDB 1.6 repeats the error of its log's buffer until it is restarted
    await small.stop();
    await small.restart();
    await writing;
    await sink.flush({ from: 0, to: row });
    await sink.close(true);
    expect(refused).toEqual([]);
    expectSame(await pointsOf(small.url, 'small', 'forecast'), await faultless(server.url, [rowsOf(0, row)]));
  } finally {
    on = false;
    await small.clean();
    execFileSync('umount', [disk.folder]);
    rmSync(disk.folder, { recursive: true });
  }
});

it('row 23: a slow server holds up write(), and memory stays flat', async () => {
  const config = through({ timeout: '60s' });
  const { sink, waits } = await openInflux(config);
  await proxy.mode({ delay: 700 });
  const [step, rows] = [1000, 12_000];
  let [first, peak, longest] = [0, 0, 0];
  for (let row = 0; row < rows; row += step) {
    const began = performance.now();
    await sink.write(rowsOf(row, row + step));
    longest = Math.max(longest, performance.now() - began);
    peak = Math.max(peak, held());
    if (row === 8 * step) first = peak;
  }
  await sink.flush({ from: 0, to: rows });
  await proxy.mode('pass');
  await sink.close(true);
  expect(longest, 'ms that the longest write() took').toBeGreaterThan(300);
  expect(peak - first, 'megabytes').toBeLessThan(100);
  expect(waits).toEqual([]);
  expectSame(await pointsOf(server.url, config.database, 'forecast'), await faultless(server.url, [rowsOf(0, rows)]));
});
