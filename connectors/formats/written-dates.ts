/** Days as people write them, in many ways, and as ISO 8601 does. */
import type { Random } from '../../src/core/random.ts';

const DAY = 86_400_000;
/** 1900-01-01 and, behind the last day, 2100-01-01. */
const [FROM, TO] = [-25_567, 47_482];
/** One day of so many is kept back from `dates` for `other_dates`. */
const KEPT_BACK = 5;

const MONTHS = [
  ...['january', 'february', 'march', 'april', 'may', 'june'],
  ...['july', 'august', 'september', 'october', 'november', 'december'],
];
/** Day 0, 1970-01-01, was a Thursday. */
const WEEKDAYS = ['thursday', 'friday', 'saturday', 'sunday', 'monday', 'tuesday', 'wednesday'];

const WORDS = ['it', 'was', 'a', 'day', 'of', 'rain', 'and', 'wind', 'when', 'the', 'old', 'ship', 'came', 'home', 'again'];

interface Parts {
  readonly year: string;
  readonly month: string;
  readonly number: number;
  readonly day: number;
  readonly nth: string;
  readonly weekday: string;
}

const STYLES: readonly ((parts: Parts) => string)[] = [
  ({ day, number, year }) => `${day}.${number}.${year}`,
  ({ day, month, year }) => `${day} ${month} ${year}`,
  ({ day, month, year }) => `${month.slice(0, 3)} ${day}, ${year}`,
  ({ day, month, year, weekday }) => `${weekday}, ${month} ${day} ${year}`,
  ({ nth, month, year }) => `the ${nth} of ${month}, ${year}`,
  ({ nth, month, year, weekday }) => `${weekday} the ${nth} of ${month} ${year}`,
  ({ nth, month, year, weekday }) => `in the year ${year}, on the ${nth} of ${month}, a ${weekday}`,
  ({ nth, month, year, weekday }) => `on a ${weekday}, it was the ${nth} day of ${month}, in the year ${year}`,
];

/** A day in one of the styles, followed by other words while they fit into so many letters, and its ISO form: `kept` are the days of which the others never tell. */
export function writtenDate(random: Random, letters: number, kept: boolean): { written: string; iso: string } {
  let n = FROM + random.below(TO - FROM);
  while (((n - FROM) % KEPT_BACK === 0) !== kept) n = FROM + random.below(TO - FROM);
  const iso = new Date(n * DAY).toISOString().slice(0, 10);
  const [year, number, day] = iso.split('-') as [string, string, string];
  const parts = {
    year,
    month: MONTHS[Number(number) - 1]!,
    number: Number(number),
    day: Number(day),
    nth: nth(Number(day)),
    weekday: WEEKDAYS[((n % 7) + 7) % 7]!,
  };
  let written = STYLES[random.below(STYLES.length)]!(parts);
  for (let next = word(random); written.length + next.length <= letters; next = word(random)) written += next;
  return { written, iso };
}

function word(random: Random): string {
  return ` ${WORDS[random.below(WORDS.length)]!}`;
}

function nth(day: number): string {
  const ending = day > 10 && day < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th');
  return `${day}${ending}`;
}
