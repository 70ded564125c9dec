/** What apache-arrow's writer needs beside itself: its bytes handed out, its dictionaries last, and columns packed into buffers. */
import type { RecordBatchFileWriter, Schema, Vector } from 'apache-arrow';

export type Arrow = typeof import('apache-arrow');

/** See {@link lateWriter}. */
export interface LateWriter extends RecordBatchFileWriter {
  take(): Uint8Array[];
  end(dictionaries: ReadonlyMap<number, Vector>): void;
}

/** apache-arrow's file writer with its bytes collected for us and its dictionaries written last. */
export function lateWriter(arrow: Arrow, schema: Schema): LateWriter {
  class Writer extends arrow.RecordBatchFileWriter implements LateWriter {
    #chunks: Uint8Array[] = [];

    take(): Uint8Array[] {
      const chunks = this.#chunks;
      this.#chunks = [];
      return chunks;
    }

    end(dictionaries: ReadonlyMap<number, Vector>): void {
      for (const [id, dictionary] of dictionaries) this._writeDictionaryBatch(dictionary.data[0]!, id);
      this._writeFooter(schema);
    }

    protected override _writeDictionaries(): this {
      return this;
    }

    protected override _write(chunk: ArrayBufferView | string): this {
      const bytes =
        typeof chunk === 'string' ? Buffer.from(chunk) : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      if (bytes.byteLength > 0) {
        this.#chunks.push(bytes);
        this._position += bytes.byteLength;
      }
      return this;
    }
  }
  const writer = new Writer();
  writer.reset(undefined, schema);
  return writer;
}

/** Whole numbers as int64 words; null where NaN. */
export function packLongs(values: Float64Array): {
  readonly data: BigInt64Array;
  readonly nullBitmap?: Uint8Array;
  readonly nullCount: number;
} {
  const words = new Int32Array(values.length * 2);
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 64) * 8);
  let nullCount = 0;
  for (let i = 0; i < values.length; i++) {
    const value = Math.round(values[i]!);
    if (Number.isNaN(value)) {
      nullCount++;
      continue;
    }
    nullBitmap[i >> 3]! |= 1 << (i & 7);
    const high = Math.floor(value / 4294967296);
    words[2 * i] = value - high * 4294967296;
    words[2 * i + 1] = high;
  }
  const data = new BigInt64Array(words.buffer);
  return nullCount === 0 ? { data, nullCount } : { data, nullBitmap, nullCount };
}

/** Texts as one run of UTF-8; null where undefined. */
export function packTexts(texts: readonly (string | undefined)[]): {
  valueOffsets: Int32Array;
  data: Uint8Array;
  nullBitmap?: Uint8Array;
  nullCount: number;
} {
  const parts = texts.map((text) => Buffer.from(text ?? ''));
  const valueOffsets = new Int32Array(texts.length + 1);
  const nullBitmap = new Uint8Array(Math.ceil(texts.length / 64) * 8);
  let nullCount = 0;
  parts.forEach((part, i) => {
    valueOffsets[i + 1] = valueOffsets[i]! + part.length;
    if (texts[i] === undefined) nullCount++;
    else nullBitmap[i >> 3]! |= 1 << (i & 7);
  });
  const data = new Uint8Array(Buffer.concat(parts));
  return nullCount === 0 ? { valueOffsets, data, nullCount } : { valueOffsets, data, nullBitmap, nullCount };
}
