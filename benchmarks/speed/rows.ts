import { durable1k, durable100, writers64 } from './durable-rows.js';
import { pointReads, scan, views } from './read-rows.js';
import { readyCrc, readyNoCrc, sustained, sustainedBusy } from './ready-rows.js';
import { records1k, records100, single100 } from './record-rows.js';
import { recovery } from './recovery-rows.js';
import type { SpeedRow } from './row.js';
import { stalls } from './stall-rows.js';
import { manyPartitions, openStore } from './store-rows.js';

/** In the order of the speed table. */
export const SPEED_ROWS: readonly SpeedRow[] = [
  readyNoCrc,
  readyCrc,
  sustained,
  sustainedBusy,
  records100,
  records1k,
  single100,
  durable100,
  durable1k,
  writers64,
  scan,
  views,
  pointReads,
  recovery,
  openStore,
  manyPartitions,
  stalls,
];
