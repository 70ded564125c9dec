/** A server as a process of its own that can be killed, frozen and started again, and never outlives the one who started it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** What can be done to a server. */
export interface Server {
  /** Its data, configuration and output; removed by `clean`. */
  readonly dir: string;
  /** Its process; -1 while it is down. */
  readonly pid: number;
  /** SIGKILL, and waits until it is gone. */
  kill9(): Promise<void>;
  /** SIGTERM, and waits until it is gone. */
  stop(): Promise<void>;
  /** Starts it again on the same data and ports, and waits until it is ready. */
  restart(): Promise<void>;
  /** SIGSTOP, and waits until it stands still: connections stay open, nothing answers. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): void;
  /** Kills it and removes its data. */
  clean(): Promise<void>;
  /** What it has printed since it was started the last time. */
  output(): string;
}

export interface ServerOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly dir: string;
  /** Asked again and again after a start; `output` is what was printed since. */
  ready(output: string): boolean | Promise<boolean>;
  /** For messages. */
  readonly name: string;
}

const READY_WITHIN = 120_000;

// a test's process whose runner was killed has nobody to report to; it would keep its servers until its tests are over
if (process.send) process.once('disconnect', () => process.exit(1));

/** Starts the program and resolves when it is ready. Throws with the last lines of its output where it dies or is not ready in two minutes. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { command, args, dir, name } = options;
  const file = join(dir, 'output.log');
  const guard = startGuard(dir);
  let child: ChildProcess | undefined;
  let from = 0;
  let gone: Promise<void> = Promise.resolve();

  const output = () => (existsSync(file) ? readFileSync(file).subarray(from).toString() : '');
  const start = async () => {
    if (child) throw new Error(`${name} is running already`);
    from = existsSync(file) ? statSync(file).size : 0;
    const log = openSync(file, 'a');
    const started = spawn(command, args, { stdio: ['ignore', log, log], detached: true, cwd: dir });
    closeSync(log);
    child = started;
    started.unref();
    guard.watch(started.pid);
    gone = new Promise((resolve) => {
      const end = () => {
        child = undefined;
        guard.watch(undefined);
        resolve();
      };
      started.once('exit', end);
      started.once('error', end);
    });
    for (const until = Date.now() + READY_WITHIN; !(await options.ready(output()));) {
      const why = !child ? 'died' : Date.now() > until ? 'is not ready' : undefined;
      if (why) throw new Error(`${name} ${why}:\n${output().trimEnd().split('\n').slice(-20).join('\n')}`);
      await wait(25);
    }
  };
  const end = async (signal: NodeJS.Signals) => {
    // what nobody waits for does not keep this process alive; now somebody does
    child?.ref();
    child?.kill(signal);
    await gone;
  };
  const clean = async () => {
    await end('SIGKILL');
    guard.end();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await start();
  } catch (error) {
    await clean();
    throw error;
  }
  return {
    dir,
    get pid() {
      return child?.pid ?? -1;
    },
    kill9: () => end('SIGKILL'),
    stop: async () => {
      child?.kill('SIGCONT');
      await end('SIGTERM');
    },
    restart: start,
    pause: async () => {
      child?.kill('SIGSTOP');
      while (child && !(await standsStill(child.pid!))) await wait(5);
    },
    resume: () => void child?.kill('SIGCONT'),
    clean,
    output,
  };
}

/** Whether all its threads were stopped; where there is no /proc it is believed at once. */
async function standsStill(pid: number): Promise<boolean> {
  try {
    const states = (await readdir(`/proc/${pid}/task`)).map((task) => readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8'));
    return states.every((state) => state.slice(state.lastIndexOf(')')).startsWith(') T'));
  } catch {
    return !existsSync(`/proc/${pid}/task`);
  }
}

/**
 * A shell that waits at the other end of a pipe. However this process ends, kill -9 included, the pipe closes; then the shell kills the
 * server that it was told of last and removes the folder.
 */
function startGuard(dir: string) {
  const script =
    'while read -r said; do pid=$said; done; [ "$pid" = end ] && exit; [ "$pid" -gt 1 ] && kill -9 "$pid"; rm -rf "$0"';
  const shell = spawn('sh', ['-c', script, dir], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  shell.unref();
  const pipe = shell.stdin as typeof shell.stdin & { unref(): void };
  pipe.unref();
  pipe.on('error', () => undefined);
  return {
    watch: (pid: number | undefined) => pipe.write(`${pid ?? 0}\n`),
    end: () => pipe.end('end\n'),
  };
}
