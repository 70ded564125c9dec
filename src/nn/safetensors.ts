/** Tensors in the safetensors format: the header's length (u64, little endian), the header (JSON), then the values (F32, little endian). */
import { TidecastError } from '../core/errors.ts';
import { isExtra, sizeOf, tensorsOf, type NetworkShape, type Tensor, type Weights } from './shape.ts';

/** A network's tensors, then those of other models beside it, which are lists of numbers of any length. */
export function tensorsWith(shape: NetworkShape | undefined, extras: readonly (readonly [string, number])[]): readonly Tensor[] {
  return [...(shape ? tensorsOf(shape) : []), ...extras.map(([name, length]) => ({ name, shape: [length] }))];
}

/** Names and lengths of what is not the network's. */
export function extrasOf(weights: Weights): (readonly [string, number])[] {
  return [...weights].filter(([name]) => isExtra(name)).map(([name, { length }]) => [name, length] as const);
}

/** The bytes of {@link encodeTensors}, without making them. */
export function encodedLength(tensors: readonly Tensor[]): number {
  return 8 + headerOf(tensors).length + 4 * tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
}

/** All tensors in their order; the same bytes for the same weights. */
export function encodeTensors(tensors: readonly Tensor[], weights: Weights): Uint8Array {
  const header = headerOf(tensors);
  const bytes = new Uint8Array(encodedLength(tensors));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  let at = 8 + header.length;
  for (const tensor of tensors) {
    for (const value of weights.get(tensor.name)!) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return bytes;
}

/** The tensors back; throws NN_MODEL_DAMAGED unless length and header are exactly what these tensors' would be. */
export function decodeTensors(tensors: readonly Tensor[], bytes: Uint8Array): Weights {
  const header = headerOf(tensors);
  const expected = encodedLength(tensors);
  if (bytes.length !== expected) throw new TidecastError('NN_MODEL_DAMAGED', { bytes: bytes.length, expected });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getBigUint64(0, true) !== BigInt(header.length) || header.some((byte, i) => bytes[8 + i] !== byte)) {
    throw new TidecastError('NN_MODEL_DAMAGED', { reason: 'its header names other tensors' });
  }
  const weights = new Map<string, Float32Array>();
  let at = 8 + header.length;
  for (const tensor of tensors) {
    const values = new Float32Array(sizeOf(tensor));
    for (let i = 0; i < values.length; i++) {
      values[i] = view.getFloat32(at, true);
      at += 4;
    }
    weights.set(tensor.name, values);
  }
  return weights;
}

/** The header, filled up with spaces so that the values begin at a multiple of 8. */
function headerOf(tensors: readonly Tensor[]): Uint8Array {
  const entries: Record<string, unknown> = { __metadata__: { format: 'tidecast' } };
  let at = 0;
  for (const tensor of tensors) {
    const end = at + 4 * sizeOf(tensor);
    entries[tensor.name] = { dtype: 'F32', shape: tensor.shape, data_offsets: [at, end] };
    at = end;
  }
  const text = JSON.stringify(entries);
  return new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
}
