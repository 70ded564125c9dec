/** The process ends when its verb is done, whatever still keeps the event loop alive, and not before everything was said. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

const CLI = resolve('dist/src/cli/main.js');
/** What a socket that hangs does to a process. */
const HANGS = 'data:text/javascript,import{createServer}from"node:net";createServer().listen(0);setInterval(()=>{},1000)';

function ended(words: readonly string[], slowly = false): Promise<{ code: number | null; text: string }> {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['--import', HANGS, CLI, ...words]);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!slowly) return;
      child.stdout.pause();
      setTimeout(() => child.stdout.resume(), 20);
    });
    child.on('close', (code) => done({ code, text }));
  });
}

it('with what it was asked for', async () => {
  const { code, text } = await ended(['list', '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(text)).toContainEqual(expect.objectContaining({ name: 'naive' }));
});
it('with its exit code', async () => expect((await ended(['check', 'none.yaml'])).code).toBe(66));
it('after a slow reader has everything', async () => {
  const { text } = await ended(['describe', 'recurrent', '--json'], true);
  expect(JSON.parse(text)).toHaveLength(1);
});
