import { VarveError } from '../errors.js';
import type { SettingValue } from '../settings.js';
import { count, fields, mapOf, nullOr, oneOf, type Shape, text, truth } from './shapes.js';

/*
 * What the supervisor and a broker's process say to each other, besides what the broker asks of the controller.
 */

/** The first message to a broker's process. */
export interface StartBroker {
  readonly type: 'start-broker';
  readonly brokerId: number;
  readonly clusterId: string;
  readonly directory: string;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Another one that is free will do when `port` is taken. */
  readonly mayChoosePort: boolean;
  /** Told to clients and other brokers in place of where it listens. */
  readonly advertised: { readonly host: string; readonly port: number } | null;
  readonly rack: string | null;
  readonly config: Readonly<Record<string, SettingValue>>;
}

export interface StopBroker {
  readonly type: 'stop-broker';
  /** What it leads is led elsewhere first. False when all stop together. */
  readonly isControlled: boolean;
}

export type ToChild = StartBroker | StopBroker;

export type FromChild =
  /** It takes connections, and has registered. */
  | { readonly type: 'broker-ready'; readonly port: number }
  /** It could not start, and ends. */
  | { readonly type: 'broker-failed'; readonly code: string; readonly message: string }
  | { readonly type: 'broker-event'; readonly event: Readonly<Record<string, unknown>> };

const settingValue: Shape = (value, path) =>
  ['string', 'number', 'boolean'].includes(typeof value) ? null : `${path} is not a setting`;

const TO_CHILD: { readonly [T in ToChild['type']]: Shape } = {
  'start-broker': fields({
    brokerId: count,
    clusterId: text,
    directory: text,
    host: text,
    port: count,
    mayChoosePort: truth,
    advertised: nullOr(fields({ host: text, port: count })),
    rack: nullOr(text),
    config: mapOf(settingValue),
  }),
  'stop-broker': fields({ isControlled: truth }),
};

const FROM_CHILD: { readonly [T in FromChild['type']]: Shape } = {
  'broker-ready': fields({ port: count }),
  'broker-failed': fields({ code: text, message: text }),
  'broker-event': fields({ event: fields({ kind: text }) }),
};

const hasType = (shapes: Readonly<Record<string, Shape>>): Shape =>
  fields({ type: oneOf(...Object.keys(shapes)) });

/** Null: a message for somebody else. @throws VarveError INVALID_ARGUMENT for one that is broken. */
export function readToChild(message: unknown): ToChild | null {
  return read(message, TO_CHILD) as ToChild | null;
}

export function readFromChild(message: unknown): FromChild | null {
  return read(message, FROM_CHILD) as FromChild | null;
}

function read(message: unknown, shapes: Readonly<Record<string, Shape>>): unknown {
  if (hasType(shapes)(message, 'message') !== null) return null;
  const { type } = message as { type: string };
  const problem = shapes[type]?.(message, type) ?? null;
  if (problem !== null) throw new VarveError('INVALID_ARGUMENT', problem);
  return message;
}

/** An event as it can be sent: errors become their message. */
export function plainEvent(event: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => [
      name,
      value instanceof Error
        ? `${(value as { code?: string }).code ?? value.name}: ${value.message}`
        : value,
    ]),
  );
}
