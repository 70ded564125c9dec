/** Characters, which are ticks here, as text and words again. */

/** Unicode numbers as text; what is none is left out. */
export function textOf(characters: ArrayLike<number>): string {
  const letters = Array.from(characters, (each) =>
    Number.isInteger(each) && each >= 0 && each < 0x110000 ? String.fromCodePoint(each) : '',
  );
  return letters.join('');
}

/** The words of a text in their order: letters and apostrophes. */
export function wordsOf(text: string): string[] {
  return text.match(/[\p{L}'’]+/gu) ?? [];
}
