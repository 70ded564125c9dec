/** A run that does not end: what it answers over HTTP, what it says meanwhile, how it is stopped; and that no secret is ever said. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { follow } from '../../src/cli/run.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { LiveEnds } from '../support/live-source.ts';

const CANARY = 'c4n"ary/päss word';
const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

interface Wanted {
  readonly password?: string;
  readonly service?: string;
  readonly series?: number;
  readonly json?: boolean;
  readonly ends?: LiveEnds;
}

/** Starts a run in this process; `stop` is Ctrl-C. */
function started({ service = '', series = 1, json = false, ends = new LiveEnds(), password = CANARY }: Wanted = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-long-'));
  folders.push(folder);
  writeFileSync(
    join(folder, 'long.yaml'),
    `
source: { type: live, password: "\${PASSWORD}" }
window: { interval: 1m, ring: 16 }
forecast: { season: none, models: [naive] }
sinks: [{ type: taking, password: "\${PASSWORD}" }]
state: { path: state, checkpoint: 50ms }
service: { ${service} }
`,
  );
  const stop = new AbortController();
  const terminal = {
    ...fakeTerminal(folder, { PASSWORD: password }),
    stopper: () => ({ signal: stop.signal, dispose: () => {} }),
  };
  const code = follow(
    { arguments: ['long.yaml'], options: { json } },
    terminal,
    (spec, options) => runPipeline(spec, { ...options, fast: false, fresh: false }),
    { components: ends.components(series) },
  );
  const said = () => [...terminal.said.out, ...terminal.said.err].join('\n');
  const logged = () => terminal.said.err.map((line) => JSON.parse(line) as Record<string, unknown>);
  const url = () =>
    vi.waitFor(
      () => {
        const found = /http:\/\/127\.0\.0\.1:\d+/.exec(said())?.[0];
        expect(found).toBeDefined();
        return found!;
      },
      { timeout: 60_000 },
    );
  const read = async (path: string) => {
    const response = await fetch((await url()) + path);
    return { status: response.status, text: await response.text() };
  };
  const emit = (...event: Parameters<NonNullable<LiveEnds['context']>['events']['emit']>) => ends.context!.events.emit(...event);
  return { ends, code, said, logged, terminal, read, url, emit, stop: () => stop.abort() };
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 60_000 });

describe('over HTTP', () => {
  it('ready when rows go through, 503 while an end is not well or it is stopping; then nobody answers', async () => {
    const { ends, code, read, url, stop } = started({ service: 'http: 0' });
    ends.send(100);
    await eventually(async () => expect((await read('/ready')).status).toBe(200));
    ends.health.sink = { ok: false, detail: `refuses ${CANARY}` };
    const red = await read('/ready');
    expect(red.status).toBe(503);
    expect(JSON.parse(red.text)).toMatchObject({
      ok: false,
      pipeline: 'long',
      ends: [
        { name: 'live', ok: true },
        { ok: false, detail: 'refuses ***' },
      ],
    });
    expect((await read('/health')).status).toBe(200);
    const at = await url();
    stop();
    expect(await code).toBe(0);
    await expect(fetch(`${at}/health`)).rejects.toThrow();
  });

  it('1,000 series leave no name in /metrics, which is no longer than with one', async () => {
    const shown: string[] = [];
    for (const series of [1, 1000]) {
      const { ends, code, read, stop } = started({ service: 'http: 0', series });
      ends.send(5000);
      await eventually(async () => expect((await read('/metrics')).text).toContain('tidecast_rows_total{pipeline="long"} 5000'));
      shown.push((await read('/metrics')).text);
      stop();
      await code;
    }
    expect(shown[1]).toMatch(/tidecast_series_open\{pipeline="long"\} 1000/);
    expect(shown[1]).not.toContain('canary');
    // kinds of garbage collection and of handles come and go
    expect(Math.abs(shown[1]!.split('\n').length - shown[0]!.split('\n').length)).toBeLessThan(60);
  });

  it('answers before there is a line', async () => {
    const ends = new LiveEnds();
    let let_go = () => {};
    const held = new Promise<void>((resolve) => (let_go = resolve));
    const components = ends.components();
    const slow = {
      ...components.sinks[0]!,
      build: () => ({ ...components.sinks[0]!.build({}, ends.context!), open: () => held }),
    };
    const { code, read, stop } = started({
      service: 'http: 0',
      ends: Object.assign(ends, { components: () => ({ ...components, sinks: [slow] }) }),
    });
    expect((await read('/health')).status).toBe(200);
    expect(await read('/ready')).toMatchObject({ status: 503, text: expect.stringContaining('"detail":"starting"') });
    let_go();
    await eventually(async () => expect((await read('/ready')).status).toBe(200));
    stop();
    await code;
  });

  it('an address that is taken ends it, before anything is touched', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, said } = started({ service: `http: 127.0.0.1:${port}` });
    expect(await code).toBe(69);
    expect(said()).toBe(
      `tidecast: The address for health and metrics is taken by another process (address: 127.0.0.1:${port}). Stop that process, or choose another \`service.http\`.`,
    );
    other.close();
  });
});

