/**
 * The contract of a forecaster, as tests: `testForecaster(component)` inside a vitest file is all a new forecaster needs.
 *
 * The promises are those of src/forecast/forecaster.ts; each `it` names one.
 */
import fc from 'fast-check';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { ROW_IMPUTED, ROW_RESET } from '../../src/core/batch.ts';
import { cos, log, sin } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { State, type StateSnapshot } from '../../src/core/state.ts';
import { Inputs } from '../../src/forecast/inputs.ts';
import { Ring } from '../../src/window/ring.ts';
import type { Forecaster, ForecasterComponent, ForecasterContext, GridClock, Wave } from '../../src/forecast/forecaster.ts';

/** A row of a series, as the line would bring it. */
export interface Row {
  readonly key: string;
  readonly time: number;
  readonly values: readonly number[];
  readonly flags?: number;
}

export interface ForecasterTestOptions {
  /** Configuration under test; small sizes make the suite quick. Default: `{}`. */
  readonly config?: object;
  /** What the component's `load` gave. */
  readonly loaded?: unknown;
  /** The forecaster that it is built on, with its default configuration. */
  readonly builtOn?: ForecasterComponent;
  /** Tests that cannot hold, by name, with the reason in words. */
  readonly skip?: Readonly<Partial<Record<ForecasterPromise, string>>>;
  /** Seed, sizes and the like are fixed; this prepares what the context cannot (weights, for one). */
  readonly prepare?: (forecaster: Forecaster, state: State) => void;
}

/** Names of the tests that may be skipped. */
export type ForecasterPromise =
  'finite' | 'splits' | 'snapshot' | 'spill' | 'scale' | 'imputed' | 'reset' | 'causality' | 'memory' | 'lookback';

const INTERVAL = 60_000;
const TARGETS = 2;
const HORIZON = 3;
const SEASONS = [4, 12];
const LEVELS = [0.1, 0.5, 0.9];

const clock: GridClock = {
  interval: INTERVAL,
  offset: () => 0,
  after: (time, steps) => time + steps * INTERVAL,
  phases: (time, into, at) => {
    [86_400_000, 604_800_000].forEach((span, i) => {
      const angle = (2 * Math.PI * (time % span)) / span;
      into[at + 2 * i] = sin(angle);
      into[at + 2 * i + 1] = cos(angle);
    });
  },
};

/** A forecaster with its lanes and ring, fed row by row or in waves. */
class Fixture {
  readonly state = new State();
  readonly ring: Ring;
  readonly inputs: Inputs;
  readonly forecaster: Forecaster;
  readonly builtOn: Forecaster | undefined;
  readonly ownQuantiles: boolean;

  constructor(component: ForecasterComponent, options: ForecasterTestOptions, extraRows = 0) {
    const config = component.config.parse(options.config ?? {});
    const { state } = this;
    const sizes = { horizon: HORIZON, seasons: SEASONS };
    const base = options.builtOn;
    const baseConfig: unknown = base?.config.parse({});
    const capacity = Math.max(component.lookback(config, sizes), base?.lookback(baseConfig, sizes) ?? 0) + extraRows;
    this.ring = new Ring(state.lanes, { capacity, channels: TARGETS });
    this.inputs = new Inputs(state.lanes, this.ring, clock, {
      channels: TARGETS,
      targets: TARGETS,
      horizon: HORIZON,
      seasons: SEASONS,
    });
    const context: ForecasterContext = {
      state,
      lanes: state.lanes,
      ring: this.ring,
      inputs: this.inputs,
      clock,
      targets: TARGETS,
      channels: TARGETS,
      horizon: HORIZON,
      season: SEASONS[0],
      seasons: SEASONS,
      quantiles: LEVELS,
      seed: 7,
      loaded: options.loaded,
    };
    this.builtOn = base?.build(baseConfig, context);
    this.forecaster = component.build(config, context);
    this.ownQuantiles = this.forecaster.ownQuantiles;
    options.prepare?.(this.forecaster, state);
  }

