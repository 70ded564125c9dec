/** Where states are kept: numbered generations in a folder, the newest two of them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import type { EventBus } from '../core/events.ts';
import type { Saved } from '../core/state.ts';
import { readStateFile, writeStateFile } from './state-file.ts';
import { lockState, type StateLock } from './state-lock.ts';
import { syncFolder, writeError, writing } from './state-write.ts';

/** Keeps states; the folder below is the first kind, a shared one may follow. */
export interface StateStore {
  /** The newest whole generation, or undefined when there is none. */
  load(): Saved | undefined;
  /** Resolves when the state is durable. */
  save(state: Saved): Promise<{ readonly generation: number; readonly bytes: number }>;
  close(): void;
}

const PATTERN = /^generation-(\d{9,})\.state$/;
/** What a state leaves in its folder, which may hold other things as well: a fresh start must not take those away. */
const OWN =
  /^(generation-\d{9,}\.state(\..+)?|epoch|partition-\d+|input\.json|swaps\.jsonl|promotions\.jsonl|rollback\.json|shadow|refused\.jsonl|weights|spill|lock\..+)$/;
const KEPT = 2;
/** Generations of an epoch: those of a later epoch come after all of an earlier one. */
const EPOCH = 1_000_000_000;

/**
 * A folder of generations, locked by this process.
 *
 * A generation is written to a temporary file, synced, renamed, and the folder synced; the one before it is kept and used when the
 * newest is damaged. Throws `STATE_LOCKED`, `STATE_DAMAGED` (no generation is whole), `STATE_VERSION`, `STATE_WRITE`.
 *
 * `claim`: the folder goes from process to process. Each claim begins an epoch, whose generations come after those of every epoch before
 * it, so that a process that stood still and lost the folder (`takeOver`) cannot write over what followed: its next `save` is refused
 * (`STATE_FENCED`), and one that had already begun ends in an epoch that nobody reads any more.
 */
export class FolderStore implements StateStore {
  readonly folder: string;
  readonly #events: EventBus | undefined;
  readonly #lock: StateLock;
  #generation: number;
  #lost: boolean | undefined;

  constructor(
    folder: string,
    options: { readonly events?: EventBus; readonly fresh?: boolean; readonly claim?: 'free' | 'takeOver' } = {},
  ) {
    this.folder = folder;
    this.#events = options.events;
    try {
      mkdirSync(folder, { recursive: true });
      this.#lock = lockState(folder, { takeOver: options.claim === 'takeOver' });
    } catch (cause) {
      throw writeError(folder, cause);
    }
    if (options.fresh) {
      try {
        for (const name of readdirSync(folder)) if (OWN.test(name)) rmSync(join(folder, name), { recursive: true });
      } catch (cause) {
        this.#lock.release();
        throw writeError(folder, cause);
      }
    }
    removeDrafts(folder);
    this.#generation = Math.max(0, ...generations(folder));
    if (options.claim) this.#generation = Math.max(this.#generation, nextEpoch(folder) * EPOCH);
  }

  load(): Saved | undefined {
    const damaged: { readonly file: string; readonly cause: TidecastError }[] = [];
    for (const generation of generations(this.folder)) {
      const file = join(this.folder, fileName(generation));
      try {
        const state = readStateFile(file, readFileSync(file));
        // out of the way: counted as a generation, it would push out this one, which is whole
        writing(this.folder, () => damaged.forEach((each) => renameSync(each.file, `${each.file}.damaged`)));
        return state;
      } catch (cause) {
        if (!(cause instanceof TidecastError) || cause.code !== 'STATE_DAMAGED') throw cause;
        this.#events?.emit('checkpoint.damaged', { file, reason: String(cause.facts['reason']) });
        damaged.push({ file, cause });
      }
    }
    if (damaged[0]) throw damaged[0].cause;
    return undefined;
  }

  async save(state: Saved): Promise<{ generation: number; bytes: number }> {
    const generation = this.#generation + 1;
    this.#assertHeld();
    const file = join(this.folder, fileName(generation));
    const draft = `${file}.tmp`;
    try {
      const handle = await open(draft, 'w');
      let bytes;
      try {
        bytes = await writeStateFile(handle, state);
        await handle.sync();
      } finally {
        await handle.close();
      }
      this.#assertHeld();
      await rename(draft, file);
      syncFolder(this.folder);
      this.#generation = generation;
      for (const old of generations(this.folder).slice(KEPT)) await rm(join(this.folder, fileName(old)));
      return { generation, bytes };
    } catch (cause) {
      await rm(draft, { force: true });
      throw writeError(this.folder, cause);
    }
  }

  close(): void {
    this.#lost ??= !this.#lock.held();
    this.#lock.release();
  }

  /** Whether another process had taken the folder over before it was closed. */
  get lost(): boolean {
    return this.#lost ?? !this.#lock.held();
  }

  #assertHeld(): void {
    if (!this.#lock.held()) throw new TidecastError('STATE_FENCED', { folder: this.folder });
  }
}

/** What a killed process had begun to write: a later epoch would never write over it. */
function removeDrafts(folder: string): void {
  for (const name of readdirSync(folder))
    if (/^generation-\d+\.state\.tmp$/.test(name)) rmSync(join(folder, name), { force: true });
}

/** Counts up, durably. */
function nextEpoch(folder: string): number {
  const file = join(folder, 'epoch');
  const epoch = existsSync(file) ? Number(readFileSync(file, 'utf8')) + 1 : 1;
  writing(folder, () => {
    writeFileSync(`${file}.tmp`, String(epoch));
    renameSync(`${file}.tmp`, file);
    syncFolder(folder);
  });
  return epoch;
}

/** Whether there is a state in the folder itself. */
export function holdsState(folder: string): boolean {
  return generations(folder).length > 0;
}

/** Newest first. */
function generations(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => Number(PATTERN.exec(name)?.[1]))
    .filter((generation) => generation > 0)
    .sort((a, b) => b - a);
}

function fileName(generation: number): string {
  return `generation-${String(generation).padStart(9, '0')}.state`;
}

/** The newest whole generation of a folder, without locking it: for inspection. */
export function readNewest(folder: string): { readonly file: string; readonly state: Saved } | undefined {
  for (const generation of generations(folder)) {
    const file = join(folder, fileName(generation));
    try {
      return { file, state: readStateFile(file, readFileSync(file)) };
    } catch (cause) {
      if (generation === generations(folder).at(-1)) throw cause;
    }
  }
  return undefined;
}
