/** Shows a running line: drawn again and again on a terminal, a line now and then elsewhere. */
import { createLogUpdate } from 'log-update';
import { systemClock } from '../core/clock.ts';
import type { EventBus, EventName } from '../core/events.ts';
import type { Terminal } from './terminal.ts';
import { notices } from './notices.ts';
import { progressLine } from './plain-lines.ts';
import { render } from './view.ts';
import type { Veil } from './veil.ts';
import type { Watch } from './watch.ts';

const FRAME = 120;
const LINE = 5000;

/** Starts showing; the function that it gives shows the last state and stops. */
export function show(watch: Watch, events: EventBus, pipeline: string, terminal: Terminal, veil: Veil): () => void {
  return terminal.live ? drawn(watch, terminal, veil) : written(watch, events, pipeline, terminal.out);
}

function drawn(watch: Watch, terminal: Terminal, veil: Veil): () => void {
  const update = createLogUpdate(process.stdout);
  const draw = () => {
    // what is taller than the window would scroll away and be drawn again below itself
    const lines = veil(render(watch.model(), terminal.width(), terminal.paint)).split('\n');
    update(`\n${lines.slice(0, Math.max(3, terminal.height() - 2)).join('\n')}\n`);
  };
  const timer = setInterval(draw, FRAME);
  let closed = false;
  return () => {
    if (closed) return;
    closed = true;
    clearInterval(timer);
    draw();
    update.done();
  };
}

/** What of the notices is a line without a log: the rest is for those who read logs. */
const SAID: ReadonlySet<EventName> = new Set<EventName>([
  'run.started',
  'seasons.found',
  'seasons.off',
  'intervals.differed',
  'weights.given',
  'training.finished',
  'training.failed',
  'drift.watched',
  'drift.detected',
  'model.promoted',
  'checkpoint.damaged',
  'source.connected',
  'source.waiting',
  'source.assigned',
  'source.revoked',
  'sink.connected',
  'sink.waiting',
  'partition.waiting',
  'points.refused',
  'retraining.off',
]);

function written(watch: Watch, events: EventBus, pipeline: string, say: (text: string) => void): () => void {
  const quiet = notices(events, systemClock, ({ event, text }) => {
    if (SAID.has(event)) say(`${pipeline}: ${text}`);
  });
  let told = -1;
  const timer = setInterval(() => {
    const model = watch.model();
    // a line that stands still (a training that is waited for) is told once
    if (model.rows !== told) say(progressLine(model));
    else if (model.training) say(`${pipeline}: training …`);
    told = model.rows;
  }, LINE);
  let closed = false;
  return () => {
    if (closed) return;
    closed = true;
    clearInterval(timer);
    quiet();
    if (watch.model().rows > 0) say(progressLine(watch.model()));
  };
}