  /** Feeds rows of distinct series as one wave; the means and own quantiles of each. */
  wave(rows: readonly Row[]): number[][] {
    const { lanes } = this.state;
    const wave: Wave = {
      rows: rows.length,
      lanes: Int32Array.from(rows, ({ key }) => lanes.lane(key)),
      times: Float64Array.from(rows, ({ time }) => time),
      values: Float64Array.from(rows.flatMap(({ values }) => values)),
      channels: TARGETS,
      elapsed: Float64Array.from(rows, () => INTERVAL),
      flags: Uint8Array.from(rows, ({ flags }) => flags ?? 0),
    };
    rows.forEach((row, i) => this.ring.push(wave.lanes[i]!, row.time, wave.values, i, row.flags));
    const cells = TARGETS * HORIZON;
    const outlook = {
      mean: new Float64Array(rows.length * cells).fill(NaN),
      quantiles: new Float64Array(rows.length * cells * LEVELS.length),
    };
    this.inputs.follow(wave);
    this.builtOn?.step(wave, { mean: outlook.mean.slice(), quantiles: outlook.quantiles.slice() });
    this.forecaster.step(wave, outlook);
    return rows.map((_, i) => [
      ...outlook.mean.subarray(i * cells, (i + 1) * cells),
      ...(this.ownQuantiles ? outlook.quantiles.subarray(i * cells * LEVELS.length, (i + 1) * cells * LEVELS.length) : []),
    ]);
  }

  each(rows: readonly Row[]): number[][] {
    return rows.map((row) => this.wave([row])[0]!);
  }

  /** Everything the forecaster itself remembers. */
  own(snapshot: StateSnapshot = this.state.snapshot()): unknown {
    return snapshot.lanes.columns.filter(({ name }) => !name.startsWith('ring.'));
  }
}

/** A seeded series: noise on a season of four rows, a second target that runs against it. */
export function rowsOf(key: string, count: number, seed = 1, level = 100): Row[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const value = level + [0, 3, 5, 1][i % 4]! + random.normal(log);
    return { key, time: i * INTERVAL, values: [value, -2 * value + random.uniform()] };
  });
}

