/** What a checkpoint says of the models: which weights are in force, who is in charge, and how good both were. */
import type { LanesSnapshot } from '../core/lanes.ts';
import type { Saved, StateSnapshot } from '../core/state.ts';
import { savedSeasons, SEASONS } from '../pipeline/season-search.ts';
import type { Spec } from '../pipeline/spec.ts';

/** What the pipeline's own forecast is called beside its shadow. */
export const forecastName = 'forecast';

export interface SavedModels {
  readonly inCharge: string;
  /** Where the pipeline named none: those that were found, in so many rows (none: those of the model it began with). */
  readonly seasons: { readonly seasons: readonly number[]; readonly rows: number } | undefined;
  /** By name: the version of the weights in force. */
  readonly versions: Readonly<Record<string, number | undefined>>;
  /** Of each forecast, by step over all targets: MAE of the output over the series in memory, raw units. */
  readonly scores: readonly { readonly name: string; readonly step: number; readonly n: number; readonly mae: number }[];
}

/** Reads it; of no state there is little to say. */
export function savedModels(saved: Saved | undefined, spec: Spec): SavedModels {
  const shadow = spec.shadow?.name;
  if (saved === undefined) return { inCharge: forecastName, seasons: undefined, versions: {}, scores: [] };
  const { lanes, parts } = saved as unknown as StateSnapshot;
  const duel = parts['duel'] as { charge: number } | undefined;
  const versionOf = (part: string) => (parts[part] as { version: number[] } | undefined)?.version.at(-1);
  const both = [[forecastName, ''], ...(shadow === undefined ? [] : [[shadow, 'shadow.']])] as const;
  const found = parts[SEASONS];
  return {
    seasons: found === undefined ? undefined : savedSeasons(found),
    inCharge: duel?.charge === 1 && shadow !== undefined ? shadow : forecastName,
    versions: Object.fromEntries(both.map(([name, prefix]) => [name, versionOf(`${prefix!}retraining`)])),
    scores: both.flatMap(([name, prefix]) =>
      scoresOf(lanes, prefix!, spec.forecast.horizon).map((each) => ({ name: name!, ...each })),
    ),
  };
}

function scoresOf(lanes: LanesSnapshot, prefix: string, horizon: number) {
  const column = (name: string) => lanes.columns.find((each) => each.name === `${prefix}score.${name}`)!;
  const [rows, absolute] = [column('n'), column('absolute')];
  const models = absolute.stride / rows.stride;
  return Array.from({ length: horizon }, (_, step) => {
    let [n, sum] = [0, 0];
    // of the models the last is the output
    for (let at = step; at < rows.data.length; at += horizon) {
      n += rows.data[at]!;
      sum += absolute.data[(at + 1) * models - 1]!;
    }
    return { step: step + 1, n, mae: n > 0 ? sum / n : NaN };
  });
}
