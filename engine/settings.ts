import { VarveError } from './errors.js';

/*
 * Tables of settings: names, kinds, defaults and ranges in one place, and the reading of values against them. Topic
 * and broker settings are two such tables.
 */

export type SettingValue = string | number | boolean;
export type SettingUnit =
  | 'bytes'
  | 'ms'
  | 'seconds'
  | 'minutes'
  | 'hours'
  | 'records'
  | 'replicas'
  | 'partitions'
  | 'members'
  | 'connections'
  | 'requests'
  | '%'
  | '';

export type SettingKind =
  | {
      readonly type: 'integer';
      readonly min: number;
      readonly max: number;
      readonly none?: Unlimited;
    }
  | { readonly type: 'ratio' }
  | { readonly type: 'boolean' }
  /** `isList`: the choices are lists, in which order and spaces do not matter. */
  | { readonly type: 'choice'; readonly choices: readonly string[]; readonly isList?: boolean }
  | { readonly type: 'text' };

/** Which numbers besides Infinity say "no limit": -1, or every negative one. */
export type Unlimited = '-1' | 'negative';

export interface Setting<P extends string = string> {
  /** Kafka's name: `segment.bytes`. */
  readonly name: string;
  /** The same in camel case: `segmentBytes`. */
  readonly property: P;
  readonly unit: SettingUnit;
  readonly meaning: string;
  readonly kind: SettingKind;
  /** Null: none. */
  readonly default: SettingValue | null;
}

/** A row of a table of settings, for people. */
export interface SettingDescription<P extends string = string> {
  /** Kafka's name: `segment.bytes`. */
  readonly name: string;
  /** The same in camel case: `segmentBytes`. */
  readonly property: P;
  readonly type: SettingKind['type'];
  readonly default: SettingValue | null;
  readonly unit: SettingUnit;
  /** For people: `1048576 to 2147483647`. */
  readonly range: string;
  readonly meaning: string;
}

const MAX_INT = 0x7fffffff;
/** Kafka's Long.MAX_VALUE, which a double cannot hold. */
const LONG_MAX = '9223372036854775807';

export const int = (min: number, max = MAX_INT): SettingKind => ({ type: 'integer', min, max });
export const long = (min: number, none?: Unlimited): SettingKind =>
  none === undefined
    ? { type: 'integer', min, max: Number.POSITIVE_INFINITY }
    : { type: 'integer', min, max: Number.POSITIVE_INFINITY, none };
export const choice = (...choices: string[]): SettingKind => ({ type: 'choice', choices });
export const choiceOfLists = (...choices: string[]): SettingKind => ({
  type: 'choice',
  choices,
  isList: true,
});
export const BOOLEAN: SettingKind = { type: 'boolean' };
export const RATIO: SettingKind = { type: 'ratio' };
export const TEXT: SettingKind = { type: 'text' };

/** `segment.bytes` is `segmentBytes`. */
export function propertyOf(name: string): string {
  return name.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Settings of one kind of thing, by Kafka's names and by camel case names. */
export class SettingsTable<P extends string> {
  readonly settings: readonly Setting<P>[];
  readonly #what: string;
  readonly #byName = new Map<string, Setting<P>>();

  /** `what` is for messages: `unknown <what> setting`. */
  constructor(what: string, settings: readonly Setting<P>[]) {
    this.#what = what;
    this.settings = settings;
    for (const entry of settings) {
      this.#byName.set(entry.name, entry);
      this.#byName.set(entry.property, entry);
    }
  }

  find(name: string): Setting<P> | undefined {
    return this.#byName.get(name);
  }

  /** What is given, by property, not yet looked at. Fails with INVALID_CONFIG for an unknown name or one given twice. */
  collect(input: Readonly<Record<string, unknown>>): Map<P, unknown> {
    const given = new Map<P, unknown>();
    for (const [name, value] of Object.entries(input)) {
      if (value === undefined) continue;
      const found = this.#byName.get(name);
      if (found === undefined) throw this.#unknownName(name);
      if (given.has(found.property)) {
        throw refuseSetting(
          found.name,
          value,
          `it is given twice, as ${found.name} and as ${found.property}`,
        );
      }
      given.set(found.property, value);
    }
    return given;
  }

  /** Every setting: what is given, checked, else the default. Null is taken only where it is the default. */
  complete(given: ReadonlyMap<P, unknown>): Record<P, SettingValue | null> {
    const values = {} as Record<P, SettingValue | null>;
    for (const { property, name, kind, default: defaultValue } of this.settings) {
      const value = given.get(property);
      values[property] =
        value === undefined || (value === null && defaultValue === null)
          ? defaultValue
          : parseSettingValue(name, kind, value);
    }
    return values;
  }

  describe(): SettingDescription<P>[] {
    return this.settings.map(({ name, property, kind, default: defaultValue, unit, meaning }) => ({
      name,
      property,
      type: kind.type,
      default: defaultValue,
      unit,
      range: rangeOf(kind),
      meaning,
    }));
  }

  /** By Kafka's names, with Kafka's text for each value; settings without a value are left out. */
  format(values: { readonly [N in P]: SettingValue | null }): Record<string, string> {
    const texts: Record<string, string> = {};
    for (const { name, property, kind } of this.settings) {
      const value = values[property];
      if (value !== null) texts[name] = formatSettingValue(kind, value);
    }
    return texts;
  }

  #unknownName(name: string): VarveError {
    return new VarveError(
      'INVALID_CONFIG',
      `unknown ${this.#what} setting ${JSON.stringify(name)}; known are ${this.settings.map((known) => known.name).join(', ')}`,
      { details: { name } },
    );
  }
}