describe('plain lines', () => {
  it('tell what happens at the ends, once', async () => {
    const { ends, code, said, emit, stop } = started();
    ends.send(10);
    await eventually(() => expect(said()).toContain('long: started'));
    const sink = { sink: 'influx', endpoint: 'http://127.0.0.1:8086' };
    for (let attempt = 1; attempt < 50; attempt++)
      emit('sink.waiting', { ...sink, reason: 'connection refused', attempt, wait: 2100 });
    emit('sink.connected', sink);
    emit('sink.connected', sink);
    emit('source.waiting', { source: 'kafka', endpoint: '127.0.0.1:9092', reason: 'no broker answers' });
    emit('source.assigned', { source: 'kafka', partitions: [0, 1, 2] });
    emit('source.revoked', { source: 'kafka', partitions: [2] });
    emit('retraining.off', { reason: 'several processes share the state' });
    emit('retraining.off', { reason: 'several processes share the state' });
    for (let i = 0; i < 3; i++) emit('points.refused', { sink: 'influx', reason: 'field type conflict', count: 1 });
    stop();
    expect(await code).toBe(0);
    expect(said().split('\n').slice(0, 9)).toEqual([
      'long: started',
      'long: influx http://127.0.0.1:8086 takes nothing for now (connection refused); trying again in 2.1 s, nothing is lost',
      'long: influx http://127.0.0.1:8086 is connected',
      'long: kafka 127.0.0.1:9092 cannot be read for now (no broker answers); trying again',
      'long: kafka gave this process partitions 0, 1, 2',
      'long: kafka took partition 2 away',
      'long: retraining is off: several processes share the state',
      'long: influx will never take 3 points (field type conflict); kept in the state folder',
      expect.stringMatching(/^long: 10 rows, .* rows\/s/),
    ]);
  });

  it('stopped before anything came', async () => {
    const { code, said, stop } = started();
    await eventually(() => expect(said()).toContain('long: started'));
    stop();
    expect(await code).toBe(0);
    expect(said()).toMatch(/^long: started\n\nlong: stopped; no row came in .*\nthe next run continues here$/);
  });

  it('stopped before anything came, as JSON', async () => {
    const { code, terminal, stop } = started({ json: true });
    await eventually(() => expect(terminal.said.err.join('\n')).toContain('long: started'));
    stop();
    expect(await code).toBe(0);
    expect(JSON.parse(terminal.said.out.join('\n'))).toMatchObject({ ok: true, rows: 0, complete: false, rejected: {} });
  });
});

