/** Networks that the tests of the doors share, and the kernel's own numbers to compare with. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Network } from '../../src/nn/network.ts';
import type { NetworkShape, Weights } from '../../src/nn/shape.ts';
import { CELLS } from '../nn/cases.ts';

const all: readonly NetworkShape[] = CELLS.flatMap((cell) =>
  [1, 2].flatMap((layers) => [false, true].map((skip) => ({ ...cell, inputs: 3, hidden: 5, layers, outputs: 2, skip }))),
);
const known = ({ cell, variant }: NetworkShape) => cell !== 'none' && variant === undefined;

/** Every cell that other programs know, alone and stacked, with and without a skip. */
export const SHAPES = all.filter(known);
/** Those that they do not know. */
export const UNKNOWN_SHAPES = all.filter((shape) => !known(shape));

const FIXTURES = new URL('../fixtures/keras/', import.meta.url).pathname;
/** What Keras predicts for one sequence, row by row. */
export interface Expected {
  readonly x: readonly (readonly number[])[];
  readonly y: readonly (readonly number[])[];
}

/** Folders that Keras exported. */
export const KERAS_MODELS = readdirSync(FIXTURES, { withFileTypes: true })
  .filter((each) => each.isDirectory())
  .map(({ name }) => name)
  .sort();

export function fixture(name: string): string {
  return join(FIXTURES, name);
}

export function expectedOf(name: string): Expected {
  return JSON.parse(readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8')) as Expected;
}

/** The kernel's outputs for one sequence, from a state of zeros. */
export function kernelRun(shape: NetworkShape, weights: Weights, x: readonly (readonly number[])[]): number[][] {
  const network = new Network(shape, { slots: 1 });
  network.setWeights(0, weights);
  network.reserve(1);
  return x.map((row) => {
    network.x.set(row);
    network.step(0, 1);
    return [...network.y.subarray(0, shape.outputs)];
  });
}

/** The largest absolute difference. */
export function farthest(found: readonly (readonly number[])[], expected: readonly (readonly number[])[]): number {
  if (found.length !== expected.length) return Infinity;
  return Math.max(
    ...found.flatMap((row, t) => row.map((value, i) => Math.abs(value - expected[t]![i]!) || (value === value ? 0 : Infinity))),
  );
}

/** A folder that is gone after the test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-interop-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
