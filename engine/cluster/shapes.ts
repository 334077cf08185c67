/*
 * Checks of values that came from another process, by their shape: each says where a value is not what it should be,
 * or null. Fields that are not named are left alone.
 */
export type Shape = (value: unknown, path: string) => string | null;

const rule =
  (what: string, holds: (value: unknown) => boolean): Shape =>
  (value, path) =>
    holds(value) ? null : `${path} is not ${what}`;

export const text = rule('a text', (value) => typeof value === 'string');
export const truth = rule('true or false', (value) => typeof value === 'boolean');
export const whole = rule('a whole number', (value) => Number.isSafeInteger(value));
export const count = rule(
  'a whole number from 0',
  (value) => Number.isSafeInteger(value) && Number(value) >= 0,
);

export const oneOf = (...choices: readonly unknown[]): Shape =>
  rule(`one of ${choices.join(', ')}`, (value) => choices.includes(value));

export const nullOr =
  (shape: Shape): Shape =>
  (value, path) =>
    value === null ? null : shape(value, path);

export const listOf =
  (shape: Shape): Shape =>
  (value, path) => {
    if (!Array.isArray(value)) return `${path} is not a list`;
    for (const [i, item] of value.entries()) {
      const problem = shape(item, `${path}[${i}]`);
      if (problem !== null) return problem;
    }
    return null;
  };

export const fields =
  (shapes: Readonly<Record<string, Shape>>): Shape =>
  (value, path) => {
    if (!isObject(value)) return `${path} is not an object`;
    for (const [name, shape] of Object.entries(shapes)) {
      const problem = shape(value[name], `${path}.${name}`);
      if (problem !== null) return problem;
    }
    return null;
  };

/** An object with any names, whose values all have a shape. */
export const mapOf =
  (shape: Shape): Shape =>
  (value, path) => {
    if (!isObject(value)) return `${path} is not an object`;
    for (const [name, item] of Object.entries(value)) {
      const problem = shape(item, `${path}.${name}`);
      if (problem !== null) return problem;
    }
    return null;
  };

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
