import { z } from 'zod';
import { BenchError } from './bench-error.js';
import { cellId, cellLabel } from './cell-name.js';
import { type Cell, cellSchema, KNOB_NAMES, KNOBS, type KnobName } from './knobs.js';
import { NUMBER } from './written-number.js';

/** Values of knobs that are crossed with each other; a knob that is not there has its default. */
export type Axes = { readonly [N in KnobName]?: readonly Cell[N][] };

/** More is a mistake, or a run of days. */
export const MAX_CELLS = 5000;

/** Every combination, in the order of the knobs; cells that are there twice are measured once. */
export function crossAxes(axes: Axes): Cell[] {
  const names = KNOB_NAMES.filter((name) => axes[name] !== undefined);
  const size = names.reduce((product, name) => product * (axes[name]?.length ?? 1), 1);
  if (size > MAX_CELLS) {
    throw new BenchError(
      'INVALID_KNOB',
      `the matrix has more than ${MAX_CELLS} cells, ${size}: give fewer values, or split it`,
    );
  }
  let cells: Partial<Cell>[] = [{}];
  for (const name of names) {
    const values: readonly Cell[typeof name][] = axes[name] ?? [];
    cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value })));
  }
  return cells.map((cell) => cellSchema.parse(cell));
}

/** All matrices, each cell once, where it came first. */
export function cellsOf(matrices: readonly Axes[]): Cell[] {
  const found = new Map<string, Cell>();
  for (const axes of matrices) {
    for (const cell of crossAxes(axes)) {
      const id = cellId(cell);
      if (!found.has(id)) found.set(id, cell);
    }
  }
  return [...found.values()];
}

/** Knobs that differ between cells, in the order of the knobs. */
export function axesOf(cells: readonly Cell[]): KnobName[] {
  return KNOB_NAMES.filter((name) => new Set(cells.map((cell) => cell[name])).size > 1);
}

/**
 * What people call a cell of a run: the knobs that differ between the cells of its target and experiment, and those two
 * where there are several. A knob that means nothing on a target is not in its cells' names.
 */
export function labelAmong(cell: Cell, cells: readonly Cell[]): string {
  const among = axesOf(cells);
  const own = axesOf(
    cells.filter(
      ({ target, experiment }) => target === cell.target && experiment === cell.experiment,
    ),
  );
  return cellLabel(
    cell,
    among.filter((name) => name === 'target' || name === 'experiment' || own.includes(name)),
  );
}

/** What no target could do. What one target cannot do is for its `refusal`. */
export function refusalOf(cell: Cell): string | null {
  const { minInsyncReplicas, replicationFactor, experiment, by, producers, groups, consumers } =
    cell;
  if (minInsyncReplicas > replicationFactor) {
    return `minInsyncReplicas ${minInsyncReplicas} is above replicationFactor ${replicationFactor}: no acks=all could ever succeed; lower one or raise the other`;
  }
  if (cell.recordBytes > cell.batchBytes) {
    return `recordBytes ${cell.recordBytes} is above batchBytes ${cell.batchBytes}: raise batchBytes to one record at least`;
  }
  if (experiment !== 'load' && producers > 1) {
    return `experiment ${experiment} counts acknowledged records of one producer: producers ${producers} must be 1`;
  }
  if (experiment === 'failover' && by === 'move' && replicationFactor === 1) {
    return `by is move, replicationFactor is 1: there is no other replica to lead; take 2 or more, or by stop`;
  }
  if (experiment === 'recovery' && by === 'move') {
    return `by is move, experiment is recovery: nothing is started again when a leader moves; take kill or stop`;
  }
  if (consumers === 0 && groups > 1) {
    return `groups ${groups} need consumers: 0 reads nothing`;
  }
  return null;
}

/** A value of a knob as it is written on a command line: `4`, `all`, `none`, `50%`, `64KiB`. */
export function parseKnobValue<N extends KnobName>(name: N, text: string): Cell[N] {
  const schema = KNOBS[name] as z.ZodType;
  for (const candidate of candidates(text.trim())) {
    const parsed = schema.safeParse(candidate);
    if (parsed.success) return parsed.data as Cell[N];
  }
  const problem = schema.safeParse(candidates(text.trim())[0]).error;
  throw new BenchError(
    'INVALID_KNOB',
    `${name} ${JSON.stringify(text)}: ${rangeOf(name) ?? problem?.issues[0]?.message ?? 'not a value of it'}`,
  );
}

/** `1,2,4` */
export function parseKnobValues<N extends KnobName>(name: N, text: string): Cell[N][] {
  // A list of addresses has commas of its own.
  const items =
    name === 'target' && text.includes('://')
      ? text.split(/,(?=[a-z-]+(?::\/\/|,|$))/)
      : text.split(',');
  return [...new Set(items.map((item) => parseKnobValue(name, item)))];
}

/** `knob=value` words, as `varve profile` and `varve bench` take them. */
export function parseKnobWords(words: readonly string[]): Axes {
  const axes: Record<string, readonly unknown[]> = {};
  for (const word of words) {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(0, at));
    if (at < 1 || !isKnobName(name)) {
      throw new BenchError(
        'INVALID_KNOB',
        `${JSON.stringify(word)} is not knob=value; knobs: ${KNOB_NAMES.join(', ')}`,
      );
    }
    axes[name] = parseKnobValues(name, word.slice(at + 1));
  }
  return axes as Axes;
}

export function isKnobName(text: string): text is KnobName {
  return (KNOB_NAMES as readonly string[]).includes(text);
}

const PLAIN = new RegExp(`^-?${NUMBER}$`);
/** Of a knob whose values are texts: `5e1%` is 50%, `1e3ms` is 1000ms. */
const WITH_UNIT = new RegExp(`^(${NUMBER})(%|ms)$`);
const SIZE = new RegExp(`^(${NUMBER})\\s*(k|m|g)(i?)b?(?:/s)?$`, 'i');

function candidates(text: string): unknown[] {
  if (PLAIN.test(text)) return [Number(text), text];
  const unit = WITH_UNIT.exec(text);
  if (unit !== null) return [text, `${Number(unit[1])}${unit[2]}`];
  const size = SIZE.exec(text);
  if (size !== null) {
    const base = size[3] === '' ? 1000 : 1024;
    const power = { k: 1, m: 2, g: 3 }[(size[2] as string).toLowerCase()] as number;
    return [text, Number(size[1]) * base ** power];
  }
  return [text];
}

/** The range of a knob in words, from its schema; null where it has no simple one. */
export function rangeOf(name: KnobName): string | null {
  const json = z.toJSONSchema(KNOBS[name] as z.ZodType) as JsonSchema;
  return describeSchema(json);
}

interface JsonSchema {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly anyOf?: readonly JsonSchema[];
}

function describeSchema(schema: JsonSchema): string | null {
  if (schema.anyOf !== undefined) {
    const parts = schema.anyOf.map(describeSchema).filter((part) => part !== null);
    return parts.length === 0 ? null : parts.join(', or ');
  }
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  if (schema.const !== undefined) return String(schema.const);
  if (schema.pattern?.includes('%')) return 'a share of the measured maximum such as 50%';
  if (schema.pattern?.includes('ms')) return 'milliseconds such as 1000ms';
  if (schema.type === 'integer')
    return `a whole number from ${schema.minimum} to ${schema.maximum}`;
  if (schema.type === 'number') return `a number up to ${schema.maximum}`;
  return null;
}
