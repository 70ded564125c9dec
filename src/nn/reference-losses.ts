/** Every loss in plain doubles. See `reference.ts`; formulas: `losses.ts`. */
import { exp, log } from '../core/math/math.ts';
import { constantOf, groupOf, targetsOf, type DensityLoss, type Loss, type LossSpec } from './losses.ts';

/** Loss and dL/dy of several sequences: y and target [B][T][...], a target of NaN is unknown. */
export function loss(
  spec: Loss,
  y: readonly (readonly Float64Array[])[],
  target: readonly (readonly Float64Array[])[],
): { loss: number; dy: Float64Array[][] } {
  const K = targetsOf(y[0]![0]!.length, spec);
  const width = groupOf(spec);
  const dy = y.map((rows) => rows.map((row) => new Float64Array(row.length)));
  const N = target.flat().reduce((sum, row) => sum + row.filter((value) => !Number.isNaN(value)).length, 0);
  let sum = 0;
  y.forEach((rows, b) =>
    rows.forEach((row, t) => {
      for (let k = 0; k < K; k++) {
        const truth = target[b]![t]![k]!;
        if (Number.isNaN(truth)) continue;
        const one = ofTarget(spec, row.subarray(k * width, (k + 1) * width), truth);
        sum += one.loss;
        one.dy.forEach((d, j) => (dy[b]![t]![k * width + j] = d / N));
      }
    }),
  );
  return { loss: N === 0 ? 0 : sum / N, dy };
}

/** Loss and gradient of one target's outputs. */
function ofTarget(spec: Loss, y: Float64Array, truth: number): { loss: number; dy: number[] } {
  if (!('head' in spec)) return ofForecast(spec, y, truth);
  return spec.head === 'categorical' ? ofClass(y, truth) : ofDensity(spec, y, truth);
}

function ofForecast(spec: LossSpec, y: Float64Array, truth: number): { loss: number; dy: number[] } {
  const Q = spec.quantiles.length;
  const delta = spec.delta ?? 1;
  const e = y[0]! - truth;
  const size = Math.abs(e);
  const square = spec.mean === 'squared' || (spec.mean === 'huber' && size <= delta);
  const scale = spec.mean === 'squared' ? 1 : 0.5;
  const slope = spec.mean === 'huber' ? delta : 1;
  let sum = square ? scale * e * e : slope * (size - (spec.mean === 'huber' ? delta / 2 : 0));
  const dy = [square ? 2 * scale * e : slope * Math.sign(e)];
  spec.quantiles.forEach((q, i) => {
    const u = truth - y[1 + i]!;
    sum += Math.max(q * u, (q - 1) * u) / Q;
    dy.push((u > 0 ? -q : u < 0 ? 1 - q : 0) / Q);
  });
  return { loss: sum, dy };
}

/** -log p of the truth, p = softmax(y); the gradient is p - 1 at the truth and p elsewhere. */
function ofClass(y: Float64Array, truth: number): { loss: number; dy: number[] } {
  const largest = Math.max(...y);
  const total = y.reduce((sum, value) => sum + exp(value - largest), 0);
  const dy = [...y].map((value, j) => exp(value - largest) / total - Number(j === truth));
  return { loss: log(total) + largest - y[truth]!, dy };
}

/** y = mean, s = log sigma; z = (mean - truth) / sigma. */
function ofDensity(spec: DensityLoss, y: Float64Array, truth: number): { loss: number; dy: number[] } {
  const [mean, s] = y as unknown as [number, number];
  const sigma = exp(s);
  const z = (mean - truth) / sigma;
  if (spec.head === 'gaussian') return { loss: s + (z * z) / 2 + constantOf(spec), dy: [z / sigma, 1 - z * z] };
  const v = spec.degrees;
  const pull = ((v + 1) * z) / (v + z * z);
  return { loss: s + ((v + 1) / 2) * log(1 + (z * z) / v) + constantOf(spec), dy: [pull / sigma, 1 - pull * z] };
}
