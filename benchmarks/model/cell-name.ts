import { type Cell, cellOf, KNOB_NAMES, type KnobName } from './knobs.js';
import { bytesText } from './text.js';

const DEFAULTS = cellOf({});

/**
 * The knobs that are not at their defaults, in one order: equal for the same cell of two runs.
 * `without` leaves knobs out, so that cells of two targets can be put side by side.
 */
export function cellId(cell: Cell, without: readonly KnobName[] = []): string {
  const parts = KNOB_NAMES.filter(
    (name) => !without.includes(name) && (name === 'target' || cell[name] !== DEFAULTS[name]),
  ).map((name) => `${name}=${cell[name]}`);
  return parts.length === 0 ? 'defaults' : parts.join(' ');
}

/** What people read: the knobs that differ between the cells of a run. */
export function cellLabel(cell: Cell, axes: readonly KnobName[]): string {
  const shown = axes.length === 0 ? (['target'] as const) : axes;
  return shown.map((name) => knobText(name, cell[name])).join(', ');
}

const counted = (one: string, many = `${one}s`) => {
  return (value: unknown): string => `${value} ${value === 1 ? one : many}`;
};

const TEXTS: { readonly [N in KnobName]?: (value: Cell[N]) => string } = {
  target: (value) => value,
  experiment: (value) => value,
  by: (value) => `by ${value}`,
  brokers: counted('broker'),
  partitions: counted('partition'),
  replicationFactor: (value) => `RF ${value}`,
  acks: (value) => `acks ${value}`,
  minInsyncReplicas: (value) => `min ISR ${value}`,
  recordBytes: (value) => `${bytesText(value)} records`,
  batchBytes: (value) => `${bytesText(value)} batches`,
  lingerMs: (value) => `linger ${value} ms`,
  flush: (value) => `flush ${value}`,
  producers: counted('producer'),
  inFlight: (value) => `${value} in flight`,
  consumers: counted('consumer'),
  groups: counted('group'),
  reading: (value) => value,
  consumerRate: (value) =>
    value === 'max' ? 'consumers at full speed' : `${bytesText(value)}/s a consumer`,
  keys: (value) => (value === 'none' ? 'no keys' : `${value} keys`),
  codec: (value) => (value === 'none' ? 'uncompressed' : value),
  rate: (value) =>
    value === 'max'
      ? 'highest rate'
      : typeof value === 'number'
        ? `${bytesText(value)}/s`
        : `${value} of the highest rate`,
  arrivals: (value) => `${value} arrivals`,
};

export function knobText<N extends KnobName>(name: N, value: Cell[N]): string {
  const text = TEXTS[name] as ((value: Cell[N]) => string) | undefined;
  return text === undefined ? String(value) : text(value);
}
