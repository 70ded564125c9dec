/**
 * ONNX's messages as bytes: the few of `onnx.proto` that a graph of ours needs, with their field numbers.
 *
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** One operation; an empty name among its inputs stands for one that is left out. */
export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number>>;
}

/** A constant, row-major: floats, or 64-bit whole numbers. */
export interface OnnxConstant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array | BigInt64Array;
}

/** An input or output of the graph; a size that is free has a name. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

/** A graph whose nodes stand in the order in which they run. */
export interface OnnxGraph {
  readonly name: string;
  readonly doc: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly constants: readonly OnnxConstant[];
  readonly nodes: readonly OnnxNode[];
}

const IR_VERSION = 8;
/** The set of operations that the graph is written for. */
export const OPSET = 17;
const FLOAT = 1;
const INT64 = 7;
const ATTRIBUTE_INT = 2;

/** The bytes of an ONNX file, the same for the same graph. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  const model = new BinaryWriter();
  whole(model, 1, IR_VERSION);
  text(model, 2, 'tidecast');
  message(model, 7, (into) => writeGraph(into, graph));
  message(model, 8, (into) => {
    text(into, 1, '');
    whole(into, 2, OPSET);
  });
  return model.finish();
}

function writeGraph(to: BinaryWriter, { name, doc, inputs, outputs, constants, nodes }: OnnxGraph): void {
  for (const node of nodes) message(to, 1, (into) => writeNode(into, node));
  text(to, 2, name);
  for (const constant of constants) message(to, 5, (into) => writeConstant(into, constant));
  text(to, 10, doc);
  for (const value of inputs) message(to, 11, (into) => writeValue(into, value));
  for (const value of outputs) message(to, 12, (into) => writeValue(into, value));
}

function writeNode(to: BinaryWriter, { op, inputs, outputs, attributes = {} }: OnnxNode): void {
  for (const name of inputs) text(to, 1, name);
  for (const name of outputs) text(to, 2, name);
  text(to, 4, op);
  for (const [name, value] of Object.entries(attributes))
    message(to, 5, (into) => {
      text(into, 1, name);
      whole(into, 3, value);
      whole(into, 20, ATTRIBUTE_INT);
    });
}

function writeConstant(to: BinaryWriter, { name, shape, values }: OnnxConstant): void {
  for (const size of shape) whole(to, 1, size);
  whole(to, 2, values instanceof Float32Array ? FLOAT : INT64);
  text(to, 8, name);
  const bytes = Buffer.alloc(values.byteLength);
  if (values instanceof Float32Array) values.forEach((value, i) => bytes.writeFloatLE(value, 4 * i));
  else values.forEach((value, i) => bytes.writeBigInt64LE(value, 8 * i));
  to.tag(9, WireType.LengthDelimited).bytes(bytes);
}

function writeValue(to: BinaryWriter, { name, shape }: OnnxValue): void {
  text(to, 1, name);
  message(to, 2, (type) =>
    message(type, 1, (tensor) => {
      whole(tensor, 1, FLOAT);
      message(tensor, 2, (sizes) => {
        for (const size of shape)
          message(sizes, 1, (into) => (typeof size === 'number' ? whole(into, 1, size) : text(into, 2, size)));
      });
    }),
  );
}

function message(to: BinaryWriter, field: number, fill: (into: BinaryWriter) => void): void {
  to.tag(field, WireType.LengthDelimited).fork();
  fill(to);
  to.join();
}

function text(to: BinaryWriter, field: number, value: string): void {
  to.tag(field, WireType.LengthDelimited).string(value);
}

function whole(to: BinaryWriter, field: number, value: number): void {
  to.tag(field, WireType.Varint).int64(value);
}
