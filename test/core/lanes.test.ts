/** Lanes and State: growing, evicting, bringing back, snapshots and hashes, for series of any name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Column, Lanes, type LanesSnapshot } from '../../src/core/lanes.ts';
import { State, type StateSnapshot } from '../../src/core/state.ts';
import { memorySpill } from '../support/stretch.ts';

const STRANGE = [
  '',
  ' ',
  'a\nb',
  'a\0b',
  '🙂',
  'é',
  'e\u0301',
  '__proto__',
  'constructor',
  'toString',
  '$',
  'x'.repeat(65_536),
  '\ud800',
];

const SHORT = STRANGE.filter((key) => key.length < 100);

interface Columns {
  readonly f64: Column<Float64Array>;
  readonly f32: Column<Float32Array>;
  readonly i32: Column<Int32Array>;
  readonly u8: Column<Uint8Array>;
  readonly lent: Column<Float32Array>;
}

/** One column of each kind, one of them lent. */
function declare(lanes: Lanes): Columns {
  let memory = new Float32Array(0);
  const reserve = (n: number) => {
    const grown = new Float32Array(Math.max(memory.length, n * 2));
    grown.set(memory);
    memory = grown;
  };
  return {
    lent: lanes.lent('e.lent', { stride: 2, data: () => memory, reserve }),
    f64: lanes.f64('a.f64', 3, NaN),
    f32: lanes.f32('b.f32', 1, -1),
    i32: lanes.i32('c.i32', 2),
    u8: lanes.u8('d.u8', 1, 7),
  };
}

/** Numbers of a lane, column by column. */
function numbersOf(columns: Columns, lane: number): number[] {
  return Object.values(columns).flatMap(({ data, stride }: Column) => [...data.subarray(lane * stride, (lane + 1) * stride)]);
}

function write({ f64, f32, i32, u8, lent }: Columns, lane: number, seed: number): void {
  f64.data.set([seed, -0, seed / 3], lane * 3);
  f32.data[lane] = seed / 7;
  i32.data.set([seed, -seed], lane * 2);
  u8.data[lane] = seed & 255;
  lent.data.set([seed, seed + 1], lane * 2);
}

const FRESH = [0, 0, NaN, NaN, NaN, -1, 0, 0, 7];

