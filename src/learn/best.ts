/** The best few of many, by a heap: each offer costs O(log k). */

/** A candidate; of equal scores the lower index is better. */
export interface Candidate {
  readonly score: number;
  readonly index: number;
}

/** Keeps the `room` best candidates that it was offered, the worst of them on top. */
export class Best {
  readonly #room: number;
  readonly #heap: Candidate[] = [];
  /** Comparisons of two candidates so far. */
  comparisons = 0;

  constructor(room: number) {
    this.#room = room;
  }

  offer(candidate: Candidate): void {
    if (this.#heap.length < this.#room) this.#rise(candidate);
    else if (this.#worse(this.#heap[0]!, candidate)) this.#sink(candidate);
  }

  /** What was kept, by index. */
  kept(): Candidate[] {
    return this.#heap.toSorted((a, b) => a.index - b.index);
  }

  #rise(candidate: Candidate): void {
    const heap = this.#heap;
    let at = heap.length;
    for (; at > 0; at = (at - 1) >> 1) {
      const above = heap[(at - 1) >> 1]!;
      if (!this.#worse(candidate, above)) break;
      heap[at] = above;
    }
    heap[at] = candidate;
  }

  #sink(candidate: Candidate): void {
    const heap = this.#heap;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && this.#worse(heap[below + 1]!, heap[below]!)) below++;
      if (!this.#worse(heap[below]!, candidate)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = candidate;
  }

  #worse(a: Candidate, b: Candidate): boolean {
    this.comparisons++;
    return a.score < b.score || (a.score === b.score && a.index > b.index);
  }
}
