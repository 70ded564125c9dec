/**
 * Training of the character model of pipelines/char-lm.yaml beside the same in PyTorch, round by round, one thread each.
 *
 * Seconds are those of processor time, so that what else runs on the machine counts against neither.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { initialWeights } from '../../src/nn/initial.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { median, round, whole, type Emit } from './figure.ts';

/** Python with PyTorch; without it ours is measured alone. */
const PYTHON = process.env['TIDECAST_TORCH_PYTHON'];
const [HIDDEN, EMBEDDING, BATCH, STEPS, RATE, CLIP] = [128, 32, 16, 64, 0.005, 1];
/** The first is not counted. */
const ROUNDS = 8;
const UPDATES = 60;
const CHARACTERS = UPDATES * BATCH * STEPS;
/** Share of PyTorch's characters a second. */
const BAR = 0.5;

/** About half a minute. */
export async function charLmBench(emit: Emit): Promise<void> {
  const symbols = encoded();
  const ours = trainer(symbols);
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-char-lm-'));
  const theirs = PYTHON === undefined ? undefined : await peer(PYTHON, folder, symbols);
  const rounds: { ours: number; theirs: number }[] = [];
  try {
    for (let n = 0; n < ROUNDS; n++)
      rounds.push({ ours: CHARACTERS / ours(), theirs: theirs ? CHARACTERS / (await theirs.train()) : NaN });
  } finally {
    theirs?.close();
    rmSync(folder, { recursive: true });
  }
  const counted = rounds.slice(1);
  const rate = (of: 'ours' | 'theirs'): number => median(counted.map((each) => each[of]));
  const ratio = median(counted.map((each) => each.ours / each.theirs));
  const keys = { bench: 'char-lm', model: 'lstm128', input: EMBEDDING, batch: BATCH, T: STEPS, threads: 1 };
  const bar = `at least ${BAR} x PyTorch's`;
  emit({
    keys: {
      ...keys,
      peer: 'tidecast',
      version: process.version,
      chars_per_s: Math.round(rate('ours')),
      ratio: theirs ? round(ratio) : null,
    },
    what: 'LSTM(128), embedding 32',
    shown: `${whole(rate('ours'))} characters/s${theirs ? `, ${ratio.toFixed(2)} x` : ''}`,
    ...(theirs ? { bar, pass: ratio >= BAR } : { bar: `${bar}: set TIDECAST_TORCH_PYTHON to a Python with torch` }),
  });
  if (theirs)
    emit({
      keys: { ...keys, peer: 'torch', version: theirs.version, chars_per_s: Math.round(rate('theirs')) },
      what: `the same, PyTorch ${theirs.version}`,
      shown: `${whole(rate('theirs'))} characters/s`,
    });
}

/** The text of the pipeline, its characters numbered. */
function encoded(): Uint8Array {
  const text = [...readFileSync('pipelines/data/king_james_new_testament.txt', 'utf8').slice(0, 850_000)];
  const places = new Map([...new Set(text)].sort().map((letter, i) => [letter, i]));
  return Uint8Array.from(text, (letter) => places.get(letter)!);
}

/** Gives a function that trains one round and gives its seconds of processor time. */
function trainer(symbols: Uint8Array): () => number {
  const categories = 1 + symbols.reduce((most, each) => Math.max(most, each), 0);
  const sizes = { inputs: 1, categories, embedding: EMBEDDING, hidden: HIDDEN, layers: 1, outputs: categories };
  const shape: NetworkShape = { cell: 'lstm', ...sizes, skip: false };
  const optimizer = { learningRate: RATE, clipNorm: CLIP };
  const one = new Trainer(shape, { batch: BATCH, steps: STEPS }, { head: 'categorical', classes: categories }, optimizer);
  one.load(initialWeights(shape, 1));
  const { x, target } = one;
  const length = Math.floor(symbols.length / BATCH);
  let at = 0;
  return () => {
    const since = process.cpuUsage();
    for (let n = 0; n < UPDATES; n++) {
      if (at + STEPS + 1 > length) {
        at = 0;
        one.state.fill(0);
      }
      for (let t = 0; t < STEPS; t++)
        for (let b = 0; b < BATCH; b++) {
          x[t * BATCH + b] = symbols[b * length + at + t]!;
          target[t * BATCH + b] = symbols[b * length + at + t + 1]!;
        }
      if (!(one.forward() < 10)) throw new Error('the training diverged');
      one.backward();
      one.update();
      at += STEPS;
    }
    const { user, system } = process.cpuUsage(since);
    return (user + system) / 1e6;
  };
}

/** Starts PyTorch. */
async function peer(
  python: string,
  folder: string,
  symbols: Uint8Array,
): Promise<{ version: string; train(): Promise<number>; close(): void }> {
  // the script stays in the source tree; from dist/test/bench it is three folders up
  const script = [
    new URL('./char_lm_torch.py', import.meta.url),
    new URL('../../../test/bench/char_lm_torch.py', import.meta.url),
  ]
    .map((url) => url.pathname)
    .find((path) => existsSync(path))!;
  const text = join(folder, 'text');
  writeFileSync(text, symbols);
  const sizes = [HIDDEN, EMBEDDING, BATCH, STEPS, RATE, CLIP].map(String);
  const child = spawn(python, [script, text, ...sizes], { stdio: ['pipe', 'pipe', 'inherit'] });
  const failed = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`PyTorch ended with ${code}`)));
  });
  failed.catch(() => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => String((await Promise.race([lines.next(), failed])).value);
  return {
    version: await line(),
    train: async () => {
      child.stdin.write(`${UPDATES}\n`);
      return Number((await line()).split(' ')[0]);
    },
    close: () => child.kill(),
  };
}
