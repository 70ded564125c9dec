/** Runs a program to its end. */
import { spawn } from 'node:child_process';

/** Its output (both streams). Rejects with the last lines of it where it fails, and with `missing` where there is no such program. */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  missing = '',
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    child.on('error', (error) => reject(new Error(`${command} cannot be run: ${error.message}. ${missing}`.trim())));
    child.on('close', (code) => {
      if (code === 0) return resolve(output);
      const tail = output.trimEnd().split('\n').slice(-15).join('\n');
      reject(new Error(`${command} ${args[0] ?? ''} ended with exit code ${code}:\n${tail}`));
    });
  });
}
