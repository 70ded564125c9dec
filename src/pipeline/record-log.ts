/** Lines of JSON that are durable before what they say is done. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import { writeWhole, writing } from './state-write.ts';

/** A file that only grows. */
export class RecordLog<T> {
  readonly folder: string;
  readonly file: string;
  readonly #records: T[];

  /** Reads what is there; a torn last line was never in effect and is cut off. Throws `STATE_DAMAGED`. */
  constructor(folder: string, name: string) {
    this.folder = folder;
    this.file = join(folder, name);
    writing(folder, () => mkdirSync(folder, { recursive: true }));
    this.#records = readRecords(this.file, (whole) => truncateSync(this.file, whole));
  }

  get records(): readonly T[] {
    return this.#records;
  }

  append(record: T): void {
    writing(this.folder, () => {
      const file = openSync(this.file, 'a');
      try {
        writeWhole(file, Buffer.from(`${JSON.stringify(record)}\n`));
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
    this.#records.push(record);
  }
}

/** The records of a file, none where there is no file; a torn last line is left out, `torn` is told where it begins. */
export function readRecords<T>(file: string, torn: (whole: number) => void = () => undefined): T[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file);
  const whole = text.lastIndexOf(0x0a) + 1;
  if (whole < text.length) torn(whole);
  const lines = text.toString('utf8', 0, whole).split('\n').slice(0, -1);
  return lines.map((line, i) => {
    try {
      return JSON.parse(line) as T;
    } catch (cause) {
      throw new TidecastError('STATE_DAMAGED', { file, line: i + 1 }, { cause });
    }
  });
}
