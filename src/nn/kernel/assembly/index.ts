// What the TypeScript side calls. Addresses and structures: `structs.ts`.
export { adam, squares } from './adam';
export { follow } from './covariance';
export { sigmoidAll, tanhAll } from './gates';
export { outer, weigh } from './outer';
export { backward, forward, transposeAll } from './sequence';
export { step } from './step';
export { bestSplit, histogram, part, subtract, sumOfTrees } from './trees';

/** The first address that is free. */
export function base(): usize {
  return __heap_base;
}
