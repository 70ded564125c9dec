/** `forecast.attributes`: what each series is like, as inputs of 0 and 1, or numbers. */
import type { Attributes } from '../forecast/beside.ts';

type Value = string | number;

/** As it stands in the file: by series, then by attribute. */
export type WrittenAttributes = Readonly<Record<string, Readonly<Record<string, Value>>>>;

/** One input for each word that an attribute has somewhere, and one for its numbers, in order of name. */
export function attributesOf(written: WrittenAttributes): Attributes {
  const names = namesOf(written);
  const of = Object.entries(written).map(([series, own]) => [
    series,
    Object.entries(own).map(([attribute, value]) => [
      names.indexOf(nameOf(attribute, value)),
      typeof value === 'number' ? value : 1,
    ]),
  ]);
  return { names, of: Object.fromEntries(of) as Attributes['of'] };
}

/** The names of these inputs. */
export function namesOf(written: WrittenAttributes): string[] {
  const all = Object.values(written).flatMap((own) => Object.entries(own).map(([attribute, value]) => nameOf(attribute, value)));
  return [...new Set(all)].sort();
}

function nameOf(attribute: string, value: Value): string {
  return typeof value === 'number' ? attribute : `${attribute}=${value}`;
}
