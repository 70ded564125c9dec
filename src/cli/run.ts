/** `tidecast run`: the line, live on the screen. */
import { resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import { EXIT, TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import type { Line } from '../pipeline/build.ts';
import { marksOf } from '../backtest/marks.ts';
import { isLearning } from '../learn/load.ts';
import { loadPipeline, readPipelineFile, type LoadedSpec, type LoadOptions } from '../pipeline/load.ts';
import { runPipeline, type RunOptions, type RunResult } from '../pipeline/run.ts';
import { COMPONENTS } from './components.ts';
import { report } from './failure.ts';
import { log } from './log.ts';
import { notices } from './notices.ts';
import { reportOf, scoreLines, type Report } from './report.ts';
import { show } from './screen.ts';
import { serving, type Serving } from './serving.ts';
import { summaryText } from './summary.ts';
import type { Terminal } from './terminal.ts';
import { veiled, veilOver, type Veil } from './veil.ts';
import type { Call, Verb } from './verbs.ts';
import { Watch } from './watch.ts';

export const run: Verb = async (call, terminal) => {
  const file = resolve(terminal.folder, call.arguments[0]!);
  const read = readPipelineFile(file, { env: terminal.env, from: terminal.folder });
  const { out, json } = call.options;
  if (isLearning(read)) {
    const { runLearning } = await import('./learn.ts');
    const folder = typeof out === 'string' ? resolve(terminal.folder, out) : undefined;
    return runLearning(file, read, terminal, { json: json === true, out: folder });
  }
  if (out !== undefined)
    throw new TidecastError('CLI_USAGE', { '--out': String(out).slice(0, 60), problem: 'goes with a learning file' });
  return follow(call, terminal, (spec, options) =>
    runPipeline(spec, { ...options, fast: call.options['fast'] === true, fresh: call.options['fresh'] === true }),
  );
};

/** Starts a line over a loaded pipeline. */
export type Start = (spec: LoadedSpec, options: Omit<RunOptions, 'fast' | 'fresh'>) => Promise<RunResult>;

/** What a run is made of where it is not as usual. */
export interface Setup {
  readonly load?: (file: string, options: LoadOptions) => LoadedSpec;
  readonly components?: Pick<RunOptions, 'sources' | 'sinks' | 'forecasters'>;
  /** Sees the outcome before it is told, and may add to it. */
  readonly done?: (outcome: Report, spec: LoadedSpec, veil: Veil) => Promise<Report>;
}

/** Loads the pipeline, runs it in view of the user, and says how it went. */
export async function follow(
  { arguments: words, options }: Call,
  terminal: Terminal,
  start: Start,
  { load = loadPipeline, components = COMPONENTS, done = async (outcome) => outcome }: Setup = {},
): Promise<number> {
  const loaded = load(resolve(terminal.folder, words[0]!), { ...components, env: terminal.env, from: terminal.folder });
  const veil = veilOver(loaded, components);
  const speaker = veiled(terminal, veil);
  const json = options['json'] === true;
  const events = new EventBus();
  const { name, service } = loaded;
  const written = service.log === 'off' ? undefined : log(name, service.log, speaker.err);
  // lines of JSON on standard error are for programs: nothing else is said there, and nothing is drawn over them
  const live = terminal.live && !json && !written;
  // the live view stands where a console sink would write, and with --json standard output belongs to the result
  const spec = live || json ? { ...loaded, sinks: loaded.sinks.filter(({ type }) => type !== 'console') } : loaded;
  const watch = new Watch(name, systemClock, events);
  const marks = marksOf(events);
  let intervals: Report['intervals'];
  events.on('intervals.differed', (what) => (intervals ??= what));
  const { signal, dispose } = terminal.stopper();
  signal.addEventListener('abort', () => watch.stopping(), { once: true });
  const close = written
    ? notices(events, systemClock, (notice) => written.tell(notice))
    : show(watch, events, name, { ...speaker, live, out: json ? speaker.err : speaker.out }, veil);
  let web: Serving | undefined;
  let outcome: Report;
  let seriesOpen = () => 0;
  try {
    web = await serving(spec, { clock: systemClock, events, veil, stopping: () => signal.aborted });
    if (web) {
      if (written) written.serving(web.url);
      else if (!live) (json ? speaker.err : speaker.out)(`${name}: health and metrics at ${web.url}`);
    }
    const result = await start(spec, {
      ...components,
      clock: systemClock,
      events,
      signal,
      built: (line, info) => {
        seriesOpen = () => line.ensemble.lanes.open;
        web?.built(line, info);
        // scores of one partition are not those of the whole
        const scores = info.partition === undefined ? () => scoresOf(line, spec) : () => [];
        watch.attach({ total: info.total, targets: line.layout.targets, quantiles: spec.forecast.quantiles, scores });
      },
      watch: watch.see,
    });
    watch.ended();
    const seen = { series: Math.max(watch.series, seriesOpen()), rejected: watch.rejected };
    outcome = await done({ ...reportOf(spec, result, seen), ...(intervals && { intervals }) }, spec, veil);
  } catch (error) {
    close();
    if (!written) return report(error, speaker, json);
    written.failed(error);
    return report(error, { out: speaker.out, err: () => {} }, json);
  } finally {
    close();
    dispose();
    await web?.close();
  }
  speaker.out(
    json ? JSON.stringify({ ok: true, marks: marks(), ...outcome }, null, 2) : `\n${summaryText(outcome, terminal.paint)}`,
  );
  return EXIT.ok;
}

/** Of each target the first and the last step. */
function scoresOf({ layout: { targets }, ensemble }: Line, { forecast: { horizon } }: LoadedSpec) {
  const steps = horizon === 1 ? [0] : [0, horizon - 1];
  return scoreLines(
    targets,
    targets.map((_, target) =>
      ensemble.scores.totals(
        steps.map((step) => ({ target, step })),
        { spilled: false },
      ),
    ),
    steps,
  );
}
