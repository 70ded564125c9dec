/** InfluxDB's line protocol, the parts that need care: names, numbers, texts. */

/** InfluxDB refuses keys of 65,536 bytes; a key holds the measurement and all tags. */
const LONGEST_NAME = 32_768;

/**
 * Why a name cannot be a tag's value, or undefined if it can.
 *
 * What it lets pass comes back from InfluxDB character by character. Line protocol has no way to write a line feed or a backslash at the
 * end (it would escape the comma behind it); other control characters have no business in a name; half a surrogate pair would become
 * another series' name in UTF-8.
 */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'the name is empty';

  if (/[\u0000-\u001f\u007f]/.test(name)) return 'the name holds a control character';
  if (name.endsWith('\\')) return 'the name ends in a backslash';
  if (/\p{Surrogate}/u.test(name)) return 'the name is no valid Unicode';
  if (name.length > LONGEST_NAME / 3 && Buffer.byteLength(name) > LONGEST_NAME) return `the name is over ${LONGEST_NAME} bytes`;
  return undefined;
}

/** A name as it stands in a tag; only of names without a {@link nameProblem}. */
export function tagText(name: string): string {
  return name.replace(/[,= ]/g, '\\$&');
}

/** A name as it stands where the measurement does. */
export function measurementText(name: string): string {
  return name.replace(/[, ]/g, '\\$&');
}

/** A double as a field: the shortest text that reads back as the same bits, always of type float. Only of finite numbers. */
export function floatText(value: number): string {
  // String(-0) is "0"
  return value === 0 && 1 / value < 0 ? '-0' : String(value);
}

/** A text as a field, in its quotes. */
export function stringText(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
