/** Station 5 with a shadow: two ensembles on the same rows, one of which is heard. */
import { defer, filter, map, type OperatorFunction } from 'rxjs';
import type { ForecastBatch, RowBatch } from '../core/batch.ts';
import type { Duel } from '../forecast/duel.ts';
import type { Ensemble } from '../forecast/ensemble.ts';
import { Waves, type ForecastOptions } from './forecast.ts';

/** An ensemble and what its `forecast` would be given. */
export interface Competitor extends ForecastOptions {
  readonly ensemble: Ensemble;
}

/** Like `forecast`, of whoever is in charge of the duel, the first where there is none; the other one forecasts and is scored, and nothing else. */
export function compete(
  competitors: readonly [Competitor, Competitor],
  duel: Duel | undefined,
): OperatorFunction<RowBatch, ForecastBatch> {
  return (source) =>
    defer(() => {
      const [own, shadow] = competitors.map(({ ensemble, ...options }) => new Waves(ensemble, options)) as [Waves, Waves];
      return source.pipe(
        filter(({ length }) => length > 0),
        map((batch) => {
          const said = [own.run(batch), shadow.run(batch)] as const;
          return duel ? duel.see(batch, said) : said[0];
        }),
      );
    });
}
