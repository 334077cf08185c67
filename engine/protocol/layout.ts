import {
  type Field,
  type Fields,
  includesVersion,
  type Message,
  type ScalarType,
  type Struct,
} from './schema.js';

type AnyField = Field<unknown, unknown>;

/** One version of a message: what of the schema is on the wire, and in which form. */
export interface Layout {
  readonly version: number;
  /** Texts, bytes and arrays are compact, and every struct ends with tagged fields. */
  readonly flexible: boolean;
}

export function layoutOf(message: Message, version: number): Layout {
  return { version, flexible: includesVersion(message.flexible, version) };
}

export interface NamedField {
  readonly name: string;
  readonly field: AnyField;
}

export interface StructLayout {
  /** Every field of the schema in its order: a decoded object has them all. */
  readonly all: readonly NamedField[];
  readonly body: readonly NamedField[];
  /** In ascending order of their tags. */
  readonly tagged: readonly NamedField[];
}

export function structLayout({ fields }: Struct<Fields>, layout: Layout): StructLayout {
  const all = Object.entries(fields).map(([name, field]) => ({ name, field }));
  const here = all.filter(({ field }) => includesVersion(field.versions, layout.version));
  return {
    all,
    body: here.filter(({ field }) => field.tag < 0),
    tagged: here.filter(({ field }) => field.tag >= 0).sort((a, b) => a.field.tag - b.field.tag),
  };
}

export function isNullable(field: AnyField, layout: Layout): boolean {
  return includesVersion(field.nullable, layout.version);
}

const SCALAR_BYTES: Readonly<Record<ScalarType, number>> = {
  bool: 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  int64: 8,
  float64: 8,
  string: 2,
  uuid: 16,
};

/** The fewest bytes an element of an array takes, against which its count is checked. */
export function leastBytesOfElement(element: ScalarType | Struct<Fields>, layout: Layout): number {
  if (typeof element !== 'string') return leastBytesOfStruct(element, layout);
  return element === 'string' && layout.flexible ? 1 : SCALAR_BYTES[element];
}

function leastBytesOfStruct(struct: Struct<Fields>, layout: Layout): number {
  let total = layout.flexible ? 1 : 0;
  for (const { field } of structLayout(struct, layout).body) {
    total += leastBytesOfField(field, layout);
  }
  return total;
}

function leastBytesOfField(field: AnyField, layout: Layout): number {
  const { type } = field;
  if (type.kind === 'scalar') return leastBytesOfElement(type.scalar, layout);
  if (type.kind === 'struct') {
    return isNullable(field, layout) ? 1 : leastBytesOfStruct(type.struct, layout);
  }
  return layout.flexible ? 1 : 4;
}
