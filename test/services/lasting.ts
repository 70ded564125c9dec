/** Servers that stay when the one who started them is gone, found again by a note in their folder. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort, isFree } from './free-port.ts';
import { influxIsReady, influxProgram, writeInfluxConf } from './influx.ts';
import { kafkaJars } from './kafka-jars.ts';
import { archiveClasses, kafkaIsReady, kafkaProperties, prepareKafka } from './kafka.ts';
import { runToEnd } from './run-to-end.ts';

/** What can be started to stay. */
export const LASTING = { kafka: 'Kafka', influx: 'InfluxDB' } as const;
export type Lasting = keyof typeof LASTING;

/** A server that was started here, and runs. */
export interface Running {
  readonly pid: number;
  /** When the system started that process: with the number it names one process for ever. */
  readonly since: string;
  readonly port: number;
}

/** A reason why something cannot be done, for the user. */
export class Refusal extends Error {}

/** What runs from this folder; undefined where nothing does. */
export async function running(folder: string, which: Lasting): Promise<Running | undefined> {
  const file = noteFile(folder, which);
  if (!existsSync(file)) return undefined;
  const note = JSON.parse(readFileSync(file, 'utf8')) as Running;
  return (await startOf(note.pid)) === note.since ? note : undefined;
}

/** Starts a server on the port, data below the folder, and waits until it is ready. Throws {@link Refusal} where the port is taken. */
export async function startLasting(folder: string, which: Lasting, port: number): Promise<Running> {
  const name = LASTING[which];
  if (!(await isFree(port))) {
    const option = `--${which}-port ${await freePort()}`;
    throw new Refusal(`Port ${port} of 127.0.0.1 is taken by another program. Stop it, or start ${name} on another: ${option}`);
  }
  const dir = join(folder, which);
  mkdirSync(dir, { recursive: true });
  const { command, args, ready } = which === 'kafka' ? await kafka(dir, port) : await influx(dir, port);
  const log = join(dir, 'output.log');
  const from = existsSync(log) ? statSync(log).size : 0;
  const output = () => readFileSync(log).subarray(from).toString();
  const out = openSync(log, 'a');
  const child = spawn(command, args, { stdio: ['ignore', out, out], detached: true, cwd: dir });
  closeSync(out);
  child.unref();
  let died = false;
  child.once('exit', () => (died = true)).once('error', () => (died = true));
  const until = Date.now() + 120_000;
  while (!died && Date.now() < until) {
    const since = await startOf(child.pid ?? -1);
    if (since !== undefined && (await ready(output()))) {
      const note = { pid: child.pid!, since, port };
      writeFileSync(noteFile(folder, which), JSON.stringify(note));
      return note;
    }
    await wait(50);
  }
  child.kill('SIGKILL');
  const tail = output().trimEnd().split('\n').slice(-10).join('\n');
  throw new Refusal(`${name} ${died ? 'died while starting' : 'is not ready after two minutes'}; the end of ${log}:\n${tail}`);
}

/** SIGTERM, after 30 s SIGKILL, to what was started from this folder and to nothing else. False where nothing ran. */
export async function stopLasting(folder: string, which: Lasting): Promise<boolean> {
  const note = await running(folder, which);
  if (!note) return false;
  const runs = async () => (await startOf(note.pid)) === note.since;
  process.kill(note.pid, 'SIGTERM');
  for (const until = Date.now() + 30_000; (await runs()) && Date.now() < until;) await wait(50);
  if (await runs()) process.kill(note.pid, 'SIGKILL');
  while (await runs()) await wait(50);
  rmSync(noteFile(folder, which), { force: true });
  return true;
}

async function kafka(dir: string, port: number) {
  const jars = await kafkaJars();
  await archiveClasses(jars);
  const at = { id: 1, port, controllerPort: await freePort() };
  return { ...(await prepareKafka(jars, dir, kafkaProperties(dir, at))), ready: kafkaIsReady };
}

async function influx(dir: string, port: number) {
  const command = await influxProgram();
  const args = writeInfluxConf(dir, port, await freePort());
  return { command, args, ready: () => influxIsReady(`http://127.0.0.1:${port}`) };
}

function noteFile(folder: string, which: Lasting): string {
  return join(folder, `${which}.json`);
}

/** When a process was started, as the system words it; undefined where there is none, or only what is left of one. */
async function startOf(pid: number): Promise<string | undefined> {
  if (existsSync('/proc/self/stat')) {
    try {
      // after the name, which may hold anything: the state is the first field, the start the twentieth
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  return runToEnd('ps', ['-o', 'lstart=', '-p', String(pid)]).then(
    (text) => text.trim() || undefined,
    () => undefined,
  );
}
