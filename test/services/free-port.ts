/** A port of 127.0.0.1 for a server that is killed and started again. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file a port that was given out, with the number of the process that has it. */
const FOLDER = join(tmpdir(), `tidecast-ports-${process.getuid?.() ?? 0}`);

const taken = new Set<string>();

/**
 * A free port below the range from which the system takes ports for clients: none of them moves in while the server is down. No other
 * process that asks here is given it as long as this one lives.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (take(port) && (await isFree(port))) return port;
  }
}

/** Whether nobody listens there. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}

function take(port: number): boolean {
  const file = join(FOLDER, String(port));
  mkdirSync(FOLDER, { recursive: true });
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    // what a killed process left behind is free the next time
    if (!ownerLives(file)) rmSync(file, { force: true });
    return false;
  }
  if (taken.size === 0) process.once('exit', () => taken.forEach((each) => rmSync(each, { force: true })));
  taken.add(file);
  return true;
}

function ownerLives(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
    return true;
  } catch {
    return false;
  }
}
