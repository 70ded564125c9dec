/** The schema of an Arrow IPC file: columns, their types, and which buffers of a record batch belong to them. */
import { Damage, sound } from './damage.ts';
import type { FlatTable } from './flatbuffer.ts';

export type TimeUnit = 's' | 'ms' | 'us' | 'ns';

/** The types that columns of ticks can have; everything else is `other` and can only be skipped. */
export type ArrowType =
  | { readonly kind: 'int'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'float'; readonly bits: number }
  | { readonly kind: 'decimal'; readonly bits: number; readonly scale: number }
  | { readonly kind: 'timestamp'; readonly unit: TimeUnit; readonly zone: string }
  | { readonly kind: 'date'; readonly unit: 'day' | 'ms' }
  | { readonly kind: 'text'; readonly form: 'utf8' | 'large' | 'view' }
  | { readonly kind: 'null' }
  | { readonly kind: 'other'; readonly label: string };

/** A dictionary-coded column holds indices of this type into the dictionary `id`. */
export interface DictionaryCode {
  readonly id: number;
  readonly bits: number;
  readonly signed: boolean;
}

export interface ArrowField {
  readonly name: string;
  readonly type: ArrowType;
  readonly dictionary: DictionaryCode | undefined;
  /** Nodes, buffers and variadic counts that the column takes in a record batch, children included. */
  readonly nodes: number;
  readonly buffers: number;
  readonly views: number;
}

export interface ArrowSchema {
  readonly fields: readonly ArrowField[];
  /** The type of the values of every dictionary, by its id. */
  readonly dictionaries: ReadonlyMap<number, ArrowField>;
}

const UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns'];
const MAX_FIELDS = 100_000;
const MAX_DEPTH = 64;

// Type numbers of Schema.fbs, and the buffers of each
const LABELS =
  'none null int float binary utf8 bool decimal date time timestamp interval list struct union fixed-binary fixed-list map duration large-binary large-utf8 large-list run-end binary-view utf8-view list-view large-list-view'.split(
    ' ',
  );
const BUFFERS = [0, 0, 2, 2, 3, 3, 2, 2, 2, 2, 2, 2, 2, 1, 0, 2, 1, 2, 2, 3, 3, 2, 0, 2, 2, 3, 3];

/** Reads a `Schema` table; damage and big-endian files are `Damage`. */
export function readSchema(table: FlatTable, version: number): ArrowSchema {
  sound(table.int16(0) === 0, 'the file is big-endian');
  const dictionaries = new Map<number, ArrowField>();
  let count = 0;

  const readField = (field: FlatTable, depth: number): ArrowField => {
    sound(++count <= MAX_FIELDS && depth <= MAX_DEPTH, 'the schema is absurdly large');
    const children = field.tables(5).map((child) => readField(child, depth + 1));
    const code = field.int8(2);
    sound(code > 0 && code < LABELS.length, `the type number ${code} of a column is unknown`);
    const type = readType(code, field.table(3));
    const name = field.string(0);
    let buffers = BUFFERS[code]!;
    if (LABELS[code] === 'union') buffers = (field.table(3)?.int16(0) === 1 ? 2 : 1) + (version < 4 ? 1 : 0);
    const plain: ArrowField = {
      name,
      type,
      dictionary: undefined,
      nodes: children.reduce((sum, child) => sum + child.nodes, 1),
      buffers: children.reduce((sum, child) => sum + child.buffers, buffers),
      views: children.reduce(
        (sum, child) => sum + child.views,
        LABELS[code]!.endsWith('y-view') || LABELS[code] === 'utf8-view' ? 1 : 0,
      ),
    };
    const coding = field.table(4);
    if (!coding) return plain;
    const index = coding.table(1);
    const dictionary = { id: coding.int64(0), bits: index?.int32(0) ?? 32, signed: index ? index.int8(1) !== 0 : true };
    sound([8, 16, 32, 64].includes(dictionary.bits), 'the index type of a dictionary is unknown');
    dictionaries.set(dictionary.id, plain);
    return { name, type, dictionary, nodes: 1, buffers: 2, views: 0 };
  };

  return { fields: table.tables(1).map((field) => readField(field, 0)), dictionaries };
}

function readType(code: number, table: FlatTable | undefined): ArrowType {
  const label = LABELS[code]!;
  switch (label) {
    case 'null':
      return { kind: 'null' };
    case 'int': {
      const bits = table?.int32(0) ?? 0;
      sound([8, 16, 32, 64].includes(bits), `integers of ${bits} bits`);
      return { kind: 'int', bits, signed: table?.int8(1) !== 0 };
    }
    case 'float': {
      const bits = [16, 32, 64][table?.int16(0) ?? 0];
      if (bits === undefined) throw new Damage('the precision of a float column is unknown');
      return { kind: 'float', bits };
    }
    case 'decimal': {
      const bits = table?.int32(2, 128) ?? 128;
      sound([32, 64, 128, 256].includes(bits), `decimals of ${bits} bits`);
      return { kind: 'decimal', bits, scale: table?.int32(1) ?? 0 };
    }
    case 'date':
      return { kind: 'date', unit: table?.int16(0, 1) === 0 ? 'day' : 'ms' };
    case 'timestamp': {
      const unit = UNITS[table?.int16(0) ?? 0];
      if (unit === undefined) throw new Damage('the unit of a timestamp column is unknown');
      return { kind: 'timestamp', unit, zone: table?.string(1) ?? '' };
    }
    case 'utf8':
      return { kind: 'text', form: 'utf8' };
    case 'large-utf8':
      return { kind: 'text', form: 'large' };
    case 'utf8-view':
      return { kind: 'text', form: 'view' };
    default:
      return { kind: 'other', label };
  }
}

/** A type as a message shows it: `timestamp[ms]`, `int64`, `dictionary<text>`. */
export function typeName({ type, dictionary }: Pick<ArrowField, 'type' | 'dictionary'>): string {
  const plain = plainName(type);
  return dictionary ? `dictionary<${plain}>` : plain;
}

function plainName(type: ArrowType): string {
  switch (type.kind) {
    case 'int':
      return `${type.signed ? '' : 'u'}int${type.bits}`;
    case 'float':
    case 'decimal':
      return `${type.kind}${type.bits}`;
    case 'timestamp':
      return `timestamp[${type.unit}${type.zone ? ` ${type.zone}` : ''}]`;
    case 'date':
      return type.unit === 'day' ? 'date32' : 'date64';
    case 'text':
      return 'text';
    case 'null':
      return 'null';
    case 'other':
      return type.label;
  }
}
