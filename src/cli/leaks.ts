/** `tidecast leaks`: whether a forecast knew what came later. */
import { resolve } from 'node:path';
import { findLeaks, type LeakCheck } from '../backtest/leaks.ts';
import { systemClock } from '../core/clock.ts';
import { EXIT } from '../core/errors.ts';
import { countOption, fromHistory, timeOption } from './backtest.ts';
import { printable } from './cell.ts';
import { COMPONENTS } from './components.ts';
import { instant, value, whole } from './numbers.ts';
import { loadReplayed } from './recording.ts';
import { veiled, veilOver } from './veil.ts';
import type { Verb } from './verbs.ts';

export const leaks: Verb = async ({ arguments: words, options }, terminal) => {
  const to = timeOption('--to', options['to']);
  const cuts = countOption('--cuts', options['cuts'], 1) ?? 3;
  const { source } = options;
  const recording = typeof source === 'string' ? resolve(terminal.folder, source) : undefined;
  const loading = { ...COMPONENTS, env: terminal.env, from: terminal.folder };
  const spec = fromHistory(loadReplayed(resolve(terminal.folder, words[0]!), loading, recording));
  const speaker = veiled(terminal, veilOver(spec, COMPONENTS));
  const json = options['json'] === true;
  const name = printable(spec.name);
  const { signal, dispose } = terminal.stopper();
  speaker.err(`${name}: first the future that happened, then ${4 * cuts} that did not`);
  const checks = await findLeaks(spec, {
    ...COMPONENTS,
    ...{ clock: systemClock, signal, to, cuts },
    told: (done, of, check) => speaker.err(`${name}: ${done} of ${of}: ${check ? told(check) : 'the future that happened'}`),
  }).finally(dispose);
  const found = checks.filter(({ leak }) => leak);
  const compared = checks.reduce((sum, check) => sum + check.compared, 0);
  const complete = !signal.aborted;
  if (json) speaker.out(JSON.stringify({ ok: complete && found.length === 0, complete, compared, checks }, null, 2));
  else if (found.length > 0)
    speaker.out(`${name}: ${found.length} of ${checks.length} changed futures moved an earlier forecast`);
  else
    speaker.out(
      complete
        ? `${name}: no leak: ${whole(compared)} forecasts, each made before one of ${checks.length} changed futures, are the same to the bit`
        : `${name}: stopped after ${checks.length} changed futures; none moved an earlier forecast`,
    );
  // what was not looked at to the end is not proved
  return found.length === 0 && complete ? EXIT.ok : EXIT.unexpected;
};

/** What came of one changed future. */
function told({ change, cut, compared, leak }: LeakCheck): string {
  const what = `everything after ${instant(cut)} ${change}`;
  if (!leak) return `${what}: ${whole(compared)} forecasts, none moved`;
  const { series, row, issued, target, step, before, after } = leak;
  const moved = before === after ? 'its quantiles moved' : `${value(before)} became ${value(after)}`;
  return `${what}: LEAK at row ${whole(row)} of ${printable(series)} (${instant(issued)}), ${printable(target)} step ${step}: ${moved}`;
}
