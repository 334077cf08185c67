import { crcGroup } from './crc.js';
import { decodeGroup } from './decode.js';
import { encodeGroup } from './encode.js';
import { indexGroup } from './index-lookup.js';
import { logGroup } from './log.js';
import type { MicroGroup } from './task.js';
import { varintGroup } from './varint.js';

export const GROUPS: readonly MicroGroup[] = [
  crcGroup,
  varintGroup,
  encodeGroup,
  decodeGroup,
  indexGroup,
  logGroup,
];
