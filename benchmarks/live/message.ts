import type { RunEvent } from '../run/events.js';

/** What a watcher needs of an event: without histograms and processes, which are most of it. */
export type LiveMessage =
  | Exclude<RunEvent, { readonly type: 'measured' | 'finished' | 'cell' }>
  | Omit<Extract<RunEvent, { readonly type: 'cell' }>, 'cell'>
  | ({ readonly type: 'measured'; readonly id: string } & MeasuredFigures)
  | {
      readonly type: 'finished';
      readonly status: string;
      readonly reason: string | null;
      readonly path: string | null;
    };

export interface MeasuredFigures {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  /** null: not measured, as with acks=0 and no consumer. */
  readonly p50Us: number | null;
  readonly p99Us: number | null;
}

export function messageOf(event: RunEvent): LiveMessage {
  if (event.type === 'cell') {
    const { cell: _cell, ...rest } = event;
    return rest;
  }
  if (event.type === 'measured') {
    const { produced, latency } = event.run;
    return {
      type: 'measured',
      id: event.id,
      recordsPerSecond: produced.recordsPerSecond,
      bytesPerSecond: produced.bytesPerSecond,
      p50Us: latency.publish?.p50Us ?? null,
      p99Us: latency.publish?.p99Us ?? null,
    };
  }
  if (event.type === 'finished') {
    const { status, statusReason } = event.result;
    return { type: 'finished', status, reason: statusReason, path: event.path };
  }
  return event;
}
