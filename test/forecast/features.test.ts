/** The network's inputs: whatever place a row has in its ring, it is seen in the same way. */
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { Features } from '../../src/forecast/features.ts';
import { SCALER_SIZE } from '../../src/forecast/scaler.ts';
import { calendar } from '../../src/window/calendar.ts';
import { Ring } from '../../src/window/ring.ts';

const SIZES = { channels: 2, targets: 1, horizon: 3, seasons: [5], lags: 4 };
const CAPACITY = 9;

function inputsIn(capacity: number) {
  const { lanes } = new State();
  const ring = new Ring(lanes, { capacity, channels: SIZES.channels });
  const features = new Features(ring, calendar({ interval: 60_000 }), SIZES, () => undefined);
  // beside another lane, so that a place before its own first slot is somebody else's
  for (const name of ['other', 'one']) lanes.lane(name);
  return { ring, features };
}

it('a ring that began anew gives the inputs that one with room for all rows gives, at every slot', () => {
  const random = new Random(4);
  const [small, large] = [inputsIn(CAPACITY), inputsIn(100)];
  const scaler = Float64Array.from({ length: SIZES.channels * SCALER_SIZE }, () => 1 + random.uniform());
  for (let row = 0; row < 40; row++) {
    const values = Float64Array.from({ length: SIZES.channels }, () => random.uniform());
    for (const lane of [0, 1])
      for (const { ring } of [small, large]) ring.push(lane, row * 60_000, lane === 1 ? values : Float64Array.of(7, 7), 0);
    // as far back as the small ring holds all that a row looks at
    for (let back = 0; back < CAPACITY - Features.lookback(SIZES) + 1; back++) {
      const [wrapped, plain] = [small, large].map(({ features }) => {
        const into = new Float32Array(features.count);
        features.write(1, back, scaler, 0, into, 0);
        return [...into];
      });
      expect(wrapped, `row ${row}, ${back} back`).toEqual(plain);
    }
  }
});