describe('lanes', () => {
  it('grow, and keep what every lane holds; a new lane is as declared', () => {
    const lanes = new Lanes();
    const columns = declare(lanes);
    for (let i = 0; i < 1000; i++) {
      const lane = lanes.lane(`s${i}`);
      expect(numbersOf(columns, lane)).toEqual(FRESH);
      write(columns, lane, i);
    }
    for (let i = 0; i < 1000; i++) expect(columns.f64.data[lanes.find(`s${i}`) * 3]).toBe(i);
    expect(lanes.size).toBe(1000);
    expect(lanes.open).toBe(1000);
  });

  it('grow by pages: what is not zero is kept bit for bit, wherever it stands', () => {
    const lanes = new Lanes();
    const wide = lanes.f64('wide', 1500);
    const places = [0, 511, 512, 700, 1023, 1024, 1499];
    const value = (i: number, n: number) => [i + 1 + n / 7, -0, NaN, 5e-324][n % 4]!;
    for (let i = 0; i < 100; i++) {
      const lane = lanes.lane(`s${i}`);
      places.forEach((place, n) => (wide.data[lane * 1500 + place] = value(i, n)));
    }
    for (let i = 0; i < 100; i++) {
      const held = wide.data.subarray(i * 1500, (i + 1) * 1500);
      places.forEach((place, n) => expect(Object.is(held[place], value(i, n))).toBe(true));
      expect(held.filter((each) => each !== 0)).toHaveLength(5);
    }
  });

  it('beyond the cap a new series is refused, and the others do not notice', () => {
    const lanes = new Lanes({ max: 20 });
    const columns = declare(lanes);
    for (let i = 0; i < 20; i++) write(columns, lanes.lane(`s${i}`), i);
    const before = numbersOf(columns, 3);
    expect(() => lanes.lane('new')).toThrow(expect.objectContaining({ code: 'LANES_FULL' }) as Error);
    expect(lanes.lane('s3')).toBe(3);
    expect(numbersOf(columns, 3)).toEqual(before);
    lanes.evict(5);
    expect(lanes.lane('new')).toBe(5);
    expect(numbersOf(columns, 5)).toEqual(FRESH);
  });

  it('an evicted series comes back exactly, into whatever lane is free', () => {
    const lanes = new Lanes();
    lanes.spillTo(memorySpill());
    const columns = declare(lanes);
    STRANGE.forEach((key, i) => write(columns, lanes.lane(key), i + 1));
    const before = STRANGE.map((key) => numbersOf(columns, lanes.find(key)));
    const hashes = STRANGE.map((key) => lanes.hash(key));
    for (const key of STRANGE) lanes.evict(lanes.find(key));
    expect(lanes.open).toBe(0);
    expect(STRANGE.map((key) => lanes.hash(key))).toEqual(hashes);
    expect([...lanes.peekSpilled('__proto__', columns.f64)!]).toEqual([8, -0, 8 / 3]);
    lanes.lane('another');
    expect(STRANGE.map((key) => numbersOf(columns, lanes.lane(key)))).toEqual(before);
    expect(STRANGE.map((key) => lanes.hash(key))).toEqual(hashes);
  });

  it('a spilled state that cannot be read leaves no lane behind', () => {
    const lanes = new Lanes();
    const spill = memorySpill();
    lanes.spillTo({
      ...spill,
      take: () => {
        throw new Error('unreadable');
      },
    });
    declare(lanes);
    expect(() => lanes.lane('a')).toThrow('unreadable');
    expect(lanes.find('a')).toBe(-1);
    expect(lanes.open).toBe(0);
  });

  it('a snapshot shares nothing, and is put back into columns declared before or after', () => {
    const lanes = new Lanes();
    const columns = declare(lanes);
    STRANGE.forEach((key, i) => write(columns, lanes.lane(key), i + 1));
    lanes.evict(2);
    const before = STRANGE.map((key) => lanes.hash(key));
    const snapshot = lanes.snapshot();
    for (const key of STRANGE) if (lanes.find(key) >= 0) write(columns, lanes.find(key), 99);
    for (const first of [true, false]) {
      const other = new Lanes();
      // what the lanes held before is gone
      const early = first ? declare(other) : undefined;
      if (early) for (let i = 0; i < 50; i++) write(early, other.lane(`old ${i}`), 5);
      other.restore(snapshot);
      const restored = early ?? declare(other);
      expect(STRANGE.map((key) => other.hash(key))).toEqual(before);
      expect(other.unclaimed).toEqual([]);
      expect(other.missing).toEqual([]);
      expect(other.find('old 1')).toBe(-1);
      expect(numbersOf(restored, other.lane('new'))).toEqual(FRESH);
      for (let i = 0; i < 60; i++) expect(numbersOf(restored, other.lane(`more ${i}`))).toEqual(FRESH);
    }
  });

  it('a cap below the number of saved series lets those stay', () => {
    const lanes = new Lanes();
    const columns = declare(lanes);
    for (let i = 0; i < 40; i++) write(columns, lanes.lane(`s${i}`), i);
    const capped = new Lanes({ max: 10 });
    const restored = declare(capped);
    capped.restore(lanes.snapshot());
    expect(numbersOf(restored, capped.find('s39'))).toEqual(numbersOf(columns, lanes.find('s39')));
    expect(() => capped.lane('new')).toThrow(expect.objectContaining({ code: 'LANES_FULL' }) as Error);
  });

  it.each([
    ['stride', (lanes: Lanes) => lanes.f64('x', 2)],
    ['type', (lanes: Lanes) => lanes.f32('x')],
  ])('a column of another %s is refused', (_, other) => {
    const lanes = new Lanes();
    lanes.f64('x');
    lanes.lane('a');
    const shape = expect.objectContaining({ code: 'STATE_SHAPE' }) as Error;
    const later = new Lanes();
    later.restore(lanes.snapshot());
    expect(() => other(later)).toThrow(shape);
    const before = new Lanes();
    other(before);
    expect(() => before.restore(lanes.snapshot())).toThrow(shape);
  });

  it('keeps what a station’s columns hold for some lanes, and puts back one of them', () => {
    const lanes = new Lanes();
    const mine = lanes.f64('mine.x', 2);
    const other = lanes.f64('minella.x', 2);
    for (const key of ['a', 'b', 'c']) lanes.lane(key);
    mine.data.set([1, 2, 3, 4, 5, 6]);
    const putBack = lanes.keep('mine', Int32Array.of(2, 0));
    mine.data.fill(9);
    other.data.fill(9);
    putBack(0);
    expect([...mine.data.subarray(0, 6)]).toEqual([9, 9, 9, 9, 5, 6]);
    expect(other.data[4]).toBe(9);
  });
});