/** Kafka's text for a value: no limit is -1 or Long.MAX_VALUE. */
export function formatSettingValue(kind: SettingKind, value: SettingValue): string {
  if (value !== Number.POSITIVE_INFINITY) return String(value);
  return kind.type === 'integer' && kind.none !== undefined ? '-1' : LONG_MAX;
}

/** Fails with INVALID_CONFIG, naming the setting, the value and the range. */
export function parseSettingValue(name: string, kind: SettingKind, value: unknown): SettingValue {
  switch (kind.type) {
    case 'integer':
      return parseInteger(name, kind, value);
    case 'ratio': {
      const number = toNumber(value);
      if (!(number >= 0 && number <= 1)) throw outOfRange(name, kind, value);
      return number;
    }
    case 'boolean': {
      const text = typeof value === 'string' ? value.trim().toLowerCase() : value;
      if (text !== true && text !== false && text !== 'true' && text !== 'false') {
        throw outOfRange(name, kind, value);
      }
      return text === true || text === 'true';
    }
    case 'choice':
      return parseChoice(name, kind, value);
    case 'text':
      if (typeof value !== 'string') throw outOfRange(name, kind, value);
      return value;
  }
}

function parseInteger(
  name: string,
  kind: Extract<SettingKind, { readonly type: 'integer' }>,
  value: unknown,
): number {
  let number = toNumber(value);
  if (kind.none === '-1' && number === -1) return Number.POSITIVE_INFINITY;
  if (kind.none === 'negative' && number < 0) return Number.POSITIVE_INFINITY;
  // From 2^53 on a double skips integers, and the next limit that means anything is none at all.
  const longMax = Number(LONG_MAX);
  if (number > Number.MAX_SAFE_INTEGER && number <= longMax) number = Number.POSITIVE_INFINITY;
  if (!Number.isSafeInteger(number) && number !== Number.POSITIVE_INFINITY) {
    throw outOfRange(name, kind, value);
  }
  if (number < kind.min || number > kind.max) throw outOfRange(name, kind, value);
  return number;
}

function parseChoice(
  name: string,
  kind: Extract<SettingKind, { readonly type: 'choice' }>,
  value: unknown,
): string {
  if (typeof value === 'string') {
    const text = kind.isList === true ? canonicalList(value) : value;
    if (kind.choices.includes(text)) return text;
  }
  throw outOfRange(name, kind, value);
}

/** `delete, compact` and `compact,delete` are the same. */
function canonicalList(text: string): string {
  const parts = text.split(',').map((part) => part.trim());
  return parts.sort().join(',');
}

function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return Number.NaN;
  const text = value.trim();
  if (text === 'Infinity') return Number.POSITIVE_INFINITY;
  return /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

function rangeOf(kind: SettingKind): string {
  switch (kind.type) {
    case 'integer': {
      const upTo = kind.max === Number.POSITIVE_INFINITY ? 'Infinity' : String(kind.max);
      const noLimit = kind.none === undefined ? '' : ', or -1 for no limit';
      return `${kind.min} to ${upTo}${noLimit}`;
    }
    case 'ratio':
      return '0 to 1';
    case 'boolean':
      return 'true, false';
    case 'choice':
      return kind.choices.map((text) => (text.includes(',') ? `"${text}"` : text)).join(', ');
    case 'text':
      return 'text';
  }
}

const TYPE_NAMES = {
  integer: 'an integer from ',
  ratio: 'a number from ',
  boolean: 'one of ',
  choice: 'one of ',
  text: '',
} as const;

function outOfRange(name: string, kind: SettingKind, value: unknown): VarveError {
  const rule = `it must be ${TYPE_NAMES[kind.type]}${rangeOf(kind)}`;
  return refuseSetting(name, value, rule, rangeOf(kind));
}

export function refuseSetting(
  name: string,
  value: unknown,
  rule: string,
  range?: string,
): VarveError {
  const shown = showValue(value);
  return new VarveError('INVALID_CONFIG', `${name} is ${shown}: ${rule}`, {
    details: range === undefined ? { name, value } : { name, value, range },
  });
}

/** Never runs code of the value: an object's own toString may throw. */
function showValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null || typeof value === 'number' || typeof value === 'boolean') return `${value}`;
  return `of type ${typeof value}`;
}
