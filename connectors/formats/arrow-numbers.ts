/** Arrow's numeric columns as doubles. */
import type { ArrowType } from './arrow-schema.ts';
import { typed } from './arrow-body.ts';

/** Bytes a value of a fixed-width type takes; 0 for the others. */
export function width(type: ArrowType): number {
  switch (type.kind) {
    case 'int':
    case 'float':
    case 'decimal':
      return type.bits / 8;
    case 'timestamp':
      return 8;
    case 'date':
      return type.unit === 'day' ? 4 : 8;
    default:
      return 0;
  }
}

/** Whether a column of the type can be a value: integers, floats, decimals; truth values are not numbers. */
export function isNumeric(type: ArrowType): boolean {
  return type.kind === 'int' || type.kind === 'float' || type.kind === 'decimal';
}

/**
 * Doubles of a numeric column.
 *
 * Float64 is a view, without a copy. 64-bit integers are rounded to the nearest double (exact up to 2^53), decimals are their
 * nearest double divided by the power of ten.
 */
export function numbers(type: ArrowType, bytes: Uint8Array): Float64Array {
  if (type.kind === 'float') {
    if (type.bits === 64) return typed(bytes, Float64Array);
    return type.bits === 32 ? Float64Array.from(typed(bytes, Float32Array)) : halves(typed(bytes, Uint16Array));
  }
  if (type.kind === 'decimal') return decimals(bytes, type.bits / 8, type.scale);
  if (type.kind !== 'int') throw new TypeError(`${type.kind} is not numeric`);
  switch (type.bits) {
    case 8:
      return Float64Array.from(type.signed ? typed(bytes, Int8Array) : bytes);
    case 16:
      return Float64Array.from(type.signed ? typed(bytes, Int16Array) : typed(bytes, Uint16Array));
    case 32:
      return Float64Array.from(type.signed ? typed(bytes, Int32Array) : typed(bytes, Uint32Array));
    default:
      return longs(typed(bytes, Int32Array), type.signed);
  }
}

function longs(words: Int32Array, signed: boolean): Float64Array {
  const values = new Float64Array(words.length >> 1);
  for (let i = 0; i < values.length; i++) {
    const high = words[2 * i + 1]!;
    // high x 2^32 is exact, so the sum is rounded once
    values[i] = (signed ? high : high >>> 0) * 4294967296 + (words[2 * i]! >>> 0);
  }
  return values;
}

function halves(words: Uint16Array): Float64Array {
  const values = new Float64Array(words.length);
  for (let i = 0; i < values.length; i++) {
    const word = words[i]!;
    const exponent = (word >> 10) & 31;
    const fraction = word & 1023;
    const size =
      exponent === 31
        ? fraction
          ? NaN
          : Infinity
        : exponent === 0
          ? fraction / 16777216
          : ((1024 + fraction) * (1 << exponent)) / 33554432;
    values[i] = word & 0x8000 ? -size : size;
  }
  return values;
}

function decimals(bytes: Uint8Array, size: number, scale: number): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float64Array(Math.floor(bytes.byteLength / size));
  const power = Number(`1e${Math.abs(scale)}`);
  for (let i = 0; i < values.length; i++) {
    let value = BigInt(view.getInt32((i + 1) * size - 4, true));
    for (let at = (i + 1) * size - 8; at >= i * size; at -= 4) value = (value << 32n) | BigInt(view.getUint32(at, true));
    values[i] = scale >= 0 ? Number(value) / power : Number(value) * power;
  }
  return values;
}
