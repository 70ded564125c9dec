/**
 * The kernel's figures: a step of one row beside the yardstick of the same moment, waves, and training beside TensorFlow.js.
 *
 * Alone: `node dist/test/bench/kernel.js`, one JSON line a figure.
 */
import { pathToFileURL } from 'node:url';
import { initialWeights } from '../../src/nn/initial.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { yardstick } from './native.ts';
import { tensorFlowTraining } from './kernel-tfjs.ts';

type Emit = (figure: Record<string, unknown>) => void;

const INPUTS = 8;
const MODELS = { gru32: ['gru', 32], gru64: ['gru', 64], lstm64: ['lstm', 64], lstm128: ['lstm', 128] } as const;
type Model = keyof typeof MODELS;
/** The machine is shared: everything is measured in rounds, each beside the yardstick, and the median of the rounds counts. */
const ROUNDS = 7;

/** Emits one figure after the other; about a minute. */
export async function kernelBench(emit: Emit): Promise<void> {
  steps(emit);
  for (const model of ['gru64', 'lstm64', 'lstm128'] as const) training(model, emit);
  for (const model of ['gru64', 'lstm64'] as const) {
    const p50_ms = await tensorFlowTraining(MODELS[model][0], MODELS[model][1], INPUTS, 32, 64, 3);
    emit({ bench: 'train', peer: 'tfjs-cpu', model, input: INPUTS, batch: 32, steps: 64, threads: 1, p50_ms: round(p50_ms) });
  }
}

function steps(emit: Emit): void {
  const names = Object.keys(MODELS) as Model[];
  const networks = new Map(names.map((model) => [model, network(model)]));
  const native = yardstick();
  const found = names.flatMap((model) =>
    [1, 64, 1024].map((batch) => ({ model, batch, ns: [] as number[], ratio: [] as number[] })),
  );
  const floor = new Map(names.map((model) => [model, [] as number[]]));
  let peer = '';
  try {
    for (let n = 0; n < ROUNDS; n++) {
      const now = native.measure();
      peer = now.peer;
      for (const model of names) floor.get(model)!.push(now.ns.get(model)!);
      for (const figure of found) {
        const ns = stepTime(networks.get(figure.model)!, figure.batch);
        figure.ns.push(ns);
        figure.ratio.push(ns / figure.batch / now.ns.get(figure.model)!);
      }
    }
  } finally {
    native.close();
  }
  for (const model of names) {
    emit({ bench: 'step', peer, model, input: INPUTS, batch: 1, threads: 1, p50_us: round(median(floor.get(model)!) / 1e3) });
  }
  for (const { model, batch, ns, ratio } of found) {
    const p50 = median(ns);
    emit({
      ...{ bench: 'step', peer: 'tidecast', model, input: INPUTS, batch, threads: 1 },
      ...{ p50_us: round(p50 / 1e3), rows_per_s: Math.round((batch * 1e9) / p50), ratio: round(median(ratio)) },
    });
  }
}

function shapeOf(model: Model): NetworkShape {
  const [cell, hidden] = MODELS[model];
  return { cell, inputs: INPUTS, hidden, layers: 1, outputs: 1, skip: false };
}

function network(model: Model): Network {
  const one = new Network(shapeOf(model));
  one.setWeights(0, initialWeights(one.shape, 1));
  one.reserve(1024);
  one.reserveWave(1024);
  one.lanes.set(Int32Array.from({ length: 1024 }, (_, lane) => lane));
  one.x.set(Float32Array.from({ length: one.x.length }, (_, i) => Math.sin(i)));
  for (let n = 0; n < 3000; n++) one.step(0, 1);
  return one;
}

/** Median nanoseconds of a call, a fresh input row in and a float out, timed in blocks. */
function stepTime(one: Network, batch: number): number {
  const block = Math.max(1, Math.round(100 / batch));
  const { x, y } = one;
  const times: number[] = [];
  let sum = 0;
  for (const end = performance.now() + 120; performance.now() < end;) {
    const start = performance.now();
    for (let n = 0; n < block; n++) {
      x[n % INPUTS] = n / block;
      one.step(0, batch);
      sum += y[0]!;
    }
    times.push(((performance.now() - start) * 1e6) / block);
  }
  if (Number.isNaN(sum)) throw new Error('the step gave no number');
  return median(times);
}

function training(model: Model, emit: Emit): void {
  const sizes = { batch: 32, steps: 64 };
  const trainer = new Trainer(shapeOf(model), sizes, { mean: 'squared', quantiles: [] }, { learningRate: 1e-3, clipNorm: 1 });
  trainer.load(initialWeights(trainer.shape, 1));
  trainer.x.forEach((_, i, x) => (x[i] = Math.sin(i)));
  trainer.target.forEach((_, i, target) => (target[i] = Math.cos(i / 3)));
  const times: number[] = [];
  for (let n = 0; n < 100; n++) {
    const start = performance.now();
    trainer.state.fill(0);
    trainer.forward();
    trainer.backward();
    trainer.update();
    times.push(performance.now() - start);
  }
  const p50_ms = round(median(times.slice(10)));
  emit({
    bench: 'train',
    peer: 'tidecast',
    model,
    input: INPUTS,
    ...sizes,
    threads: 1,
    p50_ms,
    min_ms: round(Math.min(...times)),
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await kernelBench((figure) => console.log(JSON.stringify(figure)));
}
