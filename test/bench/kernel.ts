/** The kernel's figures: a step of one row beside the yardstick of the same moment, waves, and training beside TensorFlow.js. */
import { initialWeights } from '../../src/nn/initial.ts';
import { Network } from '../../src/nn/network.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { yardstick } from './native.ts';
import { median, round, whole, type Emit, type Figure } from './figure.ts';
import { tensorFlowTraining } from './kernel-tfjs.ts';

const INPUTS = 8;
const MODELS = { gru32: ['gru', 32], gru64: ['gru', 64], lstm64: ['lstm', 64], lstm128: ['lstm', 128] } as const;
type Model = keyof typeof MODELS;
/** The machine is shared: everything is measured in rounds, each beside the yardstick, and the median of the rounds counts. */
const ROUNDS = 7;

/** Steps may take this many times the yardstick's. */
const STEP_BAR: Readonly<Record<Model, number>> = { gru32: 2.5, gru64: 2.5, lstm64: 2.5, lstm128: 1.7 };
/** Rows a second of a wave, where the yardstick's step of one row takes so many microseconds. */
const WAVE_BAR: Partial<Record<Model, { rate: number; yardstick: number }>> = {
  gru64: { rate: 1_050_000, yardstick: 0.75 },
  lstm64: { rate: 850_000, yardstick: 1.1 },
};
/** Milliseconds: PyTorch's, and twice PyTorch's best. */
const TRAIN_BAR: Partial<Record<Model, number>> = { gru64: 12.8, lstm64: 8.2 };
const TFJS_BAR = 10;
const SIZES = { batch: 32, steps: 64 };

/** Steps of one row beside the yardstick, then waves; about half a minute. */
export function stepBench(emit: Emit): void {
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
    const p50_us = round(median(floor.get(model)!) / 1e3);
    emit({
      keys: { bench: 'step', peer, version: 'this run', model, input: INPUTS, batch: 1, threads: 1, p50_us, p99_us: null },
      what: `${model}, ${peer}`,
      shown: `${p50_us} us`,
    });
  }
  for (const { model, batch, ns, ratio } of found)
    emit(stepFigure(model, batch, median(ns), median(ratio), tail(networks.get(model)!, batch), peer === 'native'));
}

function stepFigure(model: Model, batch: number, ns: number, ratio: number, p99: number, judged: boolean): Figure {
  const rate = (batch * 1e9) / ns;
  const wave = WAVE_BAR[model];
  const most = batch === 1 ? STEP_BAR[model] : wave && 1e6 / wave.rate / wave.yardstick;
  const promise = batch === 1 ? '' : `: ${whole(wave?.rate ?? 0)} rows/s where that takes ${wave?.yardstick} us`;
  return {
    keys: {
      ...{ bench: 'step', peer: 'tidecast', version: process.version, model, input: INPUTS, batch, threads: 1 },
      ...{ p50_us: round(ns / 1e3), p99_us: round(p99), rows_per_s: Math.round(rate), ratio: round(ratio) },
    },
    what: batch === 1 ? model : `${model}, ${batch} lanes`,
    shown: batch === 1 ? `${round(ns / 1e3)} us, ${ratio.toFixed(2)} x` : `${whole(rate)} rows/s, ${ratio.toFixed(2)} x a row`,
    ...(most === undefined || !judged
      ? {}
      : { bar: `at most ${most.toFixed(2)} x the yardstick${promise}`, pass: ratio <= most }),
  };
}

/** Training, with the same in TensorFlow.js first; about half a minute. */
export async function trainBench(emit: Emit): Promise<void> {
  for (const model of Object.keys(MODELS) as Model[]) {
    if (model === 'gru32') continue;
    const bar = TRAIN_BAR[model];
    const keys = { bench: 'train', model, input: INPUTS, batch: SIZES.batch, T: SIZES.steps, target: 'seq', threads: 1 };
    const ours = training(model);
    const p50 = median(ours);
    const figure = {
      keys: {
        ...keys,
        peer: 'tidecast',
        version: process.version,
        p50_ms: round(p50),
        min_ms: round(Math.min(...ours)),
        p99_ms: round(quantile(ours, 0.99)),
      },
      what: model,
      shown: `${round(p50)} ms`,
    };
    emit(bar === undefined ? figure : { ...figure, bar: `at most ${bar} ms`, pass: p50 <= bar });
    if (bar === undefined) continue;
    const theirs = await tensorFlowTraining(MODELS[model][0], MODELS[model][1], INPUTS, SIZES.batch, SIZES.steps, 3);
    const times = theirs / p50;
    emit({
      keys: { ...keys, peer: 'tfjs-cpu', version: 'this run', p50_ms: round(theirs), min_ms: null, p99_ms: null },
      ...{
        what: `${model}, TensorFlow.js`,
        shown: `${round(theirs)} ms, ${times.toFixed(0)} x ours`,
        bar: `over ${TFJS_BAR} x ours`,
        pass: times > TFJS_BAR,
      },
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

/** Microseconds that 99 of 100 single calls stay under. */
function tail(one: Network, batch: number): number {
  const times: number[] = [];
  for (let n = 0; n < 2000; n++) {
    const start = performance.now();
    one.x[n % INPUTS] = n / 2000;
    one.step(0, batch);
    times.push((performance.now() - start) * 1e3);
  }
  return quantile(times, 0.99);
}

/** Milliseconds of training steps. */
function training(model: Model): number[] {
  const trainer = new Trainer(shapeOf(model), SIZES, { mean: 'squared', quantiles: [] }, { learningRate: 1e-3, clipNorm: 1 });
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
  return times.slice(10);
}

function quantile(values: readonly number[], level: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(level * values.length)]!;
}
