// Ways to damage a partition directory that dump-check must not let pass.
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

/** @typedef {{ name: string, on: string, expect: RegExp, apply: (directory: string) => void }} Damage  `on`: the fixture it is done to */

/** @param {string} directory @param {string} suffix @param {number} [nth] of the files with that suffix that are not empty */
function file(directory, suffix, nth = 0) {
  const found = readdirSync(directory)
    .sort()
    .map((name) => path.join(directory, name))
    .filter((name) => name.endsWith(suffix) && readFileSync(name).length > 0)[nth];
  if (found === undefined) throw new Error(`${directory} has no ${suffix} to damage`);
  return found;
}

/** @param {string} name @param {(bytes: Buffer) => void} change */
function edit(name, change) {
  const bytes = readFileSync(name);
  change(bytes);
  writeFileSync(name, bytes);
}

/** @param {Buffer} bytes @param {number} at */
function flip(bytes, at) {
  bytes[at] = /** @type {number} */ (bytes[at]) ^ 1;
}

/** @type {Damage[]} */
export const DAMAGES = [
  {
    name: 'one bit of a value',
    on: 'segments',
    expect: /isvalid: false/,
    apply: (d) => edit(file(d, '.log'), (b) => flip(b, 100)),
  },
  {
    name: 'one bit of a compressed batch',
    on: 'codec-lz4',
    expect: /isvalid: false|status 1/,
    apply: (d) => edit(file(d, '.log'), (b) => flip(b, b.length - 5000)),
  },
  {
    name: 'a batch base offset, which no CRC covers',
    on: 'segments',
    expect: /follows offset|not its name/,
    apply: (d) => edit(file(d, '.log', 1), (b) => flip(b, 7)),
  },
  {
    name: 'a log cut inside its last batch',
    on: 'segments',
    expect: /invalid bytes at the end/,
    apply: (d) => truncateSync(file(d, '.log', 8), 200),
  },
  {
    name: 'zeros after the last batch',
    on: 'segments',
    expect: /record size 0 smaller/,
    apply: (d) => appendFileSync(file(d, '.log', 8), Buffer.alloc(64)),
  },
  {
    name: 'a segment missing in the middle',
    on: 'segments',
    expect: /the next segment begins at/,
    apply: (d) =>
      ['.log', '.index', '.timeindex'].forEach((s) => {
        rmSync(path.join(d, `00000000000000000074${s}`));
      }),
  },
  {
    name: 'an index entry that points at the next batch',
    on: 'segments',
    expect: /Mismatches in|status 1/,
    apply: (d) => edit(file(d, '.index'), (b) => b.copy(b, 4, 12, 16)),
  },
  {
    name: 'an index entry one byte off',
    on: 'segments',
    expect: /Mismatches in|status 1/,
    apply: (d) => edit(file(d, '.index'), (b) => flip(b, 7)),
  },
  {
    name: 'an index padded with zeros',
    on: 'segments',
    expect: /bytes, \d+ entries of 8 read/,
    apply: (d) => appendFileSync(file(d, '.index'), Buffer.alloc(80)),
  },
  {
    name: 'an index that ends inside an entry',
    on: 'segments',
    expect: /index sanity check|bytes, \d+ entries of 8 read/,
    apply: (d) => truncateSync(file(d, '.index'), 20),
  },
  {
    name: 'a missing index',
    on: 'segments',
    expect: /\.index: missing/,
    apply: (d) => rmSync(file(d, '.index')),
  },
  {
    name: 'a time index entry with another timestamp',
    on: 'segments',
    expect: /Found timestamp mismatch in/,
    apply: (d) => edit(file(d, '.timeindex'), (b) => flip(b, 7)),
  },
  {
    name: 'a time index entry with another offset',
    on: 'segments',
    expect: /indexed offsets are not found|timestamp mismatch/,
    apply: (d) => edit(file(d, '.timeindex'), (b) => flip(b, 11)),
  },
  {
    name: 'time index entries out of order',
    on: 'segments',
    expect: /out of order timestamp/,
    apply: (d) =>
      edit(file(d, '.timeindex'), (b) => {
        const first = Buffer.from(b.subarray(0, 12));
        b.copyWithin(0, 12, 24);
        first.copy(b, 12);
      }),
  },
  {
    name: 'no last time index entry',
    on: 'segments',
    expect: /largest in the segment/,
    apply: (d) => truncateSync(file(d, '.timeindex'), 12),
  },
  {
    name: 'a missing transaction index',
    on: 'transactions',
    expect: /is in no \.txnindex/,
    apply: (d) => rmSync(file(d, '.txnindex')),
  },
  {
    name: 'an aborted transaction of another producer',
    on: 'transactions',
    expect: /is not an ABORT marker/,
    apply: (d) => edit(file(d, '.txnindex'), (b) => flip(b, 9)),
  },
  {
    name: 'one bit of a producer snapshot',
    on: 'idempotent',
    expect: /[Ss]napshot.*(corrupt|CRC)/i,
    apply: (d) => edit(file(d, '.snapshot'), (b) => flip(b, 20)),
  },
  {
    name: 'one bit of a compacted log',
    on: 'compacted',
    expect: /isvalid: false|status 1/,
    apply: (d) => edit(file(d, '00060.log'), (b) => flip(b, 100)),
  },
];
