/** A sum of regression trees, as flat arrays: what boosting gives and the forecaster walks through. */

/** Trees in order; nodes are numbered throughout. */
export interface Trees {
  /** First node of each tree. */
  readonly roots: Int32Array;
  /** Per node: the input that is looked at, or -1 in a leaf. */
  readonly inputs: Int16Array;
  /** Per node: what the input is compared with (`<=` goes left), or the leaf's value. */
  readonly values: Float32Array;
  /** Per node: left and right child. */
  readonly children: Int32Array;
}

/** Numbers a node takes in a tensor: input, value, left, right. */
const NODE = 4;

/** From a tensor of four numbers a node. A tree ends where the next node is nobody's child. Throws a `RangeError` for anything that is no tree. */
export function treesOf(tensor: ArrayLike<number>): Trees {
  const n = tensor.length / NODE;
  const trees = { inputs: new Int16Array(n), values: new Float32Array(n), children: new Int32Array(n * 2) };
  const owned = new Uint8Array(n);
  for (let node = 0; node < n; node++) {
    const input = (trees.inputs[node] = tensor[node * NODE]!);
    trees.values[node] = tensor[node * NODE + 1]!;
    for (let side = 0; side < 2; side++) {
      const child = (trees.children[node * 2 + side] = tensor[node * NODE + 2 + side]!);
      if (input < 0) continue;
      // children come later than their parents: no walk can go round
      if (!(child > node && child < n) || owned[child]) throw new RangeError(`node ${node} has no child ${child}`);
      owned[child] = 1;
    }
  }
  const roots: number[] = [];
  for (let node = 0; node < n; node++) if (!owned[node]) roots.push(node);
  return { ...trees, roots: Int32Array.from(roots) };
}

/** The tensor back. */
export function tensorOfTrees({ inputs, values, children }: Trees): Float32Array {
  return Float32Array.from({ length: inputs.length * NODE }, (_, i) => {
    const node = i >> 2;
    return i % NODE === 0 ? inputs[node]! : i % NODE === 1 ? values[node]! : children[node * 2 + (i % NODE) - 2]!;
  });
}

/** The sum over all trees for the inputs `x[at ..]`. */
export function sumOfTrees({ roots, inputs, values, children }: Trees, x: Float32Array, at: number): number {
  let sum = 0;
  for (let t = 0; t < roots.length; t++) {
    let node = roots[t]!;
    for (let input; (input = inputs[node]!) >= 0;) node = children[node * 2 + (x[at + input]! <= values[node]! ? 0 : 1)]!;
    sum += values[node]!;
  }
  return sum;
}
