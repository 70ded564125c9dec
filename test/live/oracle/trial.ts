/**
 * A trial: the line between a topic and a database of its own, run as processes that may be killed, and what it must come to.
 *
 * The oracle: the same input with and without faults gives (a) the same points, value for value, (b) the same state of every series,
 * (c) committed <= acknowledged <= end offset, never going back, (d) progress within a stated time.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import kafkajs, { type Admin, type CompressionTypes, type Message } from 'kafkajs';
import { expect } from 'vitest';
import type { StateSnapshot } from '../../../src/core/state.ts';
import type { SwapRecord } from '../../../src/pipeline/swap-log.ts';
import { readNewest } from '../../../src/pipeline/state-store.ts';
import { freePort } from '../../services/free-port.ts';
import { influxQuery } from '../../services/influx.ts';
import { brokers, influxUrl, kafkaClient, newTopic, pointsOf } from '../support/servers.ts';
import { ticksOf, type Input } from './input.ts';

const CHILD = resolve('dist/test/support/kill-child.js');

export interface TrialOptions {
  readonly input: Input;
  /** Addresses; default: the shared servers. */
  readonly kafka?: readonly string[];
  readonly influx?: string;
  /** Laid over the pipeline: lines of YAML in the sections `source`, `sink` and `state`. */
  readonly source?: string;
  readonly sink?: string;
  readonly state?: string;
  readonly clean?: string;
  /** More sinks: items of a YAML list. */
  readonly sinks?: string;
  /** `exact` (default), `asap`, or no retraining. */
  readonly swap?: 'exact' | 'asap' | 'none';
  /** The whole section instead. */
  readonly retrain?: string;
  readonly series?: readonly string[];
  /** After this long the group forgets a killed process, and the next one can begin; default: 6 s. */
  readonly session?: string;
  /** `off`: standard error is for people. Default: lines of JSON. */
  readonly log?: 'info' | 'off';
}

/** What a trial came to. */
export interface Outcome {
  readonly forecast: Map<string, Record<string, unknown>>;
  readonly score: Map<string, Record<string, unknown>>;
  /** Series -> hash of its state. */
  readonly states: Map<string, string>;
  /** Trainings and what came of them, where rows waited for weights. */
  readonly swaps: readonly string[];
}

export class Trial {
  readonly id = randomBytes(4).toString('hex');
  readonly folder = mkdtempSync(join(tmpdir(), 'tidecast-trial-'));
  readonly options: TrialOptions;
  readonly database = `trial_${this.id}`;
  readonly children: ChildProcess[] = [];
  topic = '';
  /** Where `tidecast run` answers over HTTP. */
  port = 0;
  /** Messages beside the input. */
  extra = 0;
  /** What the children wrote on standard error. */
  told = '';
  readonly #kafka: readonly string[];
  readonly #influx: string;
  #admin: Admin | undefined;
  #committed: number[] = [];

  constructor(options: TrialOptions) {
    this.options = options;
    this.#kafka = options.kafka ?? brokers();
    this.#influx = options.influx ?? influxUrl();
  }

  get group(): string {
    return this.topic;
  }

  get pipeline(): string {
    return join(this.folder, 'pipeline.yaml');
  }

  get stateFolder(): string {
    return join(this.folder, 'state');
  }

  /** Makes topic and pipeline. `at`: what the line is told instead of the servers' own addresses, such as a proxy's. */
  async prepare(at: { readonly kafka?: string; readonly influx?: string } = {}): Promise<this> {
    await this.makeTopic();
    return this.writePipeline(at);
  }

