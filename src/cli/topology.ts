/** The line that a spec makes, station by station. Of components only the type is shown: their fields may hold secrets. */
import { duration } from '../core/duration.ts';
import type { Spec } from '../pipeline/spec.ts';
import { printable } from './cell.ts';
import { whole } from './numbers.ts';
import { plainPaint, type Paint } from './terminal.ts';

export interface Station {
  readonly name: string;
  /** What it does here, a phrase each. */
  readonly does: readonly string[];
}

/** The stations of a pipeline in order, with what each was told. */
export function stations(spec: Spec): Station[] {
  const { clean, window, forecast, retrain, shadow, sinks, state, replay, service } = spec;
  const bars =
    window.grid === 'rows'
      ? [`a row a tick, ${duration(window.interval)} apart`]
      : [`bars of ${duration(window.grid)}`, ...(window.slide ? [`every ${duration(window.slide)}`] : [])];
  const made = window.bars?.map(
    ({ name, aggregate, channel }) =>
      `${printable(name)} = ${[aggregate, channel]
        .filter(Boolean)
        .map((word) => printable(word!))
        .join(' ')}`,
  );
  return [
    { name: 'source', does: [spec.source.type, ...(replay ? [`paced at ${replay.rows_per_second} rows/s`] : [])] },
    {
      name: 'clean',
      does: [
        clean.lateness === 0 ? 'nothing late' : `up to ${duration(clean.lateness)} late`,
        clean.duplicates === 'keep' ? 'duplicates kept' : 'first of duplicates',
        ...(clean.max_jump === undefined ? [] : [`jumps up to ${clean.max_jump}`]),
      ],
    },
    {
      name: 'window',
      does: [
        ...bars,
        ...(made ? [made.join(', ')] : []),
        window.time_zone,
        ...(window.session ? [`open ${window.session.open}-${window.session.close}`] : []),
        `gaps: ${window.gaps.policy}`,
        `last ${whole(window.ring)} rows kept`,
      ],
    },
    {
      name: 'forecast',
      does: [
        `${forecast.targets?.map((target) => printable(target)).join(', ') ?? 'the first channel'}, ${forecast.horizon} ${forecast.horizon === 1 ? 'step' : 'steps'} ahead`,
        ...(forecast.findSeasons ? [seasonPhrase(spec)] : []),
        ...(forecast.season.length > 0 ? [`season ${forecast.season.join(', ')}`] : []),
        ...Object.entries(forecast.known_ahead ?? {}).map(([name, rows]) => `${printable(name)} known ${rows} rows ahead`),
        ...(forecast.attributes ? [`attributes of ${whole(Object.keys(forecast.attributes).length)} series`] : []),
        `${forecast.models.map(({ type }) => type).join(' + ')} -> ${forecast.output}`,
        `against ${forecast.baselines.join(', ') || 'nothing'}`,
        ...(shadow
          ? [
              `in shadow ${printable(shadow.name)}: ${shadow.forecast.models.map(({ type }) => type).join(' + ')}${shadow.promote ? ', may take over' : ''}`,
            ]
          : []),
      ],
    },
    ...(retrain
      ? [
          {
            name: 'retrain',
            does: [
              retrain.growing ? 'as the series grow' : `every ${duration(retrain.every)}`,
              `on the last ${whole(retrain.rows)} rows`,
              retrain.lag === 0 ? 'in force at once' : `in force ${duration(retrain.lag)} later`,
              ...(retrain.drift.error || retrain.drift.inputs ? ['early where series drift'] : []),
              ...(retrain.swap ? [`swap ${retrain.swap}`] : []),
            ],
          },
        ]
      : []),
    { name: 'deliver', does: sinks.length > 0 ? sinks.map(({ type }) => type) : ['nowhere: there are no sinks'] },
    { name: 'state', does: [state.path, `every ${duration(state.checkpoint)}`, `up to ${whole(state.max_lanes)} series`] },
    ...(service.http
      ? [{ name: 'service', does: [`health and metrics at http://${hostOf(service.http.host)}:${service.http.port}`] }]
      : []),
  ];
}

/** What becomes of a season that is not named; whether the source ends is known when it is run. */
function seasonPhrase({ forecast, state }: Spec): string {
  if (forecast.findSeasons === 'asked') return 'season auto';
  return state.shared ? 'no season' : 'seasons looked for';
}

function hostOf(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** The line drawn: ticks run down, weights and checkpoints stand aside. */
export function drawing(spec: Spec, paint: Paint = plainPaint): string {
  const aside = new Set(['retrain', 'service', 'state']);
  const width = 10;
  const lines = [paint('bold', spec.name), ''];
  const all = stations(spec);
  all.forEach(({ name, does }, i) => {
    const mark = aside.has(name) ? (name === 'retrain' ? '  <->' : '   : ') : '   o ';
    lines.push(`${mark} ${paint('cyan', name.padEnd(width))}${does.join(paint('dim', ' · '))}`);
    const next = all[i + 1];
    if (next?.name === 'state') lines.push('');
    else if (next && next.name !== 'service') lines.push('   |');
  });
  return lines.join('\n');
}
