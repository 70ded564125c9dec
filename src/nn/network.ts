/** A network at work: weights in slots, a hidden state for every lane, one cell step for a wave of rows. */
import { TidecastError } from '../core/errors.ts';
import { checkCategories } from './categories.ts';
import { Instance, LARGEST_MEMORY, aligned } from './kernel/instance.ts';
import { gatesRow, modelWords, writeModel } from './kernel/structs.ts';
import { pack, partsOf, wideOf, type Part } from './packing.ts';
import {
  checkOneWay,
  checkShape,
  checkWeights,
  checkWhole,
  stateSizeOf,
  widthOf,
  type NetworkShape,
  type Weights,
} from './shape.ts';

/** Rows that the kernel works on together; `TILE` in `assembly/step.ts`. */
const TILE = 32;
const WAVE = 12;

/**
 * Steps lanes of a recurrent network.
 *
 * A row's result depends on its input, its lane's state and the weights, to the bit: not on the wave's size or order.
 * Views are made anew when memory grows: read `x`, `y`, `lanes` and `state` again after `reserve` and `reserveWave`.
 * Throws NN_SHAPE or NN_TOO_LARGE before anything is allocated.
 */
export class Network {
  readonly shape: NetworkShape;
  /** Floats of state a lane has: by layer h [H], then for `lstm` c [H]. */
  readonly stateSize: number;
  readonly #instance: Instance;
  readonly #step: (model: number, wave: number, rows: number) => number;
  readonly #parts: readonly Part[];
  readonly #length: number;
  readonly #slots: { weights: number; model: number; set: boolean }[] = [];
  readonly #wave: number;
  readonly #scratch: readonly number[];
  #rows = 0;
  #lanes = 0;
  /** Addresses: the wave's lanes, x and y, then the state as the growing tail. */
  #at = { lanes: 0, x: 0, y: 0, state: 0 };
  #views: { x: Float32Array; y: Float32Array; lanes: Int32Array; state: Float32Array };

  constructor(shape: NetworkShape, options: { slots?: number } = {}) {
    checkShape(shape);
    checkOneWay(shape);
    const slots = options.slots ?? 2;
    checkWhole('slots', slots, 16);
    this.shape = shape;
    this.stateSize = stateSizeOf(shape);
    const { parts, length } = partsOf(shape);
    const bytes = 4 * slots * (length + modelWords(shape, false) + 64);
    if (bytes > LARGEST_MEMORY) throw new TidecastError('NN_TOO_LARGE', { bytes, largest: LARGEST_MEMORY });
    const instance = new Instance();
    this.#instance = instance;
    this.#step = instance.kernel.step;
    this.#parts = parts;
    this.#length = length;
    for (let i = 0; i < slots; i++) {
      const weights = instance.take(length);
      this.#slots.push({ weights, model: writeModel(instance, shape, parts, weights), set: false });
    }
    const wide = wideOf(shape.hidden);
    this.#wave = instance.take(WAVE);
    this.#scratch = [gatesRow(shape), 2 * wide, wide, wide, wideOf(shape.outputs), shape.categories ? widthOf(shape) : 0].map(
      (n) => instance.take(TILE * n),
    );
    this.#at = this.#layout(0);
    this.#views = this.#placed();
    this.reserveWave(1);
  }

  /** Packs weights into a slot; throws NN_WEIGHTS, and the slot stays as it was, unless every tensor is there, of its size and finite. */
  setWeights(slot: number, weights: Weights): void {
    const place = this.#slots[slot];
    if (!place) throw new TidecastError('NN_OPTION', { slot, slots: this.#slots.length });
    checkWeights(this.shape, weights);
    pack(this.#parts, weights, this.#instance.floats(place.weights, this.#length));
    place.set = true;
  }

  /** Makes room for lanes 0..lanes-1; new lanes have a state of zeros. Only grows. Throws NN_TOO_LARGE. */
  reserve(lanes: number): void {
    if (lanes <= this.#lanes) return;
    this.#instance.reach(this.#at.state + 4 * this.stateSize * lanes);
    this.#lanes = lanes;
    this.#views = this.#placed();
  }

  /** Makes room for waves of so many rows; what stands in x, y and lanes is kept. Only grows. Throws NN_TOO_LARGE. */
  reserveWave(rows: number): void {
    if (rows <= this.#rows) return;
    // Copies, because growing empties the views.
    const { x, y, lanes } = this.#views;
    const kept = { x: x.slice(), y: y.slice(), lanes: lanes.slice() };
    const old = this.#at;
    // At least doubled, because the state behind the wave has to move.
    const room = Math.max(rows, Math.min(2 * this.#rows, 65536));
    const at = this.#layout(room);
    const bytes = 4 * this.stateSize * this.#lanes;
    this.#instance.reach(at.state + bytes);
    const all = new Uint8Array(this.#instance.buffer);
    all.copyWithin(at.state, old.state, old.state + bytes);
    all.fill(0, at.lanes, at.state);
    this.#at = at;
    this.#rows = room;
    this.#views = this.#placed();
    this.#views.x.set(kept.x);
    this.#views.y.set(kept.y);
    this.#views.lanes.set(kept.lanes);
  }

  /** The wave's input rows, rows x inputs. */
  get x(): Float32Array {
    return this.#views.x;
  }

  /** The wave's output rows, rows x outputs. */
  get y(): Float32Array {
    return this.#views.y;
  }

  /** The lane of each row of the wave. */
  get lanes(): Int32Array {
    return this.#views.lanes;
  }

  /** The state of every lane, lanes x stateSize; may be written to. */
  get state(): Float32Array {
    return this.#views.state;
  }

  /**
   * One cell step of rows 0..rows-1 of the wave, each lane at most once, with the weights of a slot: state in place, y filled.
   *
   * Throws, with nothing changed, NN_LANE where a lane is not reserved, NN_CATEGORY where a row's category is none of the set, and NN_OPTION for an empty slot or too many rows.
   */
  step(slot: number, rows: number): void {
    const place = this.#slots[slot];
    if (!place?.set || rows > this.#rows)
      throw new TidecastError('NN_OPTION', { slot, set: place?.set, rows, reserved: this.#rows });
    const failure = this.#step(place.model, this.#wave, rows);
    if (failure === -1) throw new TidecastError('NN_LANE', { reserved: this.#lanes });
    if (failure === -2)
      checkCategories('category', this.x.subarray(0, rows * this.shape.inputs), this.shape.inputs, this.shape.categories!);
  }

  #layout(rows: number): { lanes: number; x: number; y: number; state: number } {
    const lanes = this.#instance.top;
    const x = aligned(lanes + 4 * rows);
    const y = aligned(x + 4 * rows * this.shape.inputs);
    return { lanes, x, y, state: aligned(y + 4 * rows * this.shape.outputs) };
  }

  /** Writes the Wave structure and makes the views. */
  #placed(): { x: Float32Array; y: Float32Array; lanes: Int32Array; state: Float32Array } {
    const { lanes, x, y, state } = this.#at;
    const instance = this.#instance;
    instance.reach(state);
    instance.words(this.#wave, WAVE).set([this.#lanes, this.stateSize, state, lanes, x, y, ...this.#scratch]);
    return {
      x: instance.floats(x, this.#rows * this.shape.inputs),
      y: instance.floats(y, this.#rows * this.shape.outputs),
      lanes: instance.words(lanes, this.#rows),
      state: instance.floats(state, this.#lanes * this.stateSize),
    };
  }
}
