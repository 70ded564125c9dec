/** Text in a grid of character cells: what any name looks like on a terminal, and how wide that is. */

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Wide in every terminal: East Asian wide and fullwidth letters, and emoji. */
const WIDE =
  /^(?:[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation})/u;
/** Takes no room of its own, or would move the cursor or turn the text around. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;
/** Emoji are joined by these; on their own they are as unprintable as the rest. */
const JOINERS = /\u200d|\ufe0f/;

/** A name with everything that is no visible character written out: a newline as `\n`, others as `\u{1b}`. At most `most` UTF-16 units are looked at. */
export function printable(name: string, most = 400): string {
  const known: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' };
  const escape = (c: string) => known[c] ?? `\\u{${c.codePointAt(0)!.toString(16)}}`;
  let shown = '';
  for (const { segment } of graphemes.segment(name.slice(0, most))) {
    const joined = segment.length > 2 && JOINERS.test(segment) && /\p{Extended_Pictographic}/u.test(segment);
    shown += joined && [...segment].length < 12 ? segment : segment.replace(UNPRINTABLE, escape);
  }
  return name.length > most ? `${shown}…` : shown;
}

/** Columns that printable text takes. */
export function displayWidth(text: string): number {
  const bare = text.replace(/\u001b\[[0-9;]*m/g, '');
  if (/^[\u0020-\u007e]*$/.test(bare)) return bare.length;
  let width = 0;
  for (const { segment } of graphemes.segment(bare)) width += WIDE.test(segment) || segment.includes('\ufe0f') ? 2 : 1;
  return width;
}

/** Cut to `width` columns, with an ellipsis where something is missing. The text must carry no emphasis. */
export function cut(text: string, width: number): string {
  if (text.length <= width && displayWidth(text) <= width) return text;
  let kept = '';
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const w = displayWidth(segment);
    if (used + w > width - 1) break;
    kept += segment;
    used += w;
  }
  return width < 1 ? '' : `${kept}…`;
}

/** Filled up with spaces to `width` columns; `right` puts them in front. */
export function pad(text: string, width: number, side: 'left' | 'right' = 'left'): string {
  const room = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return side === 'left' ? text + room : room + text;
}

/** Rows under each other in columns, two spaces apart; `right` names the columns that are numbers. The last column is not filled up. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, c) => Math.max(0, ...rows.map((row) => displayWidth(row[c] ?? ''))));
  return rows.map((row) =>
    row
      .map((cell, c) => pad(cell, widths[c]!, right.includes(c) ? 'right' : 'left'))
      .join('  ')
      .trimEnd(),
  );
}

/** Words broken into lines of at most `width` columns. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return line ? [...lines, line] : lines;
}
