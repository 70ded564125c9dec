/** Numbers and times as people read them. */
import { REJECT_REASONS, type RejectReason } from '../core/batch.ts';
import { duration } from '../core/duration.ts';
import type { Events } from '../core/events.ts';
import type { FoundSeasons } from '../pipeline/season-search.ts';
import { printable } from './cell.ts';

/** `1234567` is `1,234,567`. */
export function whole(n: number): string {
  return Number.isFinite(n) ? Math.round(n).toLocaleString('en-US') : '-';
}

/** `1 row`, `1,234 rows`. */
export function rowsText(rows: number): string {
  return `${whole(rows)} ${rows === 1 ? 'row' : 'rows'}`;
}

/** Why there are no scores: most rows were refused, or too few came. */
export function unscoredText(rows: number, rejected: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(rejected).sort(([, a], [, b]) => b - a);
  const refused = reasons.reduce((sum, [, n]) => sum + n, 0);
  const told = 'no forecast was scored:';
  if (!(2 * refused > rows))
    return `${told} too few rows beyond the warm-up (\`forecast.warmup\`), or none in the time asked for`;
  const [reason] = reasons[0]!;
  return `${told} ${whole(refused)} of ${rowsText(rows)} were refused, most as ${reason}. ${REJECT_REASONS[reason as RejectReason].replace(/\.$/, '')}`;
}

/** `seasons of 48 and 336 rows`. */
export function seasonsText(seasons: readonly number[]): string {
  return seasons.length > 0 ? `season${seasons.length > 1 ? 's' : ''} of ${seasons.map(whole).join(' and ')} rows` : 'no season';
}

/** The same, and where they come from. */
export function foundSeasonsText({ seasons, rows, first }: Pick<FoundSeasons, 'seasons' | 'rows' | 'first'>): string {
  if (first === 0) return `${seasonsText(seasons)}: there are too few rows`;
  const where = rows > 0 ? `found in ${rowsText(rows)}` : 'as in the model';
  return `${seasonsText(seasons)}${seasons.length === 0 && rows > 0 ? '' : ','} ${where}${first === undefined ? '' : `, ${firstText({ seasons, first })}`}`;
}

/** Which rows were looked at where every row would be scored, and whether they are. */
export function firstText({ seasons, first }: { readonly seasons: readonly number[]; readonly first: number }): string {
  return `the first ${whole(first)} of each series${seasons.length > 0 ? ', which are not scored' : ', which are scored'}`;
}

/** Four or so digits that tell something, whatever the size; `-` for what is no number. */
export function value(x: number): string {
  if (!Number.isFinite(x)) return '-';
  const size = Math.abs(x);
  if (size === 0) return '0';
  if (size >= 1e9 || size < 1e-4) return x.toExponential(3);
  if (size >= 1000) return x.toLocaleString('en-US', { maximumFractionDigits: 0 });
  return x.toLocaleString('en-US', { maximumFractionDigits: size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 5 });
}

/** A share as per cent: `0.8` is `80 %`. */
export function percent(share: number, digits = 0): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)} %` : '-';
}

/** Skill with its sign: `+61 %`. */
export function signedPercent(share: number): string {
  if (!Number.isFinite(share)) return '-';
  const shown = Math.round(share * 100);
  return `${shown > 0 ? '+' : shown < 0 ? '−' : ''}${Math.abs(shown)} %`;
}

/** Event time to the minute, or to what it has: UTC. */
export function instant(ms: number): string {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return '-';
  const iso = new Date(ms).toISOString();
  const fraction = ms % 1000 !== 0 ? iso.slice(19, 23) : '';
  return `${iso.slice(0, 10)} ${iso.slice(11, ms % 60_000 === 0 ? 16 : 19)}${fraction}`;
}

/** Wall time in two units at most: `3 m 12 s`. */
export function ago(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-';
  if (seconds < 0.95) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
}

/** What a training came to. */
export function trainedText({
  champion,
  challenger,
  accepted,
}: {
  champion: number;
  challenger: number;
  accepted: boolean;
}): string {
  const anew = accepted ? 'fitted anew' : 'nothing changed';
  if (!Number.isFinite(champion)) return anew;
  const loss = `network loss ${value(champion)} -> ${value(challenger)}`;
  return challenger < champion ? `${loss}, taken` : `${loss}, the old one kept${accepted ? `, the rest ${anew}` : ''}`;
}

/** That series do not come as the pipeline says, what that means, and what to do. */
export function intervalsText({ interval, series, apart, other, otherApart }: Events['intervals.differed']): string {
  const [own, said] = [apartText(apart), apartText(interval)];
  if (other === undefined)
    return `rows of series ${printable(series, 60)} are ${own} apart, but \`window.interval\` is ${said}: times of forecasts and seasons count ${said} a row; correct \`window.interval\``;
  return `rows of series ${printable(series, 60)} are ${own} apart, those of ${printable(other, 60)} ${apartText(otherApart!)}, and \`window.interval\` is ${said}: each series is forecast by its own rows, but times of forecasts and seasons count ${said} a row; give them pipelines of their own, or bars (\`window.grid\`)`;
}

/** From ten seconds on without what is below a second. */
function apartText(ms: number): string {
  return duration(ms < 10_000 ? ms : Math.round(ms / 1000) * 1000);
}

/** What watches for drift, and when it starts a training: `ADWIN watches the forecast error; ...`. */
export function watchText({ error, inputs, share, coolDown }: Events['drift.watched'], many: boolean): string {
  const detectors = [
    ...(error ? ['ADWIN watches the forecast error one step ahead'] : []),
    ...(inputs ? [`Page-Hinkley ${error ? '' : 'watches '}the level and scale of each channel`] : []),
  ];
  const alarms = many ? `alarms in ${percent(share)} of the series start` : 'an alarm starts';
  return `${detectors.join(', ')}; ${alarms} a training early, but not within ${duration(coolDown)} of the last one (cool-down)`;
}

/** An alarm: `drift in series a: forecast error of value has grown (adwin)`. */
export function driftText({ series, detector, of }: Pick<Events['drift.detected'], 'series' | 'detector' | 'of'>): string {
  const what =
    detector === 'adwin' ? `forecast error of ${printable(of)} has grown` : `level or scale of ${printable(of)} has moved`;
  return `drift in series ${printable(series)}: ${what} (${detector})`;
}

/** `better is in charge: its MAE over 1,008 rows was lower by 7 % or more at every step`. */
export function promotedText({ name, gain, rows }: Pick<Events['model.promoted'], 'name' | 'gain' | 'rows'>): string {
  return `${printable(name)} is in charge: its MAE over ${whole(rows)} rows was lower by ${percent(gain)} or more at every step`;
}
