/** Shows a running line: drawn again and again on a terminal, a line now and then elsewhere. */
import { createLogUpdate } from 'log-update';
import type { EventBus } from '../core/events.ts';
import type { Terminal } from './terminal.ts';
import { whole } from './numbers.ts';
import { progressLine, trainingLine } from './plain-lines.ts';
import { render } from './view.ts';
import type { Watch } from './watch.ts';

const FRAME = 120;
const LINE = 5000;

/** Starts showing; the function that it gives shows the last state and stops. */
export function show(watch: Watch, events: EventBus, pipeline: string, terminal: Terminal): () => void {
  return terminal.live ? drawn(watch, terminal) : written(watch, events, pipeline, terminal.out);
}

function drawn(watch: Watch, terminal: Terminal): () => void {
  const update = createLogUpdate(process.stdout);
  const draw = () => {
    // what is taller than the window would scroll away and be drawn again below itself
    const lines = render(watch.model(), terminal.width(), terminal.paint).split('\n');
    update(`\n${lines.slice(0, Math.max(3, terminal.height() - 2)).join('\n')}\n`);
  };
  const timer = setInterval(draw, FRAME);
  return () => {
    clearInterval(timer);
    draw();
    update.done();
  };
}

function written(watch: Watch, events: EventBus, pipeline: string, say: (text: string) => void): () => void {
  const off = [
    events.on('run.started', ({ resumed, rows }) =>
      say(`${pipeline}: ${resumed ? `continued at row ${whole(rows)}` : 'started'}`),
    ),
    events.on('training.finished', () => say(trainingLine(pipeline, watch.model().trainings.at(-1)!))),
    events.on('training.failed', () => say(trainingLine(pipeline, watch.model().trainings.at(-1)!))),
    events.on('checkpoint.damaged', ({ file, reason }) =>
      say(`${pipeline}: ${file} could not be used (${reason}); the state before it was`),
    ),
  ];
  let told = -1;
  const timer = setInterval(() => {
    const model = watch.model();
    // a line that stands still (a training that is waited for) is told once
    if (model.rows !== told) say(progressLine(model));
    else if (model.training) say(`${pipeline}: training …`);
    told = model.rows;
  }, LINE);
  return () => {
    clearInterval(timer);
    for (const each of off) each();
    if (watch.model().rows > 0) say(progressLine(watch.model()));
  };
}