describe('a state', () => {
  it('has a hash that does not depend on lane numbers, on the order of columns, or on what is spilled', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(SHORT, { minLength: SHORT.length }),
        fc.array(fc.constantFrom(...SHORT)),
        fc.boolean(),
        (order, spilled, reverse) => {
          const hashOf = (keys: readonly string[], evicted: readonly string[], backwards: boolean) => {
            const state = new State();
            state.lanes.spillTo(memorySpill());
            const names = backwards ? ['b', 'a'] : ['a', 'b'];
            const columns = Object.fromEntries(names.map((name) => [name, state.lanes.f64(name)]));
            for (const key of keys) {
              const lane = state.lanes.lane(key);
              columns['a']!.data[lane] = SHORT.indexOf(key);
              columns['b']!.data[lane] = -SHORT.indexOf(key);
            }
            for (const key of evicted) if (state.lanes.find(key) >= 0) state.lanes.evict(state.lanes.find(key));
            return state.hash();
          };
          expect(hashOf(order, spilled, reverse)).toBe(hashOf(SHORT, [], false));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('a change of one bit, or of a name, changes the hash', () => {
    const hashOf = (key: string, value: number) => {
      const state = new State();
      const column = state.lanes.f64('a');
      const lane = state.lanes.lane(key);
      column.data[lane] = value;
      return state.hash();
    };
    expect(new Set([hashOf('a', 0), hashOf('a', -0), hashOf('a', 5e-324), hashOf('a ', 0), hashOf('', 0)]).size).toBe(5);
  });

  const saved = (lanes: LanesSnapshot = new Lanes().snapshot(), parts: StateSnapshot['parts'] = {}): StateSnapshot => ({
    lanes,
    parts,
  });
  const part = { snapshot: () => null, restore: () => undefined };

  it('a part is restored whether it is added before or after', () => {
    const got: unknown[] = [];
    const late = { snapshot: () => 1, restore: (each: unknown) => void got.push(each) };
    const state = new State();
    state.add('before', late);
    state.restore(saved(undefined, { before: 1, after: [2] }));
    state.add('after', late);
    state.assertClaimed();
    expect(got).toEqual([1, [2]]);
  });

  it('what is too much or too little in a restored state is refused by name', () => {
    const shape = (facts: object) =>
      expect.objectContaining({ code: 'STATE_SHAPE', facts: expect.objectContaining(facts) as object }) as Error;
    const more = new State();
    more.restore(saved(undefined, { gone: 1 }));
    expect(() => more.assertClaimed()).toThrow(shape({ unknown: 'gone' }));
    const less = new State();
    less.restore(saved());
    less.add('new', part);
    less.lanes.f64('column');
    expect(() => less.assertClaimed()).toThrow(shape({ missing: 'column new' }));
    const earlier = new State();
    earlier.add('new', part);
    expect(() => earlier.restore(saved())).toThrow(shape({ part: 'new' }));
  });

  it('two stations cannot have one name', () => {
    const state = new State();
    state.add('x', part);
    expect(() => state.add('x', part)).toThrow('added twice');
    state.lanes.f64('x');
    expect(() => state.lanes.u8('x')).toThrow('declared twice');
  });
});
