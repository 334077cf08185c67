import { methodName } from './compile-decoder.js';
import { isNullable, type Layout, layoutOf, type NamedField, structLayout } from './layout.js';
import { unencodable } from './malformed.js';
import type { Encoder, Field, Fields, Message, ScalarType, Struct } from './schema.js';

/** Makes the encoder of one version of a message, in the same way as `compileDecoder` its reader. */
export function compileEncoder(message: Message, version: number): Encoder {
  const source = new EncoderSource(layoutOf(message, version));
  const root = source.structFunction(message.struct);
  const text = `'use strict';
const noElements = [];
const allLeftOut = {};
${source.functions.join('\n')}
return ${root};`;
  const refuseNull = (field: string) => {
    throw unencodable(`null as ${field} of ${message.name} version ${version}`);
  };
  return new Function('noBytes', 'refuseNull', text)(Buffer.alloc(0), refuseNull) as Encoder;
}

class EncoderSource {
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
    const { body, tagged } = structLayout(struct, this.#layout);
    const lines = body.map((named) => {
      const variable = this.#variable();
      return `${this.#take(variable, named)}\n${this.#write(variable, named)}`;
    });
    if (this.#layout.flexible) lines.push(this.#writeTags(tagged));
    this.functions.push(`function ${name}(w, value) {\n${lines.join('\n')}\n}`);
    return name;
  }

  #take(variable: string, { name, field }: NamedField): string {
    return `let ${variable} = value.${name}; if (${variable} === undefined) ${variable} = ${fallbackOf(field)};`;
  }

  #writeTags(tagged: readonly NamedField[]): string {
    if (tagged.length === 0) return 'w.unsignedVarint(0);';
    const taken: string[] = [];
    const counted: string[] = [];
    const written: string[] = [];
    for (const named of tagged) {
      const variable = this.#variable();
      const sent = `sent${variable}`;
      taken.push(
        `${this.#take(variable, named)}\nconst ${sent} = !(${isDefault(variable, named.field)});`,
      );
      counted.push(`(${sent} ? 1 : 0)`);
      written.push(
        `if (${sent}) { const start = w.beginTag(${named.field.tag}); ${this.#write(variable, named)} w.endTag(start); }`,
      );
    }
    return `${taken.join('\n')}
const tags = ${counted.join(' + ')};
w.unsignedVarint(tags);
if (tags !== 0) {
${written.join('\n')}
}`;
  }

  /** Statements that write the value in `variable`. */
  #write(variable: string, { name, field }: NamedField): string {
    const { type } = field;
    const nullable = isNullable(field, this.#layout);
    const refuse = nullable ? '' : `if (${variable} === null) refuseNull('${name}');\n`;
    switch (type.kind) {
      case 'scalar':
        return `${refuse}${this.#scalar(type.scalar, nullable, variable)}`;
      case 'bytes':
      case 'records':
        return `${refuse}w.${this.#method(type.kind, nullable)}(${variable});`;
      case 'struct': {
        const write = `${this.structFunction(type.struct)}(w, ${variable});`;
        return nullable
          ? `if (${variable} === null) w.int8(-1); else { w.int8(1); ${write} }`
          : `${refuse}${write}`;
      }
      case 'array': {
        const { element } = type;
        const item = `${variable}[i]`;
        const write =
          typeof element === 'string'
            ? this.#scalar(element, false, item)
            : `${this.structFunction(element)}(w, ${item});`;
        const count = `w.${this.#method('count', false)}`;
        const all = `${count}(${variable}.length); for (let i = 0; i < ${variable}.length; i++) ${write}`;
        return nullable
          ? `if (${variable} === null) ${count}(-1); else { ${all} }`
          : `${refuse}${all}`;
      }
    }
  }

  #scalar(type: ScalarType, nullable: boolean, value: string): string {
    return type === 'string'
      ? `w.${this.#method('string', nullable)}(${value});`
      : `w.${type}(${value});`;
  }

  #method(what: string, nullable: boolean): string {
    return methodName(what, this.#layout.flexible, nullable);
  }

  #variable(): string {
    return `v${this.#variables++}`;
  }
}

/** Source of what is sent for a field left out. The empty values are shared: nothing writes to them. */
function fallbackOf({ type, fallback }: Field<unknown, unknown>): string {
  if (fallback !== undefined) return JSON.stringify(fallback);
  if (type.kind === 'array') return 'noElements';
  return type.kind === 'struct' ? 'allLeftOut' : 'noBytes';
}

/** Source that tells whether a tagged field is at its default and so is not sent. */
function isDefault(value: string, { type, fallback }: Field<unknown, unknown>): string {
  if (fallback !== undefined) return `${value} === ${JSON.stringify(fallback)}`;
  if (type.kind !== 'struct') return `${value} !== null && ${value}.length === 0`;
  const fields = Object.entries(type.struct.fields).map(([name, field]) => {
    const its = `${value}.${name}`;
    return `(${its} === undefined || ${isDefault(its, field)})`;
  });
  return `${value} !== null && ${fields.join(' && ')}`;
}
