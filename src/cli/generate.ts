/** `tidecast generate`: text by a saved network, which goes on by itself, or answers where it is an encoder and a decoder. */
import { resolve } from 'node:path';
import { EXIT, TidecastError } from '../core/errors.ts';
import { answersText, loadAnswerer } from '../learn/saved-pairs.ts';
import { loadWriter, write } from '../learn/saved.ts';
import { textOf } from '../learn/words.ts';
import { countOption } from './backtest.ts';
import type { Verb } from './verbs.ts';

/** Text written at most, in characters. */
const LONGEST = 1_000_000;
const LINE_BREAK = 10;
/** Answers that are followed side by side. */
const BEAM = 3;

export const generate: Verb = async ({ arguments: words, options }, terminal) => {
  const folder = resolve(terminal.folder, words[0]!);
  const prompt = typeof options['prompt'] === 'string' && options['prompt'] !== '' ? options['prompt'] : undefined;
  const tell = (text: string): number => {
    terminal.out(options['json'] ? JSON.stringify({ ok: true, prompt, text }, null, 2) : shown(text));
    return EXIT.ok;
  };
  if (answersText(folder)) {
    if (prompt === undefined) throw new TidecastError('CLI_USAGE', { problem: '--prompt is the text that it answers' });
    const letters = Array.from(prompt, (letter) => [letter.codePointAt(0)!]);
    return tell(textOf(loadAnswerer(folder).answer(letters, countOption('--beam', options['beam'], 1) ?? BEAM)));
  }
  const writer = loadWriter(folder);
  const length = countOption('--length', options['length'], 1) ?? 500;
  const temperature = Number(options['temperature'] ?? 1);
  if (!(temperature >= 0 && temperature <= 10) || options['temperature'] === '' || length > LONGEST)
    throw new TidecastError('CLI_USAGE', {
      ...{ temperature: String(options['temperature'] ?? 1).slice(0, 60), length },
      problem: `--temperature is from 0 to 10, --length at most ${LONGEST}`,
    });
  const first = writer.symbols.includes(LINE_BREAK) ? LINE_BREAK : writer.symbols[0]!;
  const seed = countOption('--seed', options['seed'], 0) ?? 1;
  const text = write(writer, prompt ?? String.fromCodePoint(first), { length, temperature }, seed);
  return tell(options['json'] ? text : `${prompt ?? ''}${text}`);
};

/** A text that was learnt from may hold what moves the cursor. */
function shown(text: string): string {
  return text.replace(/[^\P{Cc}\n\t]/gu, '');
}