/** Runs the contract over one forecaster. Call it inside a test file. */
export function testForecaster(component: ForecasterComponent, options: ForecasterTestOptions = {}): void {
  const make = (extraRows = 0) => new Fixture(component, options, extraRows);
  const promise = (name: ForecasterPromise, title: string, test: () => void) => {
    const reason = options.skip?.[name];
    it.skipIf(reason !== undefined)(reason === undefined ? title : `${title} (skipped: ${reason})`, test);
  };
  const bits = (numbers: readonly (readonly number[])[]) =>
    numbers.map((row) => [...new BigUint64Array(Float64Array.from(row).buffer)]);

  describe(`forecaster ${component.name}`, () => {
    const extremes: Record<string, (i: number) => number> = {
      constant: () => 5,
      zero: () => 0,
      huge: () => 1e308,
      'huge, alternating': (i) => (i % 2 === 0 ? 1e308 : -1e308),
      'largest, alternating': (i) => (i % 3 === 0 ? Number.MAX_VALUE : -Number.MAX_VALUE),
      tiny: (i) => 5e-324 * (i % 3),
      small: (i) => 1e-300 * (i % 5),
      'alternating signs': (i) => (i % 2 === 0 ? 1 : -1),
      'one spike': (i) => (i === 20 ? 1e308 : Math.sin(i)),
      'constant, then not': (i) => (i < 40 ? 1 : Math.sin(i)),
    };
    for (const [name, value] of Object.entries(extremes)) {
      promise('finite', `gives finite numbers from the first row on: ${name}`, () => {
        const rows = Array.from({ length: 70 }, (_, i) => ({ key: 'a', time: i * INTERVAL, values: [value(i), -value(i)] }));
        for (const row of make().each(rows)) for (const number of row) expect(Number.isFinite(number)).toBe(true);
      });
    }

    promise('splits', 'gives the same bits for any interleaving of series and any split into waves', () => {
      const series = ['a', 'b', 'c'].map((key, i) => rowsOf(key, 24, i + 1, 10 ** i));
      const expected = series.map((rows) => bits(make().each(rows)));
      fc.assert(
        fc.property(fc.array(fc.subarray([0, 1, 2], { minLength: 1 }), { maxLength: 40 }), (waves) => {
          const fixture = make();
          const next = [0, 0, 0];
          for (const members of [...waves, ...Array.from({ length: 24 }, () => [2, 0, 1])]) {
            const present = members.filter((s) => next[s]! < 24);
            if (present.length === 0) continue;
            const got = bits(fixture.wave(present.map((s) => series[s]![next[s]!]!)));
            present.forEach((s, i) => expect(got[i]).toEqual(expected[s]![next[s]!++]));
          }
        }),
        { numRuns: 15, seed: 1 },
      );
    });

    promise('snapshot', 'continues with the same bits from a snapshot taken at any row', () => {
      const rows = [...rowsOf('a', 20), ...rowsOf('a', 8, 3).map((row, i) => (i === 0 ? { ...row, flags: ROW_RESET } : row))];
      const expected = bits(make().each(rows));
      const whole = make();
      rows.forEach((row, at) => {
        const snapshot = whole.state.snapshot();
        const copy = make();
        copy.state.restore(snapshot);
        copy.state.assertClaimed();
        expect(bits(copy.each(rows.slice(at)))).toEqual(expected.slice(at));
        whole.each([row]);
      });
    });

    promise('spill', 'comes back from eviction with the same bits', () => {
      const rows = rowsOf('a', 30);
      const expected = bits(make().each(rows));
      const fixture = make();
      const spilled = new Map<string, Uint8Array>();
      fixture.state.lanes.spillTo({
        put: (key, bytes) => void spilled.set(key, bytes),
        take: (key) => {
          const bytes = spilled.get(key);
          spilled.delete(key);
          return bytes;
        },
        peek: (key) => spilled.get(key),
        keys: () => spilled.keys(),
      });
      rows.forEach((row, i) => {
        expect(bits(fixture.each([row]))).toEqual([expected[i]]);
        if (i % 7 !== 3) return;
        fixture.state.lanes.evict(fixture.state.lanes.find('a'));
        // the freed lane goes to another series, which must find it new
        expect(bits(fixture.each(rowsOf(`other ${i}`, 3, 9)))).toEqual(bits(make().each(rowsOf('a', 3, 9))));
      });
    });

    promise('scale', 'scales with its data: a thousand times the values, a thousand times the forecast', () => {
      const rows = rowsOf('a', 60);
      const expected = make().each(rows);
      const scaled = make().each(rows.map((row) => ({ ...row, values: row.values.map((value) => 1000 * value) })));
      scaled.forEach((row, i) => row.forEach((value, j) => expect(Math.abs(value / 1000 - expected[i]![j]!)).toBeLessThan(1e-6)));
    });

    promise('imputed', 'does not learn from a row that was filled in', () => {
      const seen = [0, 1e6].map((value) => {
        const fixture = make();
        fixture.each(rowsOf('a', 30));
        fixture.each([{ key: 'a', time: 30 * INTERVAL, values: [value, value], flags: ROW_IMPUTED }]);
        return fixture.own();
      });
      expect(seen[1]).toEqual(seen[0]);
    });

    promise('reset', 'forgets the level at a reset', () => {
      const fixture = make();
      fixture.each(rowsOf('a', 40, 1, 1e6));
      const after = rowsOf('a', 20, 2, 0).map((row, i) => (i === 0 ? { ...row, flags: ROW_RESET } : row));
      for (const row of fixture.each(after)) for (const number of row) expect(Math.abs(number)).toBeLessThan(1000);
    });

    promise('causality', 'does not know the future', () => {
      const rows = rowsOf('a', 40);
      const other = [...rows.slice(0, 25), ...rowsOf('a', 15, 8, -1e4)];
      expect(bits(make().each(other)).slice(0, 25)).toEqual(bits(make().each(rows)).slice(0, 25));
    });

    promise('memory', 'holds no more memory after 20,000 rows than after 2,000', () => {
      setFlagsFromString('--expose-gc');
      const gc = runInNewContext('gc') as () => void;
      const fixture = make();
      const rows = rowsOf('a', 2000);
      fixture.each(rows);
      const used = () => {
        gc();
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        return heapUsed + arrayBuffers;
      };
      const before = used();
      for (let i = 0; i < 9; i++) for (const row of rows) fixture.wave([row]);
      expect(used() - before).toBeLessThan(1_000_000);
    });

    promise('lookback', 'reads no further back than it says', () => {
      const rows = rowsOf('a', 50);
      expect(bits(make(100).each(rows))).toEqual(bits(make().each(rows)));
    });
  });
}
