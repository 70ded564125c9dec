/** The framing of an Arrow message: its schema, and where its dictionaries and record batches lie. */
import { DICTIONARY, message, SCHEMA, schemaOf, type Block } from './arrow-messages.ts';
import { readSchema, type ArrowSchema } from './arrow-schema.ts';
import { Damage, sound } from './damage.ts';
import { FlatTable, int64 } from './flatbuffer.ts';

/** A dictionary or record batch: where it lies, and its metadata. */
export interface Part {
  readonly block: Block;
  readonly metadata: Buffer;
  readonly isDictionary: boolean;
}

export interface Framing {
  /** What the schema was read from: the same bytes are the same schema. */
  readonly schemaBytes: Buffer;
  schema(): ArrowSchema;
  readonly parts: readonly Part[];
}

/** Takes a message apart; throws `Damage`. Nothing is read of the bodies, and no length is believed that the message does not have. */
export function frame(value: Buffer): Framing {
  return value.toString('latin1', 0, 6) === 'ARROW1' ? frameFile(value) : frameStream(value);
}

/** A message is whole or not there at all, so that a stream may lack its end mark. */
function frameStream(value: Buffer): Framing {
  const parts: Part[] = [];
  let at = 0;
  let schemaBytes: Buffer | undefined;
  while (at < value.length) {
    sound(value.length - at >= 8 && value.readInt32LE(at) === -1, `no message starts at byte ${at}`);
    const length = value.readInt32LE(at + 4);
    if (length === 0) {
      at += 8;
      break;
    }
    sound(length > 0 && length <= value.length - at - 8, `the message at byte ${at} is cut off`);
    const metadata = value.subarray(at, at + 8 + length);
    if (!schemaBytes) {
      schemaBytes = metadata;
      at += metadata.length;
      continue;
    }
    const part = partAt(value, at, metadata);
    parts.push(part);
    at = part.block.body + part.block.bodyLength;
  }
  if (!schemaBytes) throw new Damage('the schema is missing');
  sound(at === value.length, `${value.length - at} bytes follow its end`);
  const bytes = schemaBytes;
  const schema = () => {
    const decoded = message(bytes);
    sound(decoded.type === SCHEMA && decoded.table.int64(3) === 0, 'it does not start with a schema');
    return schemaOf(decoded);
  };
  return { schemaBytes, schema, parts };
}

function frameFile(value: Buffer): Framing {
  sound(value.length >= 18 && value.toString('latin1', value.length - 6) === 'ARROW1', 'the footer at its end is missing');
  const length = value.readInt32LE(value.length - 10);
  sound(length > 0 && length <= value.length - 18, 'the length of the footer is absurd');
  const end = value.length - 10 - length;
  const schemaBytes = value.subarray(end, end + length);
  const footer = FlatTable.root(schemaBytes);
  const parts: Part[] = [];
  // dictionaries hold throughout the file: they come first
  for (const field of [2, 3]) {
    const { at, length: entries } = footer.vector(field, 24);
    for (let i = 0; i < entries; i++) {
      const from = int64(footer.bytes, at + 24 * i);
      const metadata = footer.bytes.getInt32(at + 24 * i + 8, true);
      sound(from >= 8 && metadata >= 8 && from + metadata <= end, `the footer's entry ${i} points outside the file`);
      const part = partAt(value.subarray(0, end), from, value.subarray(from, from + metadata));
      sound(part.isDictionary === (field === 2), `the footer's entry ${i} is of the wrong kind`);
      parts.push(part);
    }
  }
  const schema = () => {
    const table = footer.table(1);
    if (!table) throw new Damage('the footer has no schema');
    return readSchema(table, footer.int16(0));
  };
  return { schemaBytes, schema, parts };
}

function partAt(value: Buffer, at: number, metadata: Buffer): Part {
  const { table, type } = message(metadata);
  const block: Block = { at, metadata: metadata.length, body: at + metadata.length, bodyLength: table.int64(3) };
  sound(block.bodyLength >= 0 && block.body + block.bodyLength <= value.length, `the message at byte ${at} is cut off`);
  return { block, metadata, isDictionary: type === DICTIONARY };
}
