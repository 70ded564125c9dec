/** `tidecast run`: the line, live on the screen. */
import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { EXIT } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import { loadPipeline, type LoadedSpec, type LoadOptions } from '../pipeline/load.ts';
import { runPipeline, type RunOptions, type RunResult } from '../pipeline/run.ts';
import { COMPONENTS } from './components.ts';
import { reportOf, scoreLines } from './report.ts';
import { show } from './screen.ts';
import { summaryText } from './summary.ts';
import type { Terminal } from './terminal.ts';
import type { Call, Verb } from './verbs.ts';
import { Watch } from './watch.ts';

export const run: Verb = async (call, terminal) =>
  follow(call, terminal, (spec, options) =>
    runPipeline(spec, { ...options, fast: call.options['fast'] === true, fresh: call.options['fresh'] === true }),
  );

/** Starts a line over a loaded pipeline. */
export type Start = (spec: LoadedSpec, options: Omit<RunOptions, 'fast' | 'fresh'>) => Promise<RunResult>;

/** Loads the pipeline, runs it in view of the user, and says how it went. */
export async function follow(
  { arguments: words, options }: Call,
  terminal: Terminal,
  start: Start,
  override?: LoadOptions['override'],
): Promise<number> {
  const load: LoadOptions = { ...COMPONENTS, env: terminal.env, from: terminal.folder, ...(override ? { override } : {}) };
  const loaded = loadPipeline(resolve(terminal.folder, words[0]!), load);
  // the live view stands where a console sink would write, and with --json standard output belongs to the result
  const ownsScreen = terminal.live || options['json'] === true;
  const spec = ownsScreen ? { ...loaded, sinks: loaded.sinks.filter(({ type }) => type !== 'console') } : loaded;
  const events = new EventBus();
  const watch = new Watch(spec.name, systemClock, events);
  const { signal, dispose } = terminal.stopper();
  signal.addEventListener('abort', () => watch.stopping(), { once: true });
  // with --json standard output belongs to the result
  const close = show(watch, events, spec.name, options['json'] ? { ...terminal, live: false, out: terminal.err } : terminal);
  let result: RunResult;
  let seriesOpen = () => 0;
  try {
    result = await start(spec, {
      ...COMPONENTS,
      clock: systemClock,
      events,
      signal,
      built: (line, { total }) => {
        seriesOpen = () => line.ensemble.lanes.open;
        const { targets } = line.layout;
        const { horizon, quantiles } = spec.forecast;
        const steps = horizon === 1 ? [0] : [0, horizon - 1];
        const scores = () =>
          scoreLines(
            targets,
            targets.map((_, target) =>
              line.ensemble.scores.totals(
                steps.map((step) => ({ target, step })),
                { spilled: false },
              ),
            ),
            steps,
          );
        watch.attach({ total, targets, quantiles, scores });
      },
      watch: watch.see,
    });
  } finally {
    close();
    dispose();
  }
  const report = reportOf(spec, result, { series: Math.max(watch.series, seriesOpen()), rejected: watch.rejected });
  terminal.out(options['json'] ? JSON.stringify({ ok: true, ...report }, null, 2) : `\n${summaryText(report, terminal.paint)}`);
  return EXIT.ok;
}
