/** Ticks from JSON messages: one object, an array of objects, or one object of columns. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { RejectReason } from '../../src/core/batch.ts';
import { byteAt, JsonScanner, skipSpace, UNUSUAL } from './json-scanner.ts';
import { JsonTick } from './json-tick.ts';
import type { MessageSettings } from './message-fields.ts';
import type { Envelope, MessageFormat, MessageRows } from './message-rows.ts';

/** The JSON format. Plain messages without any fault are read from their bytes; everything else goes through `JSON.parse`. */
export class JsonMessages implements MessageFormat {
  readonly #tick: JsonTick;
  readonly #fast: boolean;
  #scanner: JsonScanner | undefined;

  /** `fast`: off only to compare with. */
  constructor(settings: MessageSettings, fast = true) {
    this.#tick = new JsonTick(settings);
    this.#fast = fast;
  }

  read(value: Buffer, envelope: Envelope, rows: MessageRows): RejectReason | undefined {
    const { length } = rows;
    if (this.#fast && this.#scan(value, envelope, rows)) return undefined;
    rows.rollback(length);
    const text = textOf(value);
    if (text === undefined) return 'undecodable';
    const parsed: unknown = JSON.parse(text);
    if (Array.isArray(parsed)) return this.#array(parsed, envelope, rows);
    if (!isObject(parsed)) return 'undecodable';
    if (this.#tick.fields.some((name) => Array.isArray(own(parsed, name)))) return this.#columns(parsed, envelope, rows);
    this.#load(parsed, rows);
    return this.#tick.addTo(rows, envelope);
  }

  /** False where the message is not plain, or has any fault. */
  #scan(value: Buffer, envelope: Envelope, rows: MessageRows): boolean {
    const scanner = (this.#scanner ??= new JsonScanner(this.#tick, rows.names));
    let i = skipSpace(value, 0);
    if (byteAt(value, i) !== 0x5b) {
      i = scanner.object(value, i);
      if (i === UNUSUAL || skipSpace(value, i) < value.length) return false;
      return this.#tick.addTo(rows, envelope) === undefined;
    }
    i = skipSpace(value, i + 1);
    if (byteAt(value, i) === 0x5d) return skipSpace(value, i + 1) === value.length;
    for (;;) {
      i = scanner.object(value, i);
      if (i === UNUSUAL || this.#tick.addTo(rows, envelope) !== undefined) return false;
      i = skipSpace(value, i);
      if (byteAt(value, i) === 0x5d) return skipSpace(value, i + 1) === value.length;
      if (byteAt(value, i) !== 0x2c) return false;
      i = skipSpace(value, i + 1);
    }
  }

  #array(ticks: readonly unknown[], envelope: Envelope, rows: MessageRows): RejectReason | undefined {
    for (const each of ticks) {
      let reason: RejectReason | undefined = 'undecodable';
      if (isObject(each)) {
        this.#load(each, rows);
        reason = this.#tick.addTo(rows, envelope);
      }
      if (reason && !rows.reject(reason, { raw: shown(each) })) return reason;
    }
    return undefined;
  }

  #columns(columns: object, envelope: Envelope, rows: MessageRows): RejectReason | undefined {
    const tick = this.#tick;
    const cells = tick.fields.map((name) => own(columns, name));
    const lists = cells.filter((cell) => Array.isArray(cell));
    const n = lists[0].length;
    if (lists.some((list) => list.length !== n)) return 'undecodable';
    rows.reserve(n);
    const cell = (field: number, row: number): unknown => {
      const held = cells[field];
      return Array.isArray(held) ? held[row] : held;
    };
    for (let row = 0; row < n; row++) {
      tick.clear();
      for (let field = 0; field < cells.length; field++) if (cells[field] !== undefined) tick.set(field, cell(field, row), rows);
      const reason = tick.addTo(rows, envelope);
      if (!reason) continue;
      const raw = shown(Object.fromEntries(tick.fields.map((name, field) => [name, cell(field, row)])));
      if (!rows.reject(reason, { raw })) return reason;
    }
    return undefined;
  }

  #load(object: object, rows: MessageRows): void {
    const tick = this.#tick;
    tick.clear();
    for (let field = 0; field < tick.fields.length; field++) {
      const value = own(object, tick.fields[field]);
      if (value !== undefined) tick.set(field, value, rows);
    }
  }
}

/** The text of UTF-8, without the byte order mark; undefined where it is something else. */
export function textOf(bytes: Buffer): string | undefined {
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field of a parsed object: never what every object inherits. */
function own(object: object, name: string): unknown {
  return !(name in Object.prototype) || Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

function shown(value: unknown): string {
  try {
    return JSON.stringify(value).slice(0, 1000);
  } catch {
    // nested deeper than the stack
    return '';
  }
}
