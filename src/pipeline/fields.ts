/** The kinds of fields that a pipeline file is made of, each with its bounds and one clear sentence for what does not fit. */
import { z } from 'zod';
import { duration, milliseconds } from '../core/duration.ts';
import { explain } from './problem.ts';

const DURATION = 'must be a duration such as 500ms, 30s, 5m, 2h or 7d';
const TEN_YEARS = 3650 * 86_400_000;

/** A duration, written `30s` or as milliseconds; milliseconds once parsed. */
export function span(options: { readonly min?: number; readonly max?: number } = {}) {
  const { min = 0, max = TEN_YEARS } = options;
  return z
    .union([z.string(), z.number()], {
      error: ({ input }) => (input === undefined ? 'is missing: a duration such as 7d' : DURATION),
    })
    .transform((written, context) => {
      const ms = milliseconds(written);
      const problem = !Number.isFinite(ms)
        ? DURATION
        : ms < min
          ? `must be at least ${duration(min)}`
          : ms > max
            ? `must be at most ${duration(max)}`
            : '';
      if (problem) context.issues.push({ code: 'custom', message: problem, input: written, params: { echo: true } });
      return ms;
    });
}

/** A duration, or `never`, which is Infinity. */
export function spanOrNever(options: { readonly min?: number; readonly max?: number } = {}) {
  const plain = span(options);
  return z.union([z.string(), z.number()], { error: `${DURATION}, or never` }).transform((written, context) => {
    if (written === 'never') return Infinity;
    const { data, error } = plain.safeParse(written);
    for (const { message } of error?.issues ?? [])
      context.issues.push({
        code: 'custom',
        message: message === DURATION ? `${DURATION}, or never` : message,
        input: written,
        params: { echo: true },
      });
    return data ?? NaN;
  });
}

/** Where to listen. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const ADDRESS = 'must be host:port such as 127.0.0.1:9464, or a port';

/** `host:port`, `[::1]:port`, or a port alone, which is one of 127.0.0.1; an {@link Address} once parsed. */
export function addressField() {
  return z.union([z.string(), z.int()], { error: ADDRESS }).transform((written, context): Address => {
    const [, bracketed, host = bracketed ?? '127.0.0.1', port = ''] =
      /^(?:(?:\[([\da-fA-F:.]+)\]|([^\s:[\]/@]+)):)?(\d{1,5})$/.exec(String(written)) ?? [];
    if (port === '' || Number(port) > 65_535)
      context.issues.push({ code: 'custom', message: ADDRESS, input: written, params: { echo: true } });
    return { host, port: Number(port) };
  });
}

/** A whole number between two bounds. */
export function count(min: number, max: number) {
  return z.int().min(min).max(max);
}

/** A number between two bounds, both allowed. */
export function between(min: number, max: number) {
  return z.number().min(min).max(max);
}

/** A number above 0, up to a bound. */
export function positive(max: number) {
  return z.number().gt(0).max(max);
}

/** Text that is not empty and holds no control characters. */
export function text(max = 1000) {
  return z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, { error: 'must not hold control characters' });
}

/** Text as {@link text}, or a number of ordinary size. */
export function wordOrNumber() {
  return z.union([text(200), between(-1e6, 1e6)], { error: 'must be text, or a number from -1000000 to 1000000' });
}

/** A name of a channel, bar, model or target. */
export function label() {
  return text(200);
}

/** Rows in a season, a list of such, `none`, which is an empty list once parsed, or one of `words`. */
export function seasonsField<Word extends string = never>(...words: Word[]) {
  const list = oneOrMore(count(2, 100_000), 8);
  const { anyOf } = list.meta() as { anyOf: object[] };
  return z
    .unknown()
    .transform((given, context): number[] | Word => {
      if (given === 'none') return [];
      if (words.includes(given as Word)) return given as Word;
      const { data, error } = list.safeParse(given, { error: explain });
      for (const issue of error?.issues ?? []) context.issues.push(issue as never);
      return data ?? z.NEVER;
    })
    .meta({ anyOf: [...anyOf, ...['none', ...words].map((word) => ({ const: word }))] });
}

/** One value or a list of them; a list once parsed. */
export function oneOrMore<T extends z.ZodType>(each: T, max: number) {
  const list = z.array(each).min(1).max(max);
  const { $schema: _, ...many } = z.toJSONSchema(list, { io: 'input' });
  return z
    .preprocess((given) => (Array.isArray(given) || given === undefined ? given : [given]), list)
    .meta({ anyOf: [many.items, many] });
}
