/** Sums of regression trees, walked by the kernel eight trees at a time; the plain walk is `sumOfTrees`. */
import { Instance } from './kernel/instance.ts';
import type { Trees } from './trees.ts';

/** Trees that are walked together. */
const TOGETHER = 8;
/** Words of a node: where its input lies, its value, left, right. */
const NODE = 4;

/** Several sums of trees over the same inputs. */
export class Forest {
  readonly #instance = new Instance();
  readonly #inputs: number;
  readonly #at: number;
  /** By sum: where its roots stand, and how many there are. */
  #sums: { readonly roots: number; readonly trees: number }[] = [];
  #x: Float32Array;

  constructor(inputs: number) {
    this.#inputs = inputs;
    this.#at = this.#instance.take(Math.max(1, inputs));
    this.#x = this.#instance.floats(this.#at, inputs);
  }

  /** The inputs to be looked at; read it again after {@link plant}. */
  get x(): Float32Array {
    return this.#x;
  }

  /** Takes these sums in place of all before. Throws NN_TOO_LARGE. */
  plant(sums: readonly Trees[]): void {
    const instance = this.#instance;
    let top = instance.top;
    const places = sums.map(({ roots, inputs }) => {
      // the last node is a leaf of 0, for trees that there are not
      const nodes = top;
      const at = nodes + 4 * NODE * (inputs.length + 1);
      const trees = Math.ceil(roots.length / TOGETHER) * TOGETHER;
      top = at + 4 * trees;
      return { nodes, roots: at, trees };
    });
    instance.reach(top);
    this.#x = instance.floats(this.#at, this.#inputs);
    sums.forEach(({ roots, inputs, values, children }, i) => {
      const place = places[i]!;
      const node = (index: number) => place.nodes + 4 * NODE * index;
      const leaves = inputs.length + 1;
      const words = instance.words(place.nodes, NODE * leaves);
      const floats = instance.floats(place.nodes, NODE * leaves);
      for (let n = 0; n < leaves; n++) {
        const leaf = n === inputs.length || inputs[n]! < 0;
        words[n * NODE] = leaf ? this.#at : this.#at + 4 * inputs[n]!;
        floats[n * NODE + 1] = n < inputs.length ? values[n]! : 0;
        for (let side = 0; side < 2; side++) words[n * NODE + 2 + side] = node(leaf ? n : children[n * 2 + side]!);
      }
      const stand = instance.words(place.roots, place.trees);
      for (let tree = 0; tree < place.trees; tree++) stand[tree] = node(roots[tree] ?? inputs.length);
    });
    this.#sums = places;
  }

  /** What a sum says of the inputs in {@link x}. */
  sum(index: number): number {
    const { roots, trees } = this.#sums[index]!;
    return this.#instance.kernel.sumOfTrees(roots, trees);
  }
}
