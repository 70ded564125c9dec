/** A whole run in this process, with its state in a folder and its sink on a shelf; it fails where a test wants it and can be run again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { defineSink, defineSource, type SinkComponent } from '../../src/core/component.ts';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { Sink, Source } from '../../src/core/connector.ts';
import { EventBus } from '../../src/core/events.ts';
import type { Position } from '../../src/core/position.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import type { ForecasterComponent } from '../../src/forecast/forecaster.ts';
import type { LoadedSpec } from '../../src/pipeline/load.ts';
import { drive, type RunResult } from '../../src/pipeline/run.ts';
import type { Spec } from '../../src/pipeline/spec.ts';
import { FolderStore, type StateStore } from '../../src/pipeline/state-store.ts';
import { memorySource, record, type Row } from './whole-line.ts';

/** Where a run may be made to fail. */
export const PLACES = [
  'source.read',
  'source.commit',
  'source.committed',
  'sink.open',
  'sink.write',
  'sink.written',
  'sink.reject',
  'sink.flush',
  'sink.flushed',
  'state.save',
  'state.saved',
] as const;
export type FaultPlace = (typeof PLACES)[number];

/** What a sink made durable, cut by cut, and what the source was told; it outlives the runs. */
export class Shelf {
  committed: Position = {};
  readonly #segments = new Map<number, { outputs: Map<string, string>; rejects: string[] }>();

  get outputs(): Map<string, string> {
    return new Map([...this.#segments.values()].flatMap(({ outputs }) => [...outputs]));
  }

  get rejects(): string[] {
    return [...this.#segments.keys()].sort((a, b) => a - b).flatMap((from) => this.#segments.get(from)!.rejects);
  }

  sink(reach: (place: FaultPlace) => void): Sink {
    let open = { outputs: new Map<string, string>(), rejects: [] as string[] };
    return {
      open: async ({ from }) => {
        reach('sink.open');
        for (const at of this.#segments.keys()) if (at >= from) this.#segments.delete(at);
      },
      write: (batch) => {
        reach('sink.write');
        record(batch, open.outputs);
        return new Promise<void>((resolve) => setImmediate(resolve)).then(() => reach('sink.written'));
      },
      reject: (some) => {
        reach('sink.reject');
        for (const { series, offset, reason } of some) open.rejects.push(`${series} ${offset} ${reason}`);
      },
      flush: async ({ from }) => {
        const cut = open;
        open = { outputs: new Map(), rejects: [] };
        reach('sink.flush');
        await new Promise((resolve) => setImmediate(resolve));
        this.#segments.set(from, cut);
        reach('sink.flushed');
      },
      close: async () => undefined,
    };
  }
}

export interface RunSetup {
  readonly spec: Spec;
  readonly rows: readonly Row[];
  /** State folder; a test removes it. */
  readonly folder: string;
  readonly shelf: Shelf;
  readonly batches?: readonly number[];
  /** Stops the run, as Ctrl-C would, after so many rows of the input. */
  readonly until?: number;
  /** Throws where the run is to fail. */
  readonly reach?: (place: FaultPlace) => void;
  readonly events?: EventBus;
  readonly clock?: Clock;
  readonly fresh?: boolean;
  readonly fast?: boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly forecasters?: readonly ForecasterComponent<any>[];
  /** A real sink in place of the shelf. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly sink?: { readonly component: SinkComponent<any>; readonly config: unknown };
}

/** Runs, or goes on with, a pipeline. Checkpoints are cut whenever the one before is written. */
export async function run(setup: RunSetup): Promise<RunResult> {
  const { spec, rows, folder, shelf, batches = [16], until } = setup;
  const cutting = { now: false };
  const reach = (place: FaultPlace): void => {
    if (place === 'sink.flush') cutting.now = true;
    if (place === 'source.committed') cutting.now = false;
    try {
      setup.reach?.(place);
    } catch (cause) {
      cutting.now = false;
      throw cause;
    }
  };
  const stop = new AbortController();
  const component = { status: 'stable', summary: '', config: z.unknown(), example: '', guarantees: [] } as const;
  const loaded: LoadedSpec = {
    ...spec,
    source: { type: 'memory', config: {} },
    sinks: [setup.sink ? { type: setup.sink.component.name, config: setup.sink.config } : { type: 'shelf', config: {} }],
    state: { ...spec.state, path: folder, checkpoint: 0 },
    file: join(folder, 'case.yaml'),
    folder,
  };
  const events = setup.events ?? new EventBus();
  const store = new FolderStore(folder, { events, fresh: setup.fresh ?? false });
  const { result } = await drive(loaded, failing(store, reach, cutting), folder, {
    sources: [
      defineSource({
        ...component,
        name: 'memory',
        build: () => faulty(rows.slice(0, until), batches, () => until !== undefined && stop.abort(), shelf, reach, cutting),
      }),
    ],
    sinks: [setup.sink?.component ?? defineSink({ ...component, name: 'shelf', build: () => shelf.sink(reach) })],
    forecasters: setup.forecasters ?? FORECASTERS,
    clock: setup.clock ?? systemClock,
    events,
    signal: stop.signal,
    fast: setup.fast ?? true,
    fresh: false,
  });
  return result;
}

function faulty(
  rows: readonly Row[],
  batches: readonly number[],
  atEnd: () => void,
  shelf: Shelf,
  reach: (place: FaultPlace) => void,
  cutting: { readonly now: boolean },
): Source {
  const source = memorySource(rows, batches, atEnd);
  return {
    ...source,
    async *read(from, signal) {
      for await (const batch of source.read(from, signal)) {
        reach('source.read');
        yield batch;
        // a checkpoint is written while the line runs on; waiting for it makes their number the same in every run
        do await new Promise((resolve) => setTimeout(resolve, 1));
        while (cutting.now);
      }
    },
    commit: async (position) => {
      reach('source.commit');
      shelf.committed = position;
      reach('source.committed');
    },
  };
}

function failing(store: StateStore, reach: (place: FaultPlace) => void, cutting: { now: boolean }): StateStore {
  return {
    load: () => store.load(),
    close: () => store.close(),
    save: async (state) => {
      reach('state.save');
      const saved = await store.save(state).catch((cause: unknown) => {
        cutting.now = false;
        throw cause;
      });
      reach('state.saved');
      return saved;
    },
  };
}

/** A folder that a test removes with {@link removeFolders}. */
export function newFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'tidecast-run-'));
  folders.push(made);
  return made;
}

const folders: string[] = [];

/** For `afterEach`. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Seeded rows of some series in turn, a minute apart. */
export function steadyRows(series: number, rows: number): Row[] {
  return Array.from({ length: rows * series }, (_, i) => {
    const s = i % series;
    const t = Math.floor(i / series);
    return {
      series: `series-${s}`,
      time: 1_700_000_000_000 + t * 60_000,
      values: [100 * (s + 1) + 10 * ((t + s) % 6) + ((t * 7919 + s * 104_729) % 97) / 10],
    };
  });
}
