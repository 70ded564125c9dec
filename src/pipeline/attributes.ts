/** `forecast.attributes`: of what kind each series is, as inputs of 0 and 1. */
import type { Attributes } from '../forecast/beside.ts';

/** As it stands in the file: by series, then by attribute. */
export type WrittenAttributes = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** One input for each value that an attribute has somewhere, in order of name. */
export function attributesOf(written: WrittenAttributes): Attributes {
  const names = namesOf(written);
  const of = Object.entries(written).map(([series, own]) => [
    series,
    Object.entries(own).map(([attribute, value]) => names.indexOf(nameOf(attribute, value))),
  ]);
  return { names, of: Object.fromEntries(of) as Attributes['of'] };
}

/** The names of these inputs. */
export function namesOf(written: WrittenAttributes): string[] {
  const all = Object.values(written).flatMap((own) => Object.entries(own).map(([attribute, value]) => nameOf(attribute, value)));
  return [...new Set(all)].sort();
}

function nameOf(attribute: string, value: string): string {
  return `${attribute}=${value}`;
}
