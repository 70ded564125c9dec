/** `count % size` of whole doubles from 0 on, below 2^50: V8 hands `%` of doubles to the C library, which takes longer than a cell's gate. */
export function remainder(count: number, size: number): number {
  return count - Math.floor(count / size) * size;
}
