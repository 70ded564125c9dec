/** Figures that tests measure: they go with the test into the report, and from there into test/FAULTS.md. */
import type { TestContext } from 'vitest';

declare module '@vitest/runner' {
  interface TaskMeta {
    /** What was measured, in words: `RSS +31 MB in 20 s`. */
    figure?: string;
  }
}

/** Notes what a test measured. */
export function figure({ task }: TestContext, text: string): void {
  task.meta.figure = text;
  console.log(`${task.name}: ${text}`);
}