  async makeTopic(): Promise<void> {
    await newTopic(this.options.input.partitions, { name: `trial-${this.id}`, at: this.#kafka });
  }

  async writePipeline(at: { readonly kafka?: string; readonly influx?: string } = {}): Promise<this> {
    const {
      source = '',
      sink = '',
      state = 'checkpoint: 100ms',
      clean,
      sinks = '',
      swap = 'exact',
      session = '6s',
      log = 'info',
    } = this.options;
    const { retrain = `{ every: 2h, rows: 128, epochs: 1, swap: ${swap} }` } = this.options;
    this.topic = `trial-${this.id}`;
    this.port = await freePort();
    const indent = (text: string) => text.replaceAll(/\n?(.+)/g, '\n  $1');
    writeFileSync(
      this.pipeline,
      `name: trial
source:
  type: kafka
  brokers: ${at.kafka ?? this.#kafka.join(',')}
  topic: ${this.topic}
  group: ${this.topic}
  session_timeout: ${session}
  time: ts
  values: [value]${indent(source)}
${clean === undefined ? '' : `clean:${indent(clean)}`}
window: { grid: rows, interval: 1m, ring: 256 }
forecast:
  horizon: 2
  season: 24
  models: [naive, seasonal-naive, holt-winters, linear, { type: recurrent, hidden: 8, lags: 6, rebuild: 32 }]
retrain: ${swap === 'none' ? '{ every: never }' : retrain}
sinks:
- type: influx
  url: ${at.influx ?? this.#influx}
  database: ${this.database}${indent(sink)}
${sinks}
state:
  path: state${indent(state)}
service: { stop_within: 10s, http: '127.0.0.1:${this.port}', log: ${log} }
`,
    );
    return this;
  }

  /** Produces the input, or a part of it by rows of each series. */
  async feed(from = 0, to = this.options.input.rows): Promise<void> {
    await this.#send([...ticksOf(this.options.input, from, to)]);
  }

  /** Produces a part of the input evenly, within about so many milliseconds. */
  async spread(from: number, to: number, ms: number): Promise<void> {
    const steps = 20;
    const at = (step: number) => from + Math.round(((to - from) / steps) * step);
    const since = Date.now();
    for (let step = 1; step <= steps; step++) {
      await this.feed(at(step - 1), at(step));
      await wait(Math.max(0, (ms / steps) * step - (Date.now() - since)));
    }
  }

  /** Produces messages that are not of the input: `finish` waits for them too. */
  async send(messages: readonly Message[], compression?: CompressionTypes): Promise<void> {
    this.extra += messages.length;
    await this.#send(messages, compression);
  }

  async #send(messages: readonly Message[], compression = kafkajs.CompressionTypes.None): Promise<void> {
    const producer = kafkaClient(this.#kafka).producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    try {
      for (let i = 0; i < messages.length; i += 5000)
        await producer.send({ topic: this.topic, messages: messages.slice(i, i + 5000), acks: -1, compression });
    } finally {
      await producer.disconnect();
    }
  }

  /** Starts a process of the line; it kills itself in `phase`, if one is given. */
  start(phase = 'none', nth = 0, variant = 0, env: Readonly<Record<string, string>> = {}): ChildProcess {
    return this.spawn([CHILD, this.pipeline, phase, String(nth), String(variant), 'live'], env);
  }

  /** Starts Node.js on behalf of this trial. */
  spawn(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    child.stderr.on('data', (text: Buffer) => (this.told = (this.told + text.toString()).slice(-20_000)));
    child.stdout.resume();
    this.children.push(child);
    return child;
  }

  /** Asks the processes to stop, and waits; gives their exit codes (`null` for those that were killed). */
  async stop(children: readonly ChildProcess[] = this.children): Promise<(number | null)[]> {
    for (const child of children) if (isRunning(child)) child.kill('SIGTERM');
    return Promise.all(children.map(ended));
  }

  /** (c): called again and again while a trial runs. Gives the number of committed messages, the last known where the broker is away. */
  async look(): Promise<number> {
    const offsets = await this.#offsets();
    if (offsets) {
      const { now, acknowledged, ends } = offsets;
      now.forEach((offset, partition) => {
        expect(offset, `partition ${partition} went back`).toBeGreaterThanOrEqual(this.#committed[partition] ?? 0);
        if (offset > 0)
          expect(offset, `partition ${partition} is committed beyond what is saved`).toBeLessThanOrEqual(
            acknowledged[partition] ?? 0,
          );
        expect(acknowledged[partition] ?? 0).toBeLessThanOrEqual(ends[partition]!);
      });
      this.#committed = now;
    }
    return this.#committed.reduce((sum, offset) => sum + offset, 0);
  }

  /** What the group had committed was deleted: it may begin at 0 again. */
  forgetCommits(): void {
    this.#committed = [];
  }

  async #offsets(): Promise<{ now: number[]; acknowledged: number[]; ends: number[] } | undefined> {
    try {
      this.#admin ??= await this.#connect();
      const answer = await this.#admin.fetchOffsets({ groupId: this.group, topics: [this.topic] });
      const now = byPartition(answer[0]?.partitions ?? []);
      // in this order: what is saved may run ahead of what was committed, and the topic ahead of both
      const acknowledged = this.#positions();
      return { now, acknowledged, ends: byPartition(await this.#admin.fetchTopicOffsets(this.topic)) };
    } catch (error) {
      if (String((error as Error).name).startsWith('KafkaJS')) return undefined;
      throw error;
    }
  }

  /** (d): resolves when every message is committed; fails when nothing was for `patience` ms. */
  async finish(patience = 60_000): Promise<void> {
    const { series, rows } = this.options.input;
    let [before, since] = [-1, Date.now()];
    for (;;) {
      const now = await this.look();
      const wanted = series * rows + this.extra;
      if (now >= wanted) return;
      if (!this.children.some(isRunning)) throw new Error(`Every process has ended. It said: ${this.told.slice(-2000)}`);
      if (now > before) [before, since] = [now, Date.now()];
      if (Date.now() - since > patience)
        throw new Error(
          `Nothing was committed for ${patience} ms (${now} of ${wanted} messages). It said: ${this.told.slice(-2000)}`,
        );
      await wait(50);
    }
  }

  /** Looks until the process ends; it is asked to when the first `rows` rows of every series are committed. */
  async watch(child: ChildProcess, rows: number, patience = 60_000): Promise<void> {
    let [before, since] = [-1, Date.now()];
    while (isRunning(child)) {
      const now = await this.look();
      if (now >= this.options.input.series * rows) child.kill('SIGTERM');
      if (now > before) [before, since] = [now, Date.now()];
      if (Date.now() - since > patience)
        throw new Error(`Nothing was committed for ${patience} ms. It said: ${this.told.slice(-2000)}`);
      await wait(20);
    }
  }

  /** What there is now; the processes must have stopped. */
  async outcome(): Promise<Outcome> {
    return {
      forecast: await pointsOf(this.#influx, this.database, 'forecast'),
      score: await pointsOf(this.#influx, this.database, 'score'),
      states: this.#states(),
      swaps: this.#swaps(),
    };
  }

  async clean(): Promise<void> {
    for (const child of this.children) if (isRunning(child)) child.kill('SIGKILL');
    await Promise.all(this.children.map(ended));
    await this.#admin?.disconnect().catch(() => undefined);
    await influxQuery(this.#influx, `DROP DATABASE "${this.database}"`).catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #connect(): Promise<Admin> {
    const admin = kafkaClient(this.#kafka).admin();
    await admin.connect();
    return admin;
  }

  /** Folders with states: the pipeline's, or one a partition where several processes share. */
  #folders(): string[] {
    if (!existsSync(this.stateFolder)) return [];
    const parts = readdirSync(this.stateFolder).filter((name) => /^partition-\d+$/.test(name));
    return parts.length > 0 ? parts.map((name) => join(this.stateFolder, name)) : [this.stateFolder];
  }

  #snapshots(): StateSnapshot[] {
    return this.#folders().flatMap((folder) => {
      const found = readNewest(folder);
      return found ? [found.state as unknown as StateSnapshot] : [];
    });
  }

  #positions(): number[] {
    const positions: number[] = [];
    for (const { parts } of this.#snapshots()) {
      const { position } = parts['ingest'] as { position: Record<string, number> };
      for (const [partition, offset] of Object.entries(position)) positions[Number(partition)] = offset;
    }
    return positions;
  }

  #swaps(): string[] {
    const file = join(this.stateFolder, 'swaps.jsonl');
    if (!existsSync(file)) return [];
    const records = readFileSync(file, 'utf8').trim().split('\n');
    return records
      .map((line) => JSON.parse(line) as SwapRecord)
      .filter(({ mode }) => mode === 'exact')
      .map(({ trigger, version, hash, champion }) => `${new Date(trigger).toISOString()} ${version} ${hash} ${champion}`);
  }

  #states(): Map<string, string> {
    const states = new Map<string, string>();
    for (const { lanes } of this.#snapshots()) {
      const columns = [...lanes.columns].sort((a, b) => (a.name < b.name ? -1 : 1));
      lanes.keys.forEach((key, lane) => {
        if (key === null) return;
        const hash = createHash('sha256');
        for (const { name, stride, data } of columns) {
          const numbers = data.slice(lane * stride, (lane + 1) * stride);
          hash.update(name).update(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength));
        }
        states.set(key, hash.digest('hex'));
      });
    }
    return new Map([...states].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** (a) and (b). Says which points differ, not all of them. */
export function expectSame(got: Outcome, wanted: Outcome): void {
  expect(wanted.forecast.size).toBeGreaterThan(100);
  expect(got.swaps).toEqual(wanted.swaps);
  for (const table of ['forecast', 'score'] as const) {
    const differing = [...new Set([...got[table].keys(), ...wanted[table].keys()])]
      .filter((id) => JSON.stringify(got[table].get(id)) !== JSON.stringify(wanted[table].get(id)))
      .map((id) => ({ id, got: got[table].get(id), wanted: wanted[table].get(id) }));
    expect(differing.slice(0, 3), `${differing.length} of ${wanted[table].size} points of ${table} differ`).toEqual([]);
  }
  expect(got.states).toEqual(wanted.states);
}

/** A whole run without faults. */
export async function unbroken(options: TrialOptions): Promise<Outcome> {
  const trial = await new Trial(options).prepare();
  try {
    await trial.feed();
    trial.start();
    await trial.finish();
    const codes = await trial.stop();
    expect(codes, trial.told).toEqual([0]);
    return await trial.outcome();
  } finally {
    await trial.clean();
  }
}

export function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Resolves when the process ended: its exit code, or null when a signal ended it. */
export async function ended(child: ChildProcess): Promise<number | null> {
  if (isRunning(child)) await new Promise((resolve) => child.once('exit', resolve));
  return child.exitCode;
}

function byPartition(partitions: readonly { partition: number; offset: string }[]): number[] {
  const offsets: number[] = [];
  for (const { partition, offset } of partitions) offsets[partition] = Math.max(0, Number(offset));
  return offsets;
}
