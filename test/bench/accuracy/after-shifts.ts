/** How the output does where everything has just become different, beside the best of its models there. */
import type { ForecastBatch } from '../../../src/core/batch.ts';
import { AFTER, REGIME } from './made-up.ts';

/** Errors one step ahead, of every model and of what was sent out, in the rows after each change of regime. */
export class AfterShifts {
  readonly #said = new Map<string, number[]>();
  /** Series and regime -> sums by model, the output last. */
  readonly sums = new Map<string, number[]>();

  take({ length, lanes, keys, actual, mean, opinions, targets, horizon }: ForecastBatch, from: number): void {
    if (!opinions) return;
    const { models, index, said } = opinions;
    const cells = targets * horizon;
    for (let row = 0; row < length; row++) {
      const key = keys[lanes[row]!]!;
      const n = index[row]! - 1;
      const before = this.#said.get(key);
      if (before && n > from && n % REGIME < AFTER) {
        const place = `${key} ${Math.floor(n / REGIME)}`;
        const sums = this.sums.get(place) ?? before.map(() => 0);
        this.sums.set(
          place,
          sums.map((sum, m) => sum + Math.abs(actual[row * targets]! - before[m]!)),
        );
      }
      const own = Array.from(models, (_, m) => said[row * cells * models.length + m]!);
      this.#said.set(key, [...own, mean[row * cells]!]);
    }
  }

  /** The error over that of the best single model in hindsight: over all changes together, and the worst of them. */
  figures(): number[] {
    const ratios = [...this.sums.values()].map((sums) => [sums.at(-1)!, Math.min(...sums.slice(0, -1))] as const);
    const total = ratios.reduce((sum, [own]) => sum + own, 0) / ratios.reduce((sum, [, best]) => sum + best, 0);
    return [total, Math.max(...ratios.map(([own, best]) => own / best))];
  }
}
