import {
  isNullable,
  type Layout,
  layoutOf,
  leastBytesOfElement,
  type NamedField,
  structLayout,
} from './layout.js';
import type { Decoder, Field, Fields, Message, ScalarType, Struct } from './schema.js';

/**
 * Makes the decoder of one version of a message: one function per struct, which reads its fields in
 * order and builds the object in one literal. It is put together as JavaScript source, since closures
 * over field lists cannot build objects of a fixed shape and take three times as long (decision 0004). All text in
 * it comes from the schemas.
 */
export function compileDecoder(message: Message, version: number): Decoder {
  const source = new DecoderSource(layoutOf(message, version));
  const root = source.structFunction(message.struct);
  const text = `'use strict';\n${source.functions.join('\n')}\nreturn ${root};`;
  return new Function('noBytes', text)(Buffer.alloc(0)) as Decoder;
}

class DecoderSource {
  readonly functions: string[] = [];
  readonly #layout: Layout;
  readonly #names = new Map<Struct<Fields>, string>();
  #variables = 0;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  structFunction(struct: Struct<Fields>): string {
    const known = this.#names.get(struct);
    if (known !== undefined) return known;
    const name = `struct${this.#names.size}`;
    this.#names.set(struct, name);
    const { all, body, tagged } = structLayout(struct, this.#layout);
    const values = new Map<string, string>();
    const lines = body.map(({ name: key, field }) => {
      const variable = this.#variable();
      values.set(key, variable);
      return `let ${variable};\n${this.#readInto(variable, field)}`;
    });
    if (this.#layout.flexible) lines.push(this.#readTags(tagged, values));
    const literal = all.map(
      ({ name: key, field }) => `${key}: ${values.get(key) ?? fallbackOf(field)}`,
    );
    lines.push(`return { ${literal.join(', ')} };`);
    this.functions.push(`function ${name}(r) {\n${lines.join('\n')}\n}`);
    return name;
  }

  #readTags(tagged: readonly NamedField[], values: Map<string, string>): string {
    if (tagged.length === 0) return 'r.skipTags();';
    const declared: string[] = [];
    const cases = tagged.map(({ name, field }) => {
      const variable = this.#variable();
      values.set(name, variable);
      declared.push(`let ${variable} = ${fallbackOf(field)};`);
      return `case ${field.tag}: { ${this.#readInto(variable, field)} r.expectAt(end); break; }`;
    });
    return `${declared.join('\n')}
for (let left = r.tagCount(); left > 0; left--) {
const tag = r.unsignedVarint();
const end = r.tagEnd();
switch (tag) {
${cases.join('\n')}
default: r.at = end;
}
}`;
  }

  /** Statements that read a field of a version that has it. */
  #readInto(variable: string, field: Field<unknown, unknown>): string {
    const { type } = field;
    const nullable = isNullable(field, this.#layout);
    switch (type.kind) {
      case 'scalar':
        return `${variable} = ${this.#scalar(type.scalar, nullable)};`;
      case 'bytes':
      case 'records':
        return `${variable} = r.${this.#method('bytes', nullable)}();`;
      case 'struct': {
        const read = `${this.structFunction(type.struct)}(r)`;
        return nullable ? `${variable} = r.int8() < 0 ? null : ${read};` : `${variable} = ${read};`;
      }
      case 'array': {
        const { element } = type;
        const count = this.#variable();
        const item =
          typeof element === 'string'
            ? this.#scalar(element, false)
            : `${this.structFunction(element)}(r)`;
        const least = leastBytesOfElement(element, this.#layout);
        const loop = `${variable} = new Array(${count}); for (let i = 0; i < ${count}; i++) ${variable}[i] = ${item};`;
        return `const ${count} = r.${this.#method('count', nullable)}(${least});
${nullable ? `if (${count} === -1) ${variable} = null; else { ${loop} }` : loop}`;
      }
    }
  }

  #scalar(type: ScalarType, nullable: boolean): string {
    return type === 'string' ? `r.${this.#method('string', nullable)}()` : `r.${type}()`;
  }

  #method(what: string, nullable: boolean): string {
    return methodName(what, this.#layout.flexible, nullable);
  }

  #variable(): string {
    return `v${this.#variables++}`;
  }
}

/** `string`, `compactString`, `nullableString`, `compactNullableString`. */
export function methodName(what: string, compact: boolean, nullable: boolean): string {
  const words = [...(compact ? ['compact'] : []), ...(nullable ? ['nullable'] : []), what];
  return words.map((word, i) => (i === 0 ? word : capitalized(word))).join('');
}

function capitalized(word: string): string {
  return word[0]!.toUpperCase() + word.slice(1);
}

/** Source of a field's default. */
function fallbackOf({ type, fallback }: Field<unknown, unknown>): string {
  if (fallback !== undefined) return JSON.stringify(fallback);
  if (type.kind === 'array') return '[]';
  if (type.kind !== 'struct') return 'noBytes';
  const fields = Object.entries(type.struct.fields);
  return `{ ${fields.map(([name, field]) => `${name}: ${fallbackOf(field)}`).join(', ')} }`;
}
