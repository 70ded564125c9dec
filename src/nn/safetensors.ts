/** Tensors in the safetensors format: the header's length (u64, little endian), the header (JSON), then the values (F32, little endian). */
import { TidecastError } from '../core/errors.ts';
import { sizeOf, tensorsOf, type NetworkShape, type Weights } from './shape.ts';

/** The bytes of {@link encodeTensors}, without making them. */
export function encodedLength(shape: NetworkShape): number {
  return 8 + headerOf(shape).length + 4 * tensorsOf(shape).reduce((sum, tensor) => sum + sizeOf(tensor), 0);
}

/** All tensors of a network, in the order of `tensorsOf`; the same bytes for the same weights. */
export function encodeTensors(shape: NetworkShape, weights: Weights): Uint8Array {
  const header = headerOf(shape);
  const bytes = new Uint8Array(encodedLength(shape));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  let at = 8 + header.length;
  for (const tensor of tensorsOf(shape)) {
    for (const value of weights.get(tensor.name)!) {
      view.setFloat32(at, value, true);
      at += 4;
    }
  }
  return bytes;
}

/** The tensors back; throws NN_MODEL_DAMAGED unless length and header are exactly what this shape's would be. */
export function decodeTensors(shape: NetworkShape, bytes: Uint8Array): Weights {
  const header = headerOf(shape);
  const expected = encodedLength(shape);
  if (bytes.length !== expected) throw new TidecastError('NN_MODEL_DAMAGED', { bytes: bytes.length, expected });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getBigUint64(0, true) !== BigInt(header.length) || header.some((byte, i) => bytes[8 + i] !== byte)) {
    throw new TidecastError('NN_MODEL_DAMAGED', { reason: 'its header names other tensors' });
  }
  const weights = new Map<string, Float32Array>();
  let at = 8 + header.length;
  for (const tensor of tensorsOf(shape)) {
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
function headerOf(shape: NetworkShape): Uint8Array {
  const entries: Record<string, unknown> = { __metadata__: { format: 'tidecast' } };
  let at = 0;
  for (const tensor of tensorsOf(shape)) {
    const end = at + 4 * sizeOf(tensor);
    entries[tensor.name] = { dtype: 'F32', shape: tensor.shape, data_offsets: [at, end] };
    at = end;
  }
  const text = JSON.stringify(entries);
  return new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
}
