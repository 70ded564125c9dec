/** Numbers and times as they stand in bytes, without making a text of them. */

/** Powers of ten that are exact in doubles. */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/**
 * Reads the JSON number that starts at `at` and ends before `end` into `out[slot]`; returns where it ends, or -1 where none stands there.
 *
 * Up to 2^53 x 10^±22 the digits and the power are exact, so that one multiplication or division rounds as it must; everything else
 * is left to `Number`. The result is always that of `JSON.parse`.
 */
export function readNumber(bytes: Buffer, at: number, end: number, out: Float64Array, slot: number): number {
  let i = at;
  let byte = i < end ? bytes[i] : 0;
  const negative = byte === 0x2d;
  if (negative) byte = ++i < end ? bytes[i] : 0;
  const first = i;
  // nine digits at a time, because whole numbers are quicker than doubles
  let high = 0;
  let low = 0;
  let count = 0;
  while (byte >= 0x30 && byte <= 0x39) {
    low = (Math.imul(low, 10) + byte - 0x30) | 0;
    if (++count === 9) {
      high = high * 1e9 + low;
      low = count = 0;
    }
    byte = ++i < end ? bytes[i] : 0;
  }
  if (i === first || (i > first + 1 && bytes[first] === 0x30)) return -1;
  let power = 0;
  if (byte === 0x2e) {
    const point = i + 1;
    byte = ++i < end ? bytes[i] : 0;
    while (byte >= 0x30 && byte <= 0x39) {
      low = (Math.imul(low, 10) + byte - 0x30) | 0;
      if (++count === 9) {
        high = high * 1e9 + low;
        low = count = 0;
      }
      byte = ++i < end ? bytes[i] : 0;
    }
    power = point - i;
    if (power === 0) return -1;
  }
  if (byte === 0x65 || byte === 0x45) {
    byte = ++i < end ? bytes[i] : 0;
    const down = byte === 0x2d;
    if (down || byte === 0x2b) byte = ++i < end ? bytes[i] : 0;
    const start = i;
    let exponent = 0;
    while (byte >= 0x30 && byte <= 0x39) {
      if (exponent < 10_000) exponent = exponent * 10 + (byte - 0x30);
      byte = ++i < end ? bytes[i] : 0;
    }
    if (i === start) return -1;
    power += down ? -exponent : exponent;
  }
  // what is rounded on the way is beyond 2^53 anyway
  const digits = high * POWERS[count] + low;
  if (digits <= Number.MAX_SAFE_INTEGER && power >= -22 && power <= 22) {
    const size = power < 0 ? digits / POWERS[-power] : digits * POWERS[power];
    out[slot] = negative ? -size : size;
  } else {
    out[slot] = Number(bytes.toString('latin1', at, i));
  }
  return i;
}

let lastDay = -1;
let lastDate = 0;

/**
 * Epoch milliseconds of `2014-07-01T00:30:00Z` or `... 00:30:00.250Z` (the `Z` may be missing where `utc` says that this is meant);
 * NaN for every other form, which may still be a time. The result is always that of `parseTime`, ten times sooner.
 */
export function readIsoTime(text: string, utc: boolean): number {
  const end = text.endsWith('Z') ? text.length - 1 : utc ? text.length : -1;
  if (end < 19 || end === 20 || end > 29) return NaN;
  const mark = text.charCodeAt(10);
  if (text.charCodeAt(4) !== 0x2d || text.charCodeAt(7) !== 0x2d || (mark !== 0x54 && mark !== 0x20)) return NaN;
  if (text.charCodeAt(13) !== 0x3a || text.charCodeAt(16) !== 0x3a) return NaN;
  const year = pair(text, 0) * 100 + pair(text, 2);
  const month = pair(text, 5);
  const day = pair(text, 8);
  const hour = pair(text, 11);
  const minute = pair(text, 14);
  const second = pair(text, 17);
  // NaN fails these too; years below 100 are left to those who know about them
  if (!(year >= 100 && month >= 1 && month <= 12 && day >= 1 && hour < 24 && minute < 60 && second < 60)) return NaN;
  let fraction = 0;
  if (end > 19) {
    if (text.charCodeAt(19) !== 0x2e) return NaN;
    let digits = 0;
    for (let i = 20; i < end; i++) {
      const digit = text.charCodeAt(i) - 48;
      if (!(digit >= 0 && digit <= 9)) return NaN;
      digits = digits * 10 + digit;
    }
    fraction = (digits / POWERS[end - 20]) * 1000;
  }
  const key = year * 10_000 + month * 100 + day;
  if (key !== lastDay) {
    const date = Date.UTC(year, month - 1, day);
    // February 30 would be March 2
    if (new Date(date).getUTCDate() !== day) return NaN;
    lastDate = date;
    lastDay = key;
  }
  return lastDate + (hour * 60 + minute) * 60_000 + second * 1000 + fraction;
}

function pair(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}
