/** What a pipeline says about the messages of a topic. */
import { z } from 'zod';
import { knownZone } from './time.ts';

/** The fields for the settings of a source of messages: `z.strictObject({ ...messageFields }).superRefine(checkMessageFields)`. */
export const messageFields = {
  format: z
    .enum(['json', 'csv', 'arrow'])
    .default('json')
    .describe(
      'What a message holds. `json`: an object (one tick), an array of objects, or an object of equally long arrays. `csv`: a line a tick, no header. `arrow`: an Arrow IPC stream or file.',
    ),
  time: z
    .string()
    .min(1)
    .optional()
    .describe(
      'The field of event times; `record` means the time that the message itself carries. Default: the first of `time`, `timestamp`, `ts` and `date` that a tick has.',
    ),
  unit: z
    .enum(['s', 'ms', 'us', 'ns'])
    .optional()
    .describe(
      'For times that are numbers: what they count since 1970. Without it JSON numbers are milliseconds, and texts are ISO 8601; an Arrow column of plain numbers needs it.',
    ),
  time_zone: z
    .string()
    .refine(knownZone, 'is not a known time zone')
    .default('UTC')
    .describe('The IANA zone in which times without a zone are meant. An hour that occurs twice means its first.'),
  series: z
    .string()
    .min(1)
    .default('key')
    .describe('The field of series names (text or whole numbers); `key` means the key of the message.'),
  values: z
    .array(z.string().min(1))
    .min(1)
    .describe(
      'The fields of the values, in order. A field that is missing or null is NaN; a tick that has none of them is rejected.',
    ),
  id: z.string().min(1).optional().describe('A field that tells apart ticks of one series at one time (a number or a text).'),
  columns: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('For `csv`, and required there: the names of the fields of a line, in order.'),
  delimiter: z.string().length(1).default(',').describe('For `csv`: what separates the fields.'),
  allow_any_time: z
    .boolean()
    .default(false)
    .describe('Accept times outside 1980 to 2200. Otherwise they count as a wrong unit, and their ticks are rejected.'),
};

/** The settings as they come out of {@link messageFields}. */
export type MessageSettings = z.infer<z.ZodObject<typeof messageFields>>;

/** The names that a time field may have where none is configured, the best first. */
export const TIME_FIELDS = ['time', 'timestamp', 'ts', 'date'];

/** The fields in which the time may stand, the best first; none where the record's own time is meant. */
export function timeFields({ time }: Pick<MessageSettings, 'time'>): readonly string[] {
  if (time === 'record') return [];
  return time === undefined ? TIME_FIELDS : [time];
}

/** The field of the series, or undefined where the message key is meant. */
export function seriesField({ series }: Pick<MessageSettings, 'series'>): string | undefined {
  return series === 'key' ? undefined : series;
}

/** What a field alone cannot tell, for `superRefine`: `columns` goes with `csv`, and names what the other settings name. */
export function checkMessageFields(all: MessageSettings, context: z.RefinementCtx): void {
  const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  if (new Set(all.values).size < all.values.length) fault('values', 'names a field twice');
  if (all.format !== 'csv') {
    if (all.columns) fault('columns', 'is for `format: csv` only');
    return;
  }
  const { columns } = all;
  if (!columns) return fault('columns', 'is required with `format: csv`: the names of the fields of a line, in order');
  if (/["\r\n]/.test(all.delimiter)) fault('delimiter', 'cannot be a quote or a line end');
  if (new Set(columns).size < columns.length) fault('columns', 'names a field twice');
  const missing = (name: string | undefined) => name !== undefined && !columns.includes(name);
  if (!timeFields(all).some((name) => columns.includes(name)) && all.time !== 'record')
    fault(all.time === undefined ? 'columns' : 'time', 'must name the time: a field of `columns`, or `record`');
  if (missing(seriesField(all))) fault('series', 'is not in `columns`');
  if (missing(all.id)) fault('id', 'is not in `columns`');
  for (const name of all.values) if (missing(name)) fault('values', `names ${name}, which is not in \`columns\``);
}
