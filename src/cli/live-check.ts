/** `tidecast check --live`: asks the servers at both ends, through the connectors, whether the pipeline could run. */
import { systemClock } from '../core/clock.ts';
import type { Finding, Sink, Source } from '../core/connector.ts';
import { EXIT, TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import { connectorContext } from '../pipeline/run.ts';
import { printable } from './cell.ts';
import { COMPONENTS } from './components.ts';
import type { Paint } from './terminal.ts';

/** What was found at one end of the line. */
export interface EndFindings {
  /** `source kafka`, `sink influx`. */
  readonly end: string;
  /** Empty: there is nothing to check. */
  readonly findings: readonly Finding[];
  /** Exit code of the worst that was found; 0 where all is well. */
  readonly exit: number;
}

interface End {
  readonly name: string;
  build(): Pick<Source | Sink, 'check'> & { close(): Promise<void> };
}

/** All in all, ms; the ends are asked to come to an end a little before, so that they can say what they waited for. */
const IN_ALL = 15_000;
const ASKED = 13_500;
const CLOSING = 500;

/** Every end of a pipeline, side by side. Throws nothing; takes 15 seconds at most. */
export async function liveCheck(spec: LoadedSpec): Promise<EndFindings[]> {
  const context = connectorContext(spec, { events: new EventBus(), fresh: false });
  const source = ({ type, config }: LoadedSpec['source'], role: string): End => ({
    name: `${role} ${type}`,
    build: () => COMPONENTS.sources.find(({ name }) => name === type)!.build(config as never, context),
  });
  const ends: End[] = [
    source(spec.source, 'source'),
    ...(spec.history ? [source(spec.history, 'history')] : []),
    ...spec.sinks.map(({ type, config }) => ({
      name: `sink ${type}`,
      build: () => {
        const sink = COMPONENTS.sinks.find(({ name }) => name === type)!.build(config as never, context);
        return { ...(sink.check ? { check: (signal: AbortSignal) => sink.check!(signal) } : {}), close: () => sink.close(false) };
      },
    })),
  ];
  return Promise.all(ends.map(checkEnd));
}

async function checkEnd({ name: end, build }: End): Promise<EndFindings> {
  const stop = new AbortController();
  const deadline = AbortSignal.any([AbortSignal.timeout(ASKED), stop.signal]);
  let built: ReturnType<End['build']> | undefined;
  try {
    built = build();
    const late = systemClock
      .sleep(IN_ALL - 2 * CLOSING, stop.signal)
      .then((): Finding[] => [
        { endpoint: end, ok: false, what: 'It did not answer within 15 seconds. Check the address, and the network between.' },
      ]);
    const findings = (await Promise.race([built.check?.(deadline) ?? [], late])) as readonly Finding[];
    return { end, findings, exit: findings.every(({ ok }) => ok) ? EXIT.ok : EXIT.unavailable };
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return {
      end,
      findings: [{ endpoint: end, ok: false, what }],
      exit: error instanceof TidecastError ? error.exit : EXIT.internal,
    };
  } finally {
    stop.abort();
    const closed = built?.close().catch(() => undefined);
    await Promise.race([closed, systemClock.sleep(CLOSING)]);
  }
}

/** A line a finding. */
export function liveText(ends: readonly EndFindings[], paint: Paint): string {
  return ends
    .flatMap(({ end, findings }) =>
      findings.length === 0
        ? [`${paint('dim', '-')} ${end}: nothing to check`]
        : findings.map(
            ({ ok, endpoint, what }) =>
              `${ok ? paint('green', '✓') : paint('red', '✗')} ${printable(endpoint)}: ${printable(what)}`,
          ),
    )
    .join('\n');
}