describe('the log', () => {
  it('is lines of JSON on standard error and nothing else there', async () => {
    const { ends, code, logged, terminal, emit, stop } = started({ service: 'log: info, http: 0' });
    ends.send(10);
    await eventually(() => expect(logged().map(({ event }) => event)).toContain('run.started'));
    for (let i = 0; i < 100; i++) emit('ticks.rejected', { reason: i < 90 ? 'late' : 'jump', count: 1 });
    emit('sink.waiting', { sink: 'influx', endpoint: 'x', reason: 'HTTP 503', attempt: 1, wait: 100 });
    emit('training.finished', {
      trigger: 0,
      milliseconds: 1234.56789,
      loss: 1,
      champion: 2,
      challenger: 1,
      accepted: true,
      reason: 'schedule',
    });
    stop();
    expect(await code).toBe(0);
    const lines = logged();
    for (const line of lines)
      expect(line).toMatchObject({
        pipeline: 'long',
        level: expect.stringMatching(/^(info|warn)$/),
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        event: expect.any(String),
        msg: expect.any(String),
      });
    expect(lines.map(({ event }) => event)).toEqual([
      'web.serving',
      'run.started',
      'sink.waiting',
      'training.finished',
      'run.stopped',
      'ticks.rejected',
    ]);
    expect(lines[2]).toMatchObject({ level: 'warn', sink: 'influx', endpoint: 'x', reason: 'HTTP 503', attempt: 1, wait: 100 });
    expect(lines[3]).toMatchObject({ trigger: '1970-01-01 00:00', milliseconds: 1234.57, accepted: true });
    expect(lines[5]).toMatchObject({ count: 100, reasons: { late: 90, jump: 10 } });
    expect(terminal.said.out.join('\n')).toContain('10 rows');
  });
  it('has checkpoints at debug', async () => {
    const { ends, code, logged, stop } = started({ service: 'log: debug' });
    ends.send(10);
    await eventually(() => expect(logged().map(({ event }) => event)).toContain('run.started'));
    stop();
    await code;
    expect(logged()).toContainEqual(expect.objectContaining({ event: 'checkpoint.saved', level: 'debug', rows: 10 }));
  });
  it('at error says only what ended the run', async () => {
    const { ends, code, logged } = started({ service: 'log: error' });
    ends.send(10);
    await eventually(() => expect(ends.context).toBeDefined());
    ends.fail(new TidecastError('SOURCE_NO_ROWS', { file: 'x' }));
    expect(await code).toBe(65);
    expect(logged()).toEqual([
      expect.objectContaining({ level: 'error', event: 'run.failed', code: 'SOURCE_NO_ROWS', exit: 65, facts: { file: 'x' } }),
    ]);
  });
});

describe('a secret is never said', () => {
  const shapes = [CANARY, JSON.stringify(CANARY).slice(1, -1), encodeURIComponent(CANARY)];
  it.each([
    ['plain', {}],
    ['as JSON', { json: true }],
    ['in the log', { service: 'log: debug, http: 0' }],
    ['in the log, as JSON', { service: 'log: debug', json: true }],
  ])('%s, whatever the connectors and their clients tell', async (_, wanted) => {
    for (const error of [
      new TidecastError('SOURCE_FILE_UNREADABLE', { url: `http://u:${encodeURIComponent(CANARY)}@host`, reason: CANARY }),
      new Error(`login of u with ${CANARY} failed: {"password":${JSON.stringify(CANARY)}}`),
    ]) {
      const { ends, code, said, emit } = started(wanted);
      await eventually(() => expect(ends.context).toBeDefined());
      emit('source.waiting', { source: 'live', endpoint: `http://u:${CANARY}@host`, reason: CANARY });
      emit('sink.waiting', { sink: 'taking', endpoint: 'x', reason: CANARY, attempt: 1, wait: 1 });
      emit('checkpoint.damaged', { file: CANARY, reason: CANARY });
      emit('points.refused', { sink: 'taking', reason: CANARY, count: 1 });
      ends.fail(error);
      expect(await code).toBeGreaterThan(0);
      for (const shape of shapes) expect(said()).not.toContain(shape);
      expect(said()).toContain('***');
    }
  });
  it('a password that is a word of JSON, or a number, leaves JSON whole', async () => {
    for (const password of ['true', 'null', '"ok"', '1234']) {
      const { ends, code, logged, terminal, read, stop } = started({ service: 'log: info, http: 0', json: true, password });
      ends.send(1234);
      await eventually(async () => expect((await read('/ready')).status).toBe(200));
      stop();
      expect(await code).toBe(0);
      expect(logged().length).toBeGreaterThan(1);
      expect(JSON.parse(terminal.said.out.join('\n'))).toMatchObject({ ok: true, rows: 1234 });
    }
  });
});
