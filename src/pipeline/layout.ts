/** Which channel of the source becomes which channel of a row: targets first, then everything else as inputs. */
import { TidecastError } from '../core/errors.ts';
import type { BarField } from '../window/fields.ts';
import type { Spec } from './spec.ts';

export interface Layout {
  /** Whether rows are bars. */
  readonly bars: boolean;
  /** Names of the targets, in output order. */
  readonly targets: readonly string[];
  /** Names of all row channels, targets first. */
  readonly names: readonly string[];
  readonly rowChannels: number;
  /** Channels of the source in the order in which ticks carry them. */
  readonly order: readonly number[];
  /** How many of those must be finite for a tick to be used. */
  readonly tickTargets: number;
  readonly fields: readonly BarField[] | undefined;
}

/** Lays channels out; throws `SPEC_CHANNEL` for a target or bar of a channel that the source does not have. */
export function layout(spec: Spec, channels: readonly string[]): Layout {
  const { targets: wanted } = spec.forecast;
  if (spec.window.grid === 'rows') {
    const targets = wanted ?? channels.slice(0, 1);
    const names = [...targets, ...channels.filter((channel) => !targets.includes(channel))];
    const order = names.map((name) => indexOf(channels, name, 'target'));
    return { bars: false, targets, names, rowChannels: names.length, order, tickTargets: targets.length, fields: undefined };
  }
  const bars = spec.window.bars ?? channels.map((channel) => ({ name: channel, aggregate: 'last' as const, channel }));
  const targets = wanted ?? [bars[0]!.name];
  const ordered = [
    ...targets.map((target) => bars.find(({ name }) => name === target)),
    ...bars.filter(({ name }) => !targets.includes(name)),
  ];
  const fields = ordered.map((bar, i): BarField => {
    if (!bar) throw new TidecastError('SPEC_CHANNEL', { target: targets[i]!, bars: bars.map(({ name }) => name).join(' ') });
    return {
      name: bar.name,
      of: bar.aggregate,
      channel: bar.channel === undefined ? 0 : indexOf(channels, bar.channel, 'channel'),
    };
  });
  const names = fields.map(({ name }) => name);
  return {
    bars: true,
    targets,
    names,
    rowChannels: fields.length,
    order: channels.map((_, i) => i),
    tickTargets: channels.length,
    fields,
  };
}

function indexOf(channels: readonly string[], name: string, what: string): number {
  const index = channels.indexOf(name);
  if (index < 0) throw new TidecastError('SPEC_CHANNEL', { [what]: name, channels: channels.join(' ') });
  return index;
}
