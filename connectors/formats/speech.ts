/** Made-up words as a filter bank hears them: vowels that glide into each other, spoken by anybody, fast or slow, loud or low, in noise. */
import { exp, log } from '../../src/core/math/math.ts';
import type { Random } from '../../src/core/random.ts';

/** Bands of the filter bank, equally wide on the mel scale from {@link LOWEST} to {@link HIGHEST}. */
export const BANDS = 10;
const LOWEST = 100;
const HIGHEST = 4000;

/** The first three formants of men, Hz (Peterson and Barney, 1952). */
const VOWELS = {
  a: [730, 1090, 2440],
  e: [530, 1840, 2480],
  i: [270, 2290, 3010],
  o: [570, 840, 2410],
  u: [300, 870, 2240],
} as const;
type Vowel = keyof typeof VOWELS;

/** Six are the same three vowels in another order. */
const WORDS = ['aiu', 'aui', 'iau', 'iua', 'uai', 'uia', 'eoe', 'oeo'];

/** Strength of each formant, and how many bands it is wide. */
const STRENGTHS = [1, 0.7, 0.4];
const WIDTH = 0.9;
/** The share of a vowel in which it glides into the next. */
const GLIDE = 0.4;
const NOISE = 0.5;

/** Writes one word: the energy of each band, then the word's number at the last row and NaN before it. */
export function utter(random: Random, length: number, to: Float64Array): void {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const word = random.below(WORDS.length);
  const vowels = [...WORDS[word]!] as Vowel[];
  // shares of the time: silence, the vowels, silence
  const shares = [between(0, 1), ...vowels.map(() => between(0.6, 1.8)), between(0, 1)];
  const total = shares.reduce((sum, share) => sum + share, 0);
  const pitch = between(0.9, 1.2);
  const loudness = between(0.6, 1.4);
  let begin = (length * shares[0]!) / total;
  const begins = vowels.map((_, i) => {
    const at = begin;
    begin += (length * shares[i + 1]!) / total;
    return at;
  });
  for (let row = 0; row < length; row++) {
    const i = begins.findLastIndex((at) => at <= row);
    const silent = i < 0 || row >= begin;
    const formants = silent ? [] : formantsAt(vowels, i, (row - begins[i]!) / ((begins[i + 1] ?? begin) - begins[i]!));
    for (let band = 0; band < BANDS; band++) {
      let energy = 0;
      formants.forEach((frequency, f) => {
        const gap = (band - bandOf(frequency * pitch)) / WIDTH;
        energy += STRENGTHS[f]! * exp(-0.5 * gap * gap);
      });
      to[row * (BANDS + 1) + band] = loudness * energy + NOISE * random.normal(log);
    }
    to[row * (BANDS + 1) + BANDS] = row === length - 1 ? word : NaN;
  }
}

/** Formants of the vowel `i` after a share of its time. */
function formantsAt(vowels: readonly Vowel[], i: number, share: number): number[] {
  const next = VOWELS[vowels[i + 1] ?? vowels[i]!];
  const mix = Math.max(0, (share - 1 + GLIDE) / GLIDE);
  return VOWELS[vowels[i]!].map((frequency, f) => frequency + mix * (next[f]! - frequency));
}

/** Where a frequency lies among the bands. */
function bandOf(frequency: number): number {
  return ((mel(frequency) - mel(LOWEST)) / (mel(HIGHEST) - mel(LOWEST))) * (BANDS - 1);
}

function mel(frequency: number): number {
  return log(1 + frequency / 700);
}
