/** `tidecast generate`: text by a saved network. */
import { resolve } from 'node:path';
import { EXIT, TidecastError } from '../core/errors.ts';
import { loadWriter, write } from '../learn/saved.ts';
import { countOption } from './backtest.ts';
import type { Verb } from './verbs.ts';

/** Text written at most, in characters. */
const LONGEST = 1_000_000;
const LINE_BREAK = 10;

export const generate: Verb = async ({ arguments: words, options }, terminal) => {
  const writer = loadWriter(resolve(terminal.folder, words[0]!));
  const length = countOption('--length', options['length'], 1) ?? 500;
  const temperature = Number(options['temperature'] ?? 1);
  if (!(temperature >= 0 && temperature <= 10) || options['temperature'] === '' || length > LONGEST)
    throw new TidecastError('CLI_USAGE', {
      ...{ temperature: String(options['temperature'] ?? 1).slice(0, 60), length },
      problem: `--temperature is from 0 to 10, --length at most ${LONGEST}`,
    });
  const first = writer.symbols.includes(LINE_BREAK) ? LINE_BREAK : writer.symbols[0]!;
  const prompt = typeof options['prompt'] === 'string' && options['prompt'] !== '' ? options['prompt'] : undefined;
  const seed = countOption('--seed', options['seed'], 0) ?? 1;
  const text = write(writer, prompt ?? String.fromCodePoint(first), { length, temperature }, seed);
  terminal.out(options['json'] ? JSON.stringify({ ok: true, prompt, text }, null, 2) : shown(`${prompt ?? ''}${text}`));
  return EXIT.ok;
};

/** A text that was learnt from may hold what moves the cursor. */
function shown(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '');
}
