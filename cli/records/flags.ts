import type { CompressionType } from '../../engine/types.js';
import type { ConnectionFlags } from '../client/connection-flags.js';
import type { Place, Until } from './places.js';

export interface ProduceFlags extends ConnectionFlags {
  from: string;
  keySeparator?: string;
  nullValue?: string;
  header?: Record<string, string>;
  partition?: number;
  acks: '0' | '1' | 'all';
  compression: CompressionType;
  batchBytes: number;
  lingerMs: number;
  json?: true;
  report?: true;
}

export interface ConsumeFlags extends ConnectionFlags {
  group?: string;
  from?: Place;
  until?: Until;
  count?: number;
  partition?: readonly number[];
  isolation: 'read_uncommitted' | 'read_committed';
  commit: boolean;
  keys?: true;
  headers?: true;
  timestamps?: true;
  offsets?: true;
  separator: string;
  json?: true;
}
