/** What a run answers over HTTP: puts the pages of src/web beside the line. */
import type { Clock } from '../core/clock.ts';
import type { EventBus } from '../core/events.ts';
import type { Line } from '../pipeline/build.ts';
import type { RunInfo } from '../pipeline/run.ts';
import type { Spec } from '../pipeline/spec.ts';
import { veiledDeep, type Veil } from './veil.ts';

export interface Serving {
  readonly url: string;
  /** A line is built; where each partition is a line of its own, there are several. */
  built(line: Line, info: RunInfo): void;
  close(): Promise<void>;
}

/** Listens where `service.http` says, before there is a line: `/health` answers while the servers are still away. */
export async function serving(
  spec: Spec,
  options: { readonly clock: Clock; readonly events: EventBus; readonly veil: Veil; stopping(): boolean },
): Promise<Serving | undefined> {
  const { http: address, ready_within: within } = spec.service;
  if (!address) return undefined;
  const [{ metrics }, { Progress }, { readiness }, { serve }] = await Promise.all([
    import('../web/metrics.ts'),
    import('../web/progress.ts'),
    import('../web/readiness.ts'),
    import('../web/server.ts'),
  ]);
  const { clock, events, veil, stopping } = options;
  const lines = new Map<number | undefined, { readonly line: Line; readonly info: RunInfo }>();
  events.on('source.revoked', ({ partitions }) => {
    for (const partition of partitions) lines.delete(partition);
  });
  const progress = new Progress(clock, events);
  const ready = () =>
    readiness({
      progress,
      clock,
      within,
      checkpoint: spec.state.checkpoint,
      stopping,
      ends: () =>
        [...lines.values()].flatMap(({ info: { ends, partition } }) =>
          ends.map((end) => ({
            name: partition === undefined ? end.name : `${end.name} ${partition}`,
            health: () => end.health(),
          })),
        ),
    });
  const server = await serve(address, {
    pipeline: spec.name,
    readiness: () => veiledDeep(ready(), veil),
    metrics: metrics({
      pipeline: spec.name,
      events,
      progress,
      clock,
      series: () => [...lines.values()].reduce((sum, { line }) => sum + line.ensemble.lanes.open, 0),
      ready: () => ready().ok,
    }),
  });
  return {
    url: server.url,
    built: (line, info) => void lines.set(info.partition, { line, info }),
    close: () => server.close(),
  };
}
