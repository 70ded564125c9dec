/** An Arrow IPC file that is open: its index, and its bytes. */
import { open, type FileHandle } from 'node:fs/promises';
import { indexArrow, readBytes, type Parts } from './arrow-index.ts';
import { metaOf, type BatchBlock, type BatchMeta, type Block, type DictionaryBlock } from './arrow-messages.ts';
import type { ArrowSchema } from './arrow-schema.ts';
import { fileFault, refusePipe } from './file-fault.ts';

/** An open, indexed Arrow IPC file. */
export class ArrowFile implements Parts {
  readonly path: string;
  readonly schema: ArrowSchema;
  readonly batches: readonly BatchBlock[];
  readonly dictionaries: readonly DictionaryBlock[];
  readonly ended: boolean;
  readonly rows: number;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, parts: Parts) {
    this.path = path;
    this.#handle = handle;
    this.schema = parts.schema;
    this.batches = parts.batches;
    this.dictionaries = parts.dictionaries;
    this.ended = parts.ended;
    this.rows = parts.batches.reduce((sum, batch) => sum + batch.rows, 0);
  }

  /** Opens and indexes; throws `ARROW_FOREIGN`, `ARROW_TRUNCATED`, `ARROW_DAMAGED` or an error of the file system. */
  static async open(path: string): Promise<ArrowFile> {
    refusePipe(path);
    let handle: FileHandle;
    try {
      handle = await open(path, 'r');
    } catch (error) {
      throw fileFault(path, error);
    }
    try {
      return new ArrowFile(path, handle, await indexArrow(path, handle));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The bytes of a stretch of the file, at the start of a fresh, aligned array. */
  async bytes(at: number, length: number): Promise<Uint8Array> {
    return readBytes(this.#handle, at, length);
  }

  /** What a record batch or dictionary says of itself; throws `Damage`. */
  async meta(block: Block): Promise<BatchMeta> {
    return metaOf(await this.bytes(block.at, block.metadata), block.bodyLength);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
