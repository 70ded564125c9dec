/**
 * The benchmark: `npm run bench`, every section in a process of its own.
 *
 *   node dist/test/bench/main.js [--only step,train,char-lm,line,mixture,start,lanes,flat,kafka,latency,outage] [--json]
 *
 * The machine may be shared: figures are medians, and what is compared is measured side by side. The exit code is 0 whatever is
 * missed; a section that fails is named, and the exit code is 1.
 */
import { fork } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { table, type Emit, type Figure } from './figure.ts';

interface Section {
  readonly title: string;
  load(): Promise<(emit: Emit) => void | Promise<void>>;
}

const SECTIONS: Readonly<Record<string, Section>> = {
  step: {
    title: 'A step of the kernel, and waves of them (input 8, head of one output, one thread)',
    load: async () => (await import('./kernel.ts')).stepBench,
  },
  train: {
    title: 'A training step (batch 32 x T 64 x input 8, one thread)',
    load: async () => (await import('./kernel.ts')).trainBench,
  },
  'char-lm': {
    title: 'Training the character model beside PyTorch, each on one thread, by processor time (batch 16 x T 64)',
    load: async () => (await import('./char-lm.ts')).charLmBench,
  },
  line: {
    title: 'The line: Arrow file to forecasts, GRU(32) alone, horizon 1',
    load: async () => (await import('./line.ts')).lineBench,
  },
  mixture: {
    title: 'The default mixture on 1,000 series, horizon 1, one season of 24',
    load: async () => (await import('./mixture.ts')).mixtureBench,
  },
  start: {
    title: 'Start: process to first forecast of pipelines/taxi.yaml',
    load: async () => (await import('./start.ts')).startBench,
  },
  lanes: {
    title: '100,000 series: GRU(32), naive, rings of 128 rows, checkpoints written',
    load: async () => (await import('./many-lanes.ts')).lanesBench,
  },
  flat: { title: 'Cost is flat: the default mixture on one series', load: async () => (await import('./flat.ts')).flatBench },
  kafka: {
    title: 'Between real servers: GRU(32) alone on 1,000 series, horizon 1, one core',
    load: async () => (await import('./kafka.ts')).kafkaBench,
  },
  latency: {
    title: 'Latency: 1,000 ticks a second over 100 series, from Kafka into InfluxDB, retraining and checkpoints included',
    load: async () => (await import('./latency.ts')).latencyBench,
  },
  outage: {
    title: 'InfluxDB stopped under load of 4,000 ticks a second over 1,000 series',
    load: async () => (await import('./outage.ts')).outageBench,
  },
};

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean', default: false }, section: { type: 'string' } },
});

if (values.section !== undefined) {
  const run = await SECTIONS[values.section]!.load();
  await run((figure) => process.send!(figure));
  // the servers of a section end this process as a failure when its parent goes away
  process.removeAllListeners('disconnect');
  process.disconnect();
} else {
  const wanted = values.only?.split(',') ?? Object.keys(SECTIONS);
  const unknown = wanted.filter((name) => !Object.hasOwn(SECTIONS, name));
  if (unknown.length > 0) throw new Error(`no section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}`);
  if (!values.json)
    console.log(
      `Node ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown'}, load ${loadavg()[0]!.toFixed(1)} at the start\n`,
    );
  for (const name of wanted) {
    const figures: Figure[] = [];
    const ended = await inOwnProcess(name, (figure) => {
      figures.push(figure);
      const { keys, bar, pass } = figure;
      if (values.json) console.log(JSON.stringify({ ...keys, ...(bar === undefined ? {} : { bar, pass }) }));
    });
    if (!values.json && figures.length > 0) console.log(`${table(`${name}. ${SECTIONS[name]!.title}`, figures)}\n`);
    if (ended !== 0) {
      console.error(`section ${name} failed (${ended})`);
      process.exitCode = 1;
    }
  }
}

/** So that what one section compiles, allocates and learns about types is not another's burden. */
function inOwnProcess(section: string, emit: Emit): Promise<number | string> {
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(import.meta.url), ['--section', section], {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', (figure) => emit(figure as Figure));
    child.on('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
}
